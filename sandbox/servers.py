"""Private database servers on loopback: everything they write is below one folder, nothing of the system is touched.

    with MariaDB() as mariadb, InfluxDB() as influxdb:
        connection = mariadb.create_database("carbosense", "skyledger")

The demo keeps them below `.local/`, tests below a folder of their own. A folder is filled at the first start
and found again at the next; after a crash or a SIGKILL the next start recovers it. Passwords are random and
stand in files that only their owner can read.
"""

import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Self

import pymysql
import urllib3

from sandbox import processes
from skyledger.connections import Connection

ROOT = Path(__file__).resolve().parents[1]
LOCAL = ROOT / ".local"
HOST = "127.0.0.1"
START_TIMEOUT_S = 60.0
SUCCESSOR_PATIENCE_S = 15.0  # how long an orphan of a killed caller may take to end
ACCESS_DENIED = 1045
SOCKET_PATH_LIMIT = 100  # characters; the kernel takes 107
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
# What loading and migrating needs, and nothing that reaches beyond the one database (LOAD DATA LOCAL needs no FILE)
GRANTS = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, CREATE TEMPORARY TABLES,"
    " LOCK TABLES, CREATE VIEW, SHOW VIEW, TRIGGER"
)


class ServerError(RuntimeError):
    """A private server did not start or refused; the message quotes its log."""


