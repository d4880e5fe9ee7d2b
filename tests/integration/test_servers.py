"""The private servers: real ones, that start, recover, keep their secrets and leave nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
import urllib3

from sandbox import processes
from sandbox.servers import InfluxDB, MariaDB, Server, ServerError
from sandbox.stop import stop_all
from skyledger.connections import Connection

pytestmark = pytest.mark.integration

STARTER = """
import sys, time
from pathlib import Path
from sandbox.servers import {kind}
server = {kind}(Path(sys.argv[1])).start()
print(server.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(params=[MariaDB, InfluxDB])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server of each kind in a folder of its own."""
    with request.param(tmp_path) as started:
        yield started


def write(server: Server, connection: Connection) -> None:
    if isinstance(server, MariaDB):
        with as_user(connection) as session, session.cursor() as cursor:
            cursor.execute("CREATE TABLE kept (value INT PRIMARY KEY)")
            cursor.execute("INSERT INTO kept VALUES (42)")
            session.commit()
    else:
        assert influx(connection, "write", body=b"kept value=42 1000000000").status == 204


def read(server: Server, connection: Connection) -> float:
    if isinstance(server, MariaDB):
        with as_user(connection) as session, session.cursor() as cursor:
            cursor.execute("SELECT value FROM kept")
            return cursor.fetchone()[0]
    answer = influx(connection, "query", q="SELECT value FROM kept").json()
    return answer["results"][0]["series"][0]["values"][0][1]


def as_user(connection: Connection, password: str | None = None) -> pymysql.Connection:
    return pymysql.connect(
        host=connection.host,
        port=connection.port,
        user=connection.login,
        password=password or connection.password,
        database=connection.schema,
        local_infile=True,
    )


def influx(
    connection: Connection, path: str, body: bytes | None = None, password: str | None = None, **fields: str
) -> urllib3.BaseHTTPResponse:
    query = "&".join(f"{key}={value}" for key, value in ({"db": connection.schema} | fields).items())
    return urllib3.request(
        "POST",
        f"http://{connection.host}:{connection.port}/{path}?{query}",
        body=body,
        headers=urllib3.make_headers(basic_auth=f"{connection.login}:{password or connection.password}"),
    )


def test_killed_server_comes_back_on_its_port_with_its_data(server: Server):
    connection = server.create_database("network", "loader")
    write(server, connection)
    first, port = server.pid, server.port

    server.kill()
    assert server.pid is None
    server.start()

    assert server.pid not in (None, first)
    assert server.port == port
    assert read(server, connection) == 42


def test_stopped_server_leaves_no_process_and_its_folder_serves_again(server: Server, tmp_path: Path):
    connection = server.create_database("network", "loader")
    write(server, connection)
    pid = server.pid

    server.stop()

    assert processes.members({pid}) == []
    assert not server.pid_file.exists()
    with type(server)(tmp_path) as successor:
        again = successor.create_database("network", "loader")  # as the demo does at every start
        assert again.password != connection.password
        assert read(successor, again) == 42


def test_two_servers_run_side_by_side(server: Server, tmp_path: Path):
    connection = server.create_database("network", "loader")
    write(server, connection)
    with type(server)(tmp_path / "other") as other:
        assert (other.port, other.password) != (server.port, server.password)
        elsewhere = other.create_database("network", "loader")
        with pytest.raises((pymysql.err.ProgrammingError, KeyError)):  # its database of that name is empty
            read(other, elsewhere)
    assert read(server, connection) == 42


def test_second_server_in_the_same_folder_is_refused(server: Server, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("sandbox.servers.SUCCESSOR_PATIENCE_S", 0.2)
    with pytest.raises(ServerError, match="runs already"):
        type(server)(tmp_path).start()
    assert server.pid


def test_stale_pid_file_of_a_foreign_process_is_ignored_and_the_process_lives(tmp_path: Path):
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        with InfluxDB(tmp_path) as server:
            server.kill()
            # the number was given to somebody else meanwhile
            server.pid_file.write_text(f"{stranger.pid} 1\n")
            server.start()
            assert server.pid != stranger.pid
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("kind", [MariaDB, InfluxDB])
def test_servers_end_when_their_starter_is_killed(kind: type[Server], tmp_path: Path):
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER.format(kind=kind.__name__), tmp_path],
        stdout=subprocess.PIPE,
        text=True,
    )
    pid = int(starter.stdout.readline())
    assert processes.members({pid}) == [pid]

    starter.kill()
    starter.communicate()

    deadline = time.monotonic() + 20
    while processes.members({pid}) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes.members({pid}) == []
    with kind(tmp_path) as successor:
        assert successor.pid


def test_server_that_ignores_sigterm_is_killed(server: Server):
    os.kill(server.pid, signal.SIGSTOP)  # a stopped process takes no SIGTERM
    pid = server.pid
    processes.stop(server.pid_file, timeout_s=0.2)
    assert processes.members({pid}) == []


def test_passwords_are_for_their_owner_only(server: Server):
    assert server.password_file.stat().st_mode & 0o777 == 0o600
    assert server.directory.stat().st_mode & 0o777 == 0o700
    readable = [
        path for path in server.directory.rglob("*") if path.is_file() and path.stat().st_mode & 0o044
    ]
    assert readable, "there are files others could read, were it not for the folder"
    for path in readable:
        assert server.password.encode() not in path.read_bytes(), path


def test_wrong_password_is_refused(server: Server):
    connection = server.create_database("network", "loader")
    if isinstance(server, MariaDB):
        with pytest.raises(pymysql.OperationalError, match="Access denied"):
            as_user(connection, password="guess")
        with pytest.raises(pymysql.OperationalError, match="Access denied"):
            pymysql.connect(unix_socket=str(server.socket), user="root")
    else:
        assert influx(connection, "query", q="SHOW DATABASES", password="guess").status == 401
        anonymous = urllib3.request("GET", f"http://{server.host}:{server.port}/query?q=SHOW+DATABASES")
        assert anonymous.status == 401


def test_user_reaches_only_its_own_database(server: Server):
    connection = server.create_database("network_a", "loader")
    server.create_database("network_b", "other")
    if isinstance(server, MariaDB):
        with as_user(connection) as session, session.cursor() as cursor:
            cursor.execute("SHOW DATABASES")
            assert {name for (name,) in cursor} == {"network_a", "information_schema"}
            with pytest.raises(pymysql.OperationalError, match="command denied"):
                cursor.execute("CREATE TABLE network_b.intruder (id INT)")
    else:
        refused = influx(connection, "query", q="SELECT * FROM x", db="network_b")
        assert refused.status == 403


def test_reader_of_influxdb_may_not_write(tmp_path: Path):
    with InfluxDB(tmp_path) as server:
        reader = server.create_database("network", "reader", privilege="READ")
        assert influx(reader, "write", body=b"x value=1").status == 403
        assert influx(reader, "query", q="SELECT * FROM x").status == 200


def test_load_data_local_is_allowed_and_commits_are_durable(tmp_path: Path):
    with MariaDB(tmp_path) as server:
        connection = server.create_database("network", "loader")
        file = tmp_path / "rows.csv"
        file.write_text("1\n2\n3\n")
        with as_user(connection) as session, session.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE incoming (id INT)")
            assert cursor.execute("LOAD DATA LOCAL INFILE %s INTO TABLE incoming", (str(file),)) == 3
        assert server.execute("SELECT @@innodb_flush_log_at_trx_commit, @@bind_address") == [(1, "127.0.0.1")]


def test_deep_folder_gets_a_short_socket_path(tmp_path: Path):
    deep = tmp_path / ("a-checkout-with-a-long-name-" * 3) / ("and-another-level-" * 3)
    with MariaDB(deep) as server:
        assert len(str(server.socket)) <= 100
        socket_directory = server.socket.parent
        assert server.execute("SELECT 1") == [(1,)]
    assert not socket_directory.exists()


def test_interrupted_first_start_is_done_again(tmp_path: Path):
    unfinished = tmp_path / "mariadb" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "ibdata1").write_bytes(b"half")
    with MariaDB(tmp_path) as server:
        assert server.execute("SELECT 1") == [(1,)]
    assert not unfinished.exists()


def test_lost_password_is_explained(server: Server):
    server.stop()
    server.password_file.write_text("another")
    with pytest.raises(ServerError, match="is not the password of the data"):
        server.start()
    assert server.pid is None


def test_make_stop_ends_what_a_living_caller_runs_and_says_so(tmp_path: Path):
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER.format(kind="InfluxDB"), tmp_path], stdout=subprocess.PIPE, text=True
    )
    pid = int(starter.stdout.readline())
    try:
        assert stop_all(tmp_path) == [tmp_path / "influxdb" / "server.pid"]
        assert processes.members({pid}) == []
        assert stop_all(tmp_path) == []
    finally:
        starter.kill()
        starter.communicate()


def test_make_stop_lets_the_demo_stop_its_own(tmp_path: Path):
    demo = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    processes.record(tmp_path / "demo.pid", demo.pid)
    try:
        assert stop_all(tmp_path) == [tmp_path / "demo.pid"]
        assert demo.wait(timeout=5) == -signal.SIGTERM
    finally:
        demo.kill()
