"""Dependencies point one way: dags -> plugins -> skyledger. The package runs without Airflow."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLUGIN_PACKAGES = {path.name for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").exists()}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def files(folder: str) -> list[Path]:
    found = list((ROOT / folder).rglob("*.py"))
    assert found
    return found


def test_skyledger_knows_neither_airflow_nor_the_plugins_nor_the_sandbox():
    forbidden = {"airflow", "sandbox", "tests", *PLUGIN_PACKAGES}
    assert {str(path): hits for path in files("src/skyledger") if (hits := imported(path) & forbidden)} == {}


def test_every_module_of_skyledger_can_be_imported_where_airflow_is_not_installed():
    code = (
        "import sys, pkgutil, importlib\n"
        "sys.modules['airflow'] = None  # importing it now fails, as if it were not installed\n"
        "import skyledger\n"
        "names = [m.name for m in pkgutil.walk_packages(skyledger.__path__, 'skyledger.')\n"
        # alembic runs env.py inside a migration, and `python -m` runs __main__
        "         if not m.name.endswith(('.env', '.__main__')) and '.versions.' not in m.name]\n"
        "assert len(names) > 10, names\n"
        "for name in names: importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_plugins_and_dags_know_neither_sandbox_nor_tests():
    for folder in ("plugins", "dags"):
        for path in files(folder):
            assert not imported(path) & {"sandbox", "tests"}, path


def test_dags_import_only_airflow_and_the_plugins():
    allowed = {"airflow", *PLUGIN_PACKAGES, *sys.stdlib_module_names}
    for path in files("dags"):
        assert imported(path) <= allowed, path
