"""The data dictionary: what every column of a network's database holds, from the database's own comments."""

import re

from sqlalchemy import Connection, Dialect, Inspector, inspect
from sqlalchemy.types import TypeEngine

TITLE = """\
# Data dictionary: {network}

What the database of the network holds, from the comments in its migrations. Made by
`skyledger db dictionary {network} > docs/data-dictionary/{network}.md`; a test compares the two. Times are UTC, a
missing value is NULL. Units stand in brackets, [1] is a number without unit. Key columns are bold.
"""
INTERNAL_TABLES = {"alembic_version"}


def dictionary_page(network: str, connection: Connection) -> str:
    """Return the Markdown page for a migrated database."""
    inspector = inspect(connection)
    tables = sorted(set(inspector.get_table_names()) - INTERNAL_TABLES, key=str.lower)
    return "\n".join([TITLE.format(network=network), *(_table(inspector, table) for table in tables)])


def _table(inspector: Inspector, table: str) -> str:
    keys = inspector.get_pk_constraint(table)["constrained_columns"]
    lines = [f"## {table}", "", _sentence(inspector.get_table_comment(table)["text"]), ""]
    lines += ["| column | type | unit and meaning |", "|---|---|---|"]
    for column in inspector.get_columns(table):
        name = f"**{column['name']}**" if column["name"] in keys else column["name"]
        kind = _type(column["type"], inspector.dialect) + ("" if column["nullable"] else ", not null")
        meaning = (column["comment"] or "").replace("|", "\\|")
        lines.append(f"| {name} | {kind} | {meaning} |")
    return "\n".join(lines) + "\n"


def _type(kind: TypeEngine[object], dialect: Dialect) -> str:
    """Name the SQL type without what differs between servers: collation, display width of integers."""
    text = str(kind.compile(dialect)).lower()
    text = re.sub(r" (character set|collate) \w+", "", text)
    return re.sub(r"(int|integer)\(\d+\)", "int", text)


def _sentence(text: str | None) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""
