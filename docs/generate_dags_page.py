"""Write docs/DAGs.md from the docstrings of the DAG files: one text for the UI, the docs and the reader of the code.

python docs/generate_dags_page.py
"""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "DAGs.md"
HEAD = (
    "# DAGs\n\n"
    "Made by `python docs/generate_dags_page.py` from the docstrings in `dags/`: change them there. "
    "What to do when one fails: [runbook](runbook.md).\n"
)


def page() -> str:
    """The page as it should be."""
    sections = []
    for path in sorted((ROOT / "dags").glob("*.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        if text is None:
            raise SystemExit(f"{path.name} has no docstring: it is the DAG's manual")
        heading, _, body = text.partition("\n")
        sections.append(f"## {path.stem}\n\n*{heading.lstrip('# ')}*\n{body}\n")
    return "\n".join([HEAD, *sections])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
