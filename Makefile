# Everything one does with a checkout. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: setup demo test lint bench stop clean help lock
PYTHON_RUNS := .venv/bin/python

setup: ## install what is missing: system packages, .venv (repeated: a second)
	@bash scripts/setup.sh

demo: setup ## run the whole deployment on simulated data until Ctrl-C (ONCE=1: end after one round)
	@$(PYTHON_RUNS) -m sandbox.demo

test: setup ## run all tests (ARGS="-k telegrams -x" for some)
	@$(PYTHON_RUNS) -m pytest $(ARGS)

lint: setup ## check code, types and SQL
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/sqlfluff lint include/sql

bench: setup ## measure the hot paths, each against its limit
	@$(PYTHON_RUNS) -m bench.telegrams $(ARGS)
	@$(PYTHON_RUNS) -m bench.toa5
	@$(PYTHON_RUNS) -m bench.events
	@$(PYTHON_RUNS) -m bench.iagos_flight
	@$(PYTHON_RUNS) -m bench.iagos_import

stop: ## stop the private servers and the Airflow of this checkout
	@python=$(PYTHON_RUNS); [ -x $$python ] || python=python3; $$python -m sandbox.stop

clean: stop ## remove .venv, .local with all its data, and caches
	@rm -rf .venv .local .mypy_cache .pytest_cache .ruff_cache src/*.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

LOCK := uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header --quiet

lock: ## renew the locks after a change of requirements*.in (UPGRADE=1: newest versions); needs uv
	@$(LOCK) $(if $(UPGRADE),--upgrade) requirements.in --output-file requirements.txt
	@$(LOCK) $(if $(UPGRADE),--upgrade) requirements-dev.in --output-file requirements-dev.txt

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
