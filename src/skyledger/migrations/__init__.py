"""The databases' structure: alembic revisions that run the SQL files of `include/sql/*/migrations`.

Each network is one alembic branch, named like the network, and its database holds that branch only;
the ledger's tables are the first revision of every branch.

MariaDB commits every DDL statement at once, so a migration that fails (disk full, lost connection)
stays half done. Therefore each statement is written so that it can run again (`IF NOT EXISTS`), and the
revision is noted only when all of them have succeeded. To heal: remove the cause named in the error and
run `skyledger db upgrade` again; the statements already done change nothing.

A named lock on the server lets two upgrades that start together run one after the other: the second
one finds nothing to do.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from skyledger.config import SQL_DIR
from skyledger.errors import ConfigError, StorageError, StorageUnavailable
from skyledger.migrations.dictionary_page import dictionary_page
from skyledger.wire import ADVICE, LOST_CODES, TRANSIENT_CODES

HERE = Path(__file__).parent
LOCK_WAIT_S = 300  # longer than any migration of an empty database; a big ALTER may need a second try

# Text, names and comments may hold semicolons; everything else ends a statement with one
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`)"""
    r"|(?P<comment>--(?=\s|$)[^\n]*|\#[^\n]*|/\*.*?\*/)"
    r"|(?P<end>;)"
    r"|(?P<other>.)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Revision:
    """One step of a network's history, and whether the database has taken it (None: not asked)."""

    revision: str
    description: str
    applied: bool | None

    def __str__(self) -> str:
        state = {None: "", True: "  applied", False: "  to do  "}[self.applied]
        return f"{self.revision}{state}  {self.description}"


def networks() -> list[str]:
    """Return the networks that have migrations."""
    return sorted(p.name for p in (HERE / "versions").iterdir() if p.is_dir() and any(p.glob("*.py")))


def upgrade(network: str, url: URL | str, revision: str = "head") -> list[str]:
    """Bring a database to a revision; return the revisions that were applied, in order.

    Raises ConfigError if the network is unknown or the database belongs to another one,
    StorageUnavailable or StorageError if the server fails or refuses a statement.
    """
    return _move(network, url, command.upgrade, revision)


def downgrade(network: str, url: URL | str, revision: str) -> list[str]:
    """Take a database back to a revision (`base`: empty); return the revisions that were undone.

    This removes tables with all that is in them.
    """
    return _move(network, url, command.downgrade, revision)


def current(network: str, url: URL | str) -> str | None:
    """Return the revision of a database, None if it has none yet."""
    with _connected(network, url) as connection:
        return _current(network, connection)


def history(network: str, url: URL | str | None = None) -> list[Revision]:
    """Return all revisions of a network, newest first; with the address of a database also its state."""
    script = ScriptDirectory.from_config(_config())
    present = current(network, url) if url else None
    applied = {s.revision for s in script.iterate_revisions(present, "base")} if present else set()
    return [
        Revision(step.revision, (step.doc or "").strip(), step.revision in applied if url else None)
        for step in script.iterate_revisions(f"{_known(network)}@head", "base")
    ]


def dictionary(network: str, url: URL | str) -> str:
    """Return the data dictionary (Markdown) of a migrated database, from its comments."""
    with _connected(network, url) as connection:
        return dictionary_page(network, connection)


def run_file(path: str) -> None:
    """Run the statements of an SQL file, named from `include/sql`. For the revisions."""
    connection = op.get_bind()
    for statement in split_statements((SQL_DIR / path).read_text(encoding="utf-8")):
        # no_parameters: a % in a comment is a percent sign
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def split_statements(sql: str) -> list[str]:
    """Split SQL text into statements, without comments. Semicolons in text and comments do not split."""
    statements = [""]
    for token in _TOKEN.finditer(sql):
        if token.lastgroup == "end":
            statements.append("")
        else:
            statements[-1] += " " if token.lastgroup == "comment" else token[0]
    return [s.strip() for s in statements if s.strip()]


def _move(network: str, url: URL | str, move: Callable[[Config, str], None], revision: str) -> list[str]:
    config = _config()
    done: list[str] = []
    with _connected(network, url) as connection, _locked(connection):
        _current(network, connection)
        config.attributes.update(connection=connection, done=done)
        try:
            move(config, revision if revision.startswith(f"{network}_") else f"{network}@{revision}")
        except CommandError as error:
            raise ConfigError(f"cannot move {network} to revision {revision!r}: {error}") from error
    return done


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(str(HERE / "versions" / n) for n in networks()))
    return config


def _current(network: str, connection: Connection) -> str | None:
    heads = MigrationContext.configure(connection).get_current_heads()
    if strangers := [head for head in heads if not head.startswith(f"{network}_")]:
        raise ConfigError(
            f"database {connection.engine.url.database!r} is at revision {', '.join(strangers)}; expected a "
            f"revision of {network}: does the connection point to another network's database?"
        )
    return heads[0] if heads else None


def _known(network: str) -> str:
    if network not in networks():
        raise ConfigError(f"unknown network {network!r}; expected one of {', '.join(networks())}")
    return network


@contextmanager
def _connected(network: str, url: URL | str) -> Iterator[Connection]:
    """Open a connection (UTC, every statement committed at once) to the database of a known network."""
    _known(network)
    # A transaction would promise what MariaDB does not hold: it commits at every DDL statement anyway
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SET time_zone = '+00:00'")
            yield connection
    except DBAPIError as error:
        what = f"database {engine.url.database!r} on {engine.url.host}"
        statement = f" in: {' '.join(error.statement.split())[:200]}" if error.statement else ""
        code, text = error.orig.args[:2] if error.orig and len(error.orig.args) > 1 else (0, error.orig)
        kind = StorageUnavailable if code in TRANSIENT_CODES | LOST_CODES else StorageError
        advice = f" ({ADVICE[code]})" if code in ADVICE else ""
        raise kind(f"{what}: MariaDB error {code}: {text}{advice}{statement}") from error


@contextmanager
def _locked(connection: Connection) -> Iterator[None]:
    # Locks belong to the whole server and their names have at most 64 characters, so the database is hashed
    database = str(connection.engine.url.database)
    name = "skyledger-migrations-" + hashlib.sha256(database.encode()).hexdigest()[:32]
    taken = connection.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (name, LOCK_WAIT_S)).scalar()
    if taken != 1:
        raise StorageUnavailable(
            f"database {database!r}: another migration has run for {LOCK_WAIT_S} s: let it end, then rerun"
        )
    yield  # the lock ends with the connection, whatever happens