class Server(ABC):
    """One private server in `directory`/`name`: host, port, admin password; start, stop, kill."""

    name: str
    program: str
    package: str

    def __init__(self, directory: Path = LOCAL) -> None:
        self.directory = directory.resolve() / self.name
        self.host = HOST
        self.port = (
            0  # chosen at the first start and then kept: clients find it again after kill() and start()
        )
        self.pid_file = self.directory / "server.pid"
        self.password_file = self.directory / "admin_password"
        self.log_file = self.directory / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def password(self) -> str:
        """Of the administrator."""
        return self.password_file.read_text().strip()

    @property
    def pid(self) -> int | None:
        """Process id while the server runs."""
        return processes.running(self.pid_file)

    def start(self) -> Self:
        """Start the server, on first use fill its folder, and wait until it answers."""
        program = _find_program(self.program, self.package)
        if not processes.wait_for_end(self.pid_file, SUCCESSOR_PATIENCE_S):
            raise ServerError(
                f"{self.name} in {self.directory} runs already as process {self.pid}: `make stop` stops it"
            )
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        if not self.password_file.exists():
            write_private(self.password_file, secrets.token_urlsafe(18))
        self._prepare()
        try:
            self._start_on_free_port(program)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the server in order; no process of it is left afterwards."""
        processes.stop(self.pid_file)
        self._reap()

    def kill(self) -> None:
        """Let the server die without warning (SIGKILL), as a crash would. `start()` brings it back."""
        if self._process is None:
            raise ServerError(f"{self.name} was not started here")
        self._process.kill()
        self._reap()

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _start_on_free_port(self, program: str) -> None:
        chosen, tries = self.port, 3
        for attempt in range(1, tries + 1):
            self.port = chosen or processes.free_port()
            before = self.log_file.stat().st_size if self.log_file.exists() else 0
            self._process = processes.spawn(
                self._command(program), self.pid_file, self.log_file, _without("INFLUXDB_", "MYSQL_")
            )
            try:
                self._wait_until_ready(before)
                return
            except ServerError as error:
                # between our look for a free port and its use, somebody else may have taken it
                if chosen or attempt == tries or "address already in use" not in str(error).lower():
                    raise
                self.stop()

    def _wait_until_ready(self, log_start: int) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            status = self._process.poll() if self._process else None
            if status is not None or time.monotonic() > deadline:
                what = f"ended with status {status}" if status is not None else "does not answer"
                with self.log_file.open("rb") as log:
                    log.seek(log_start)
                    text = log.read().decode(errors="replace")
                raise ServerError(f"{self.name} in {self.directory} {what}. End of its log:\n{text[-3000:]}")
            time.sleep(0.05)

    def _password_lost(self) -> ServerError:
        return ServerError(
            f"{self.password_file} is not the password of the data beside it: remove {self.directory} to start afresh"
        )

    @abstractmethod
    def _prepare(self) -> None:
        """Make what the server needs in its folder."""

    @abstractmethod
    def _command(self, program: str) -> Sequence[str | Path]:
        """The command that runs the server on `port`."""

    @abstractmethod
    def _answers(self) -> bool:
        """True once it serves its administrator."""


class MariaDB(Server):
    """A MariaDB with the durability of a real one, and LOAD DATA LOCAL allowed."""

    name = "mariadb"
    program = "mariadbd"
    package = "mariadb-server-core"

    def __init__(self, directory: Path = LOCAL) -> None:
        super().__init__(directory)
        self.data_directory = self.directory / "data"
        self.socket = self.directory / "mariadb.sock"
        self._socket_directory: Path | None = None

    def create_database(self, name: str, user: str, conn_id: str | None = None) -> Connection:
        """Make database `name` unless it exists, and a user for it with a new random password.

        The connection is called `conn_id`, or like the database.
        """
        password = secrets.token_urlsafe(18)
        self.execute(f"CREATE DATABASE IF NOT EXISTS {_checked(name)} CHARACTER SET utf8mb4")
        self.execute(f"CREATE OR REPLACE USER {_checked(user)}@'%%' IDENTIFIED BY %s", (password,))
        # an underscore in a GRANT is a wildcard: carbosense_db would match carbosenseXdb
        self.execute(f"GRANT {GRANTS} ON `{name.replace('_', chr(92) + '_')}`.* TO {user}@'%%'")
        return Connection(
            conn_id=conn_id or name,
            conn_type="mariadb",
            host=self.host,
            port=self.port,
            login=user,
            password=password,
            schema=name,
        )

    def drop_database(self, name: str, user: str) -> None:
        """Remove a database and its user."""
        self.execute(f"DROP DATABASE IF EXISTS {_checked(name)}")
        self.execute(f"DROP USER IF EXISTS {_checked(user)}@'%%'")

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement as root; return its rows."""
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement, tuple(values))
            return list(cursor.fetchall())

    def stop(self) -> None:
        super().stop()
        if self._socket_directory:
            shutil.rmtree(self._socket_directory, ignore_errors=True)
            self._socket_directory = None

    def _connect(self) -> "pymysql.Connection[Any]":
        return pymysql.connect(
            unix_socket=str(self.socket),
            user="root",
            password=self.password,
            charset="utf8mb4",
            autocommit=True,
        )

    def _prepare(self) -> None:
        if len(str(self.directory / "mariadb.sock")) > SOCKET_PATH_LIMIT and not self._socket_directory:
            self._socket_directory = Path(tempfile.mkdtemp(prefix="skyledger-"))
            self.socket = self._socket_directory / "mariadb.sock"
        (self.directory / "tmp").mkdir(exist_ok=True)
        self._write_options()
        if not self.data_directory.exists():
            self._install()

    def _write_options(self) -> None:
        (self.directory / "my.cnf").write_text(
            f"""[mariadbd]
datadir = {self.data_directory}
socket = {self.socket}
tmpdir = {self.directory / "tmp"}
bind-address = {HOST}
skip-name-resolve
local_infile = 1
character-set-server = utf8mb4
"""
        )

    def _install(self) -> None:
        """Make the data directory with root's password already set: there is no moment without one.

        It gets its final name when it is complete, so that an interrupted first start is simply done again.
        """
        unfinished = self.directory / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        accounts = self.directory / "accounts.sql"
        write_private(
            accounts,
            "DELETE FROM mysql.global_priv WHERE User <> 'mariadb.sys' AND (User <> 'root' OR Host <> 'localhost');\n"
            "UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.plugin', 'mysql_native_password',"
            f" '$.authentication_string', PASSWORD('{self.password}')) WHERE User = 'root';\n",
        )
        try:
            done = subprocess.run(
                [
                    _find_program("mariadb-install-db", self.package),
                    f"--defaults-file={self.directory / 'my.cnf'}",
                    f"--datadir={unfinished}",
                    f"--extra-file={accounts}",
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                    *_as_root(),
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            accounts.unlink()
        if done.returncode:
            raise ServerError(
                f"mariadb-install-db in {self.directory} failed:\n{done.stdout[-3000:]}{done.stderr}"
            )
        unfinished.rename(self.data_directory)

    def _command(self, program: str) -> Sequence[str | Path]:
        return [program, f"--defaults-file={self.directory / 'my.cnf'}", f"--port={self.port}", *_as_root()]

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except pymysql.OperationalError as error:
            if error.args[0] == ACCESS_DENIED:
                raise self._password_lost() from error
            return False
        return True


class InfluxDB(Server):
    """An InfluxDB 1.x with authentication on, and no reports to anybody."""

    name = "influxdb"
    program = "influxd"
    package = "influxdb"
    admin = "admin"

    def create_database(
        self,
        name: str,
        user: str,
        conn_id: str | None = None,
        privilege: Literal["READ", "WRITE", "ALL"] = "ALL",
    ) -> Connection:
        """Make database `name` unless it exists, and a user with `privilege` on it and a new random password.

        The connection is called `conn_id`, or like the database.
        """
        password = secrets.token_urlsafe(18)
        self.execute(f"CREATE DATABASE {_checked(name)}")
        self.execute(f"DROP USER {_checked(user)}", missing_ok=True)
        self.execute(f"CREATE USER {user} WITH PASSWORD '{password}'")
        self.execute(f"GRANT {privilege} ON {name} TO {user}")
        return Connection(
            conn_id=conn_id or name,
            conn_type="influxdb",
            host=self.host,
            port=self.port,
            login=user,
            password=password,
            schema=name,
            extra={"scheme": "http"},
        )

    def drop_database(self, name: str, user: str) -> None:
        """Remove a database and its user."""
        self.execute(f"DROP DATABASE {_checked(name)}")
        self.execute(f"DROP USER {_checked(user)}", missing_ok=True)

    def execute(self, statement: str, *, missing_ok: bool = False) -> list[dict[str, Any]]:
        """Run one InfluxQL statement as administrator; return its series."""
        response = self._request(statement)
        result = response.json()
        error = result.get("error") or result.get("results", [{}])[0].get("error")
        if error and not (missing_ok and "not found" in error):
            raise ServerError(f"influxdb refused a statement: {error}")
        return list(result.get("results", [{}])[0].get("series", []))

    def _request(self, statement: str) -> urllib3.BaseHTTPResponse:
        return urllib3.request(
            "POST",
            f"http://{self.host}:{self.port}/query",
            fields={"q": statement},
            headers=urllib3.make_headers(basic_auth=f"{self.admin}:{self.password}"),
            timeout=30.0,
            retries=False,
        )

    def _prepare(self) -> None:
        """Nothing: influxd makes its own folders, and `_answers` its administrator."""

    def _command(self, program: str) -> Sequence[str | Path]:
        options = self.directory / "influxdb.conf"
        options.write_text(
            f"""reporting-enabled = false
bind-address = "{HOST}:0"
[meta]
  dir = "{self.directory / "meta"}"
[data]
  dir = "{self.directory / "data"}"
  wal-dir = "{self.directory / "wal"}"
  query-log-enabled = false
[monitor]
  store-enabled = false
[subscriber]
  enabled = false
[continuous_queries]
  enabled = false
[http]
  bind-address = "{HOST}:{self.port}"
  auth-enabled = true
  log-enabled = false
  pprof-enabled = false
"""
        )
        return [program, "-config", options]

    def _answers(self) -> bool:
        with suppress(urllib3.exceptions.HTTPError):
            response = self._request("SHOW DATABASES")
            if response.status == 200:
                return True
            if "create admin user first" in response.data.decode():
                self.execute(f"CREATE USER {self.admin} WITH PASSWORD '{self.password}' WITH ALL PRIVILEGES")
            elif response.status == 401:
                raise self._password_lost()
        return False


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, from its first moment on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ServerError(f"{name!r} is not a name for a database or user: expected {NAME.pattern}")
    return name


def _find_program(program: str, package: str) -> str:
    # an ordinary user's PATH has no sbin
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if not found:
        raise ServerError(f"{program} is missing: `make setup` installs it (package {package})")
    return found


def _as_root() -> list[str]:
    """MariaDB refuses to run as root unless told."""
    return ["--user=root"] if os.geteuid() == 0 else []


def _without(*prefixes: str) -> dict[str, str]:
    """Our environment without the variables by which a server's options could be overridden."""
    return {key: value for key, value in os.environ.items() if not key.startswith(prefixes)}
