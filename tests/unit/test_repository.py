"""Rules about the repository as a whole."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {".git", ".venv", ".local", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__"}
LOCKS = ("requirements", "requirements-dev")


def files(pattern: str = "*", below: Path = ROOT) -> list[Path]:
    """Files of the checkout, without what set-up and tools put there. Never none."""
    found = []
    for folder, subfolders, names in os.walk(below):
        # never enter them: running servers make and remove files there
        subfolders[:] = [
            name for name in subfolders if name not in NOT_OURS and not name.endswith(".egg-info")
        ]
        found += [Path(folder, name) for name in names if fnmatch(name, pattern)]
    assert found, f"no {pattern} below {below}"
    return found


def imported_packages(path: Path) -> set[str]:
    """First part of the name of every module that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_exact_versions_and_no_address(lock: str):
    lines = (ROOT / f"{lock}.txt").read_text().splitlines()
    pins = [line for line in lines if not line.lstrip().startswith("#")]
    assert len(pins) > 10
    for line in pins:
        assert re.fullmatch(r"[a-z0-9-]+==[A-Za-z0-9.+!]+( ; .+)?", line), line


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_every_line_of_its_source(lock: str):
    locked = {
        line.split("==")[0]: line.split("==")[1].split(" ")[0]
        for line in (ROOT / f"{lock}.txt").read_text().splitlines()
        if "==" in line and not line.lstrip().startswith("#")
    }
    wanted = [
        line.strip()
        for line in (ROOT / f"{lock}.in").read_text().splitlines()
        if line.strip() and not line.startswith(("#", "-c "))
    ]
    assert wanted
    for requirement in wanted:
        name, pin = re.fullmatch(r"([A-Za-z0-9-]+)(.*)", requirement).groups()
        assert name.lower() in locked, f"{lock}.txt lacks {name}: run `make lock`"
        if pin.startswith("=="):
            assert locked[name.lower()] == pin[2:], f"{lock}.txt is older than {lock}.in: run `make lock`"


def test_both_locks_agree():
    main, dev = (
        {line.split(" ")[0] for line in (ROOT / f"{lock}.txt").read_text().splitlines() if "==" in line}
        for lock in LOCKS
    )
    shared = {pin.split("==")[0] for pin in main} & {pin.split("==")[0] for pin in dev}
    assert shared
    for name in shared:
        assert {pin for pin in dev if pin.startswith(f"{name}==")} <= main, f"{name}: run `make lock`"


def test_what_the_code_imports_is_stated_and_not_somebody_elses_dependency():
    stated = {
        name.lower() for name in re.findall(r"^[A-Za-z0-9-]+", (ROOT / "requirements.in").read_text(), re.M)
    }
    ours = {"skyledger", *(path.name for path in (ROOT / "plugins").iterdir())}
    distributions = packages_distributions()
    for path in [path for folder in ("src", "plugins", "dags") for path in files("*.py", ROOT / folder)]:
        for package in imported_packages(path) - ours - set(sys.stdlib_module_names) - {"airflow"}:
            assert {name.lower().replace("_", "-") for name in distributions[package]} & stated, (
                f"{path.name} imports {package}"
            )


def test_no_file_names_a_package_index():
    address = re.compile(
        r"https?://\S*(pypi|pythonhosted|/simple\b)|^--?(index-url|extra-index-url|find-links|i|f)\b", re.M
    )
    for path in files():
        content = path.read_bytes()
        if path != Path(__file__) and b"\0" not in content:  # not what is no text
            found = address.search(content.decode(errors="replace"))
            assert not found, f"{path.relative_to(ROOT)}: {found and found.group()}"


def test_version_stands_in_one_place():
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert version("skyledger") == stated, "run `make setup`"
    pattern = re.compile(rf"(version|__version__)\s*[=:]\s*[\"']{re.escape(stated)}[\"']")
    assert [path.name for path in files() if pattern.search(path.read_text(errors="replace"))] == [
        "pyproject.toml"
    ]


def test_example_environment_names_every_variable_the_code_reads():
    example = (ROOT / ".env.example").read_text()
    read = {
        name
        for folder in ("src", "plugins", "dags")
        for path in files("*.py", ROOT / folder)
        for name in re.findall(r"\bSKYLEDGER_[A-Z_]+[A-Z]\b", path.read_text())
    }
    assert len(read) > 2
    for name in read:
        assert re.search(rf"^#? ?{name}=", example, re.M), f".env.example lacks {name}"


def test_make_lists_every_target():
    targets = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.M).group(1).split()
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {line.split()[1] for line in listed.stdout.splitlines()} == set(targets)


# --- scripts/setup.sh ------------------------------------------------------------------------------------------------


@pytest.fixture
def bare_programs(tmp_path: Path) -> str:
    """A PATH with the tools that every Debian has, and nothing that set-up would have to install."""
    for name in (
        "bash",
        "cat",
        "cmp",
        "dirname",
        "flock",
        "grep",
        "mkdir",
        "mktemp",
        "sed",
        "sha256sum",
        "tail",
    ):
        found = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
        (tmp_path / name).symlink_to(found)
    (tmp_path / "python3.11").symlink_to(sys.executable)
    return str(tmp_path)


def run_setup(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", str(ROOT / "scripts" / "setup.sh"), *arguments],
        env={"HOME": os.environ.get("HOME", "/"), "PATH": os.environ["PATH"], **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_setup_names_what_is_missing_where_it_cannot_install(bare_programs: str):
    # no apt-get, no sudo: the most it can do is to say what is needed
    done = run_setup(PATH=bare_programs)
    assert done.returncode == 1
    assert re.search(r"missing: .*influxdb.*rsync.*curl", done.stderr), done.stderr


def test_setup_refuses_a_python_that_is_too_old(tmp_path: Path):
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)
    done = run_setup(PYTHON=str(old))
    assert done.returncode == 1
    assert "Python 3.11, 3.12 or 3.13 is needed" in done.stderr
    assert "Python 3.9.2" in done.stderr


@pytest.mark.parametrize("name", ["rsync; touch /tmp/x", "--reinstall", "../rsync"])
def test_setup_installs_only_what_has_the_name_of_a_package(name: str):
    done = run_setup("packages", name)
    assert done.returncode == 1
    assert "is not the name of a package" in done.stderr or "are installed by root" in done.stderr


def test_setup_refuses_unknown_arguments():
    assert run_setup("--help-me").returncode == 1


@pytest.mark.parametrize("path", files("*.md", ROOT / "docs" / "decisions"), ids=lambda path: path.stem)
def test_decisions_name_tests_that_exist(path):
    named = set(re.findall(r"`(test_\w+)`", path.read_text()))
    assert named - {test.stem for test in files("test_*.py", ROOT / "tests")} == set()
