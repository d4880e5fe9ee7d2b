"""A private Airflow: the four real processes on loopback, with everything they write below one folder.

    with PrivateAirflow(Path(".local/airflow"), environment) as airflow:
        run_id = airflow.api.trigger("carbosense_telegrams_ingest", {"first_day": "2026-03-01", ...})
        airflow.api.wait("carbosense_telegrams_ingest", run_id)

LocalExecutor and SQLite metadata, as on a small real machine. Each process leads a session of its own, so
that a Ctrl-C in the terminal reaches nobody but the caller, who then stops them in order. Secrets are
random, made once, and readable by their owner only.
"""

import base64
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sandbox import processes
from sandbox.airflow_api import AirflowApi, AirflowApiError
from sandbox.processes import free_port
from sandbox.servers import LOCAL, write_private

ROOT = Path(__file__).resolve().parents[1]
HOME = LOCAL / "airflow"
USER = "admin"
# The scheduler goes first when stopping: it ends its tasks, which still need the api-server to say so
COMPONENTS = ("scheduler", "triggerer", "dag-processor", "api-server")
START_TIMEOUT_S = 180.0
SUCCESSOR_PATIENCE_S = 20.0  # how long the orphans of a killed caller may take to end
Tell = Callable[[str], None]


class AirflowError(RuntimeError):
    """The private Airflow did not start or stop; the message says which process, and quotes its log."""


class PrivateAirflow:
    """One Airflow below `home`, with `environment` (connections, alert channels) for its processes.

    `people` are logins besides `admin`, with their role (viewer, user, op, admin). `afresh` forgets earlier runs: DAGs
    that were left running would work on data that are gone, all at once.
    """

    def __init__(
        self,
        home: Path = HOME,
        environment: Mapping[str, str] | None = None,
        *,
        dags_folder: Path = ROOT / "dags",
        port: int = 8080,
        parallelism: int = 4,
        people: Mapping[str, str] | None = None,
        afresh: bool = False,
        tell: Tell = lambda line: None,
    ) -> None:
        self.home = home.resolve()
        self.url = ""
        self.api = AirflowApi("", USER, "")
        self._environment = dict(environment or {})
        self._dags_folder = dags_folder
        self._preferred_port = port
        self._parallelism = parallelism
        self._roles = {USER: "admin", **(people or {})}
        self._afresh = afresh
        self._tell = tell
        self._settings: dict[str, str] = {}
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def password_file(self) -> Path:
        """Where the password of user `admin` stands (mode 0600)."""
        return self.home / "passwords.json"

    @property
    def password(self) -> str:
        """Of user `admin`."""
        return self.password_of(USER)

    def password_of(self, login: str) -> str:
        """Of one of the people."""
        return str(json.loads(self.password_file.read_text())[login])

    def api_as(self, login: str) -> AirflowApi:
        """The API, used by one of the people."""
        return AirflowApi(self.url, login, self.password_of(login))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Migrate the metadata, start the four processes, load the pools, wait until all are healthy."""
        for component in COMPONENTS:
            if not processes.wait_for_end(_pid_file(self.home, component), SUCCESSOR_PATIENCE_S):
                raise AirflowError(f"{component} in {self.home} runs already: `make stop` stops it")
        if self._afresh:
            shutil.rmtree(self.home / "logs", ignore_errors=True)
            for path in self.home.glob("airflow.db*"):
                path.unlink()
        for folder in (self.home, self.home / "run", self.home / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        self._settings = self._make_settings()
        self._tell("Airflow: preparing the metadata database")
        self.command("db", "migrate")
        started_at = datetime.now(UTC)
        try:
            for component in reversed(COMPONENTS):
                self._spawn(component)
            self._tell("Airflow: starting api-server, scheduler, dag-processor and triggerer")
            self.command("pools", "import", str(ROOT / "include" / "config" / "airflow" / "pools.json"))
            self._wait_until_healthy(started_at)
        except BaseException:
            self.stop()
            raise
        self._tell(f"Airflow: ready at {self.url} (user {USER}, password in {self.password_file})")
        return self

    def stop(self) -> None:
        """Stop the processes in order; nothing of this Airflow is left afterwards."""
        stop(self.home)
        for process in self._started.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)  # reap, or they stay as zombies of the caller
        self._started = {}

    def command(self, *arguments: str) -> str:
        """Run one `airflow` command to its end; return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=self._settings,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise AirflowError(
                f"airflow {' '.join(arguments)} failed:\n{(done.stdout + done.stderr)[-3000:]}"
            )
        return done.stdout

    def _spawn(self, component: str) -> None:
        self._started[component] = processes.spawn(
            [sys.executable, "-m", "airflow", component],
            _pid_file(self.home, component),
            self.home / "logs" / f"{component}.log",
            self._settings,
        )

    def _wait_until_healthy(self, started_at: datetime) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        missing = list(COMPONENTS)
        while missing:
            for component, process in self._started.items():
                if process.poll() is not None:
                    raise AirflowError(
                        f"{component} ended with status {process.returncode}:\n{self._tail(component)}"
                    )
            if time.monotonic() > deadline:
                raise AirflowError(
                    f"{', '.join(missing)} not healthy after {START_TIMEOUT_S:.0f} s:\n{self._tail(missing[0])}"
                )
            time.sleep(0.5)
            with suppress(AirflowApiError):
                missing = _unhealthy(self.api.get("/monitor/health"), started_at)

    def _tail(self, component: str) -> str:
        text = (self.home / "logs" / f"{component}.log").read_text(errors="replace")
        return text[-3000:]

    def _make_settings(self) -> dict[str, str]:
        port = free_port(self._preferred_port)
        self.url = f"http://127.0.0.1:{port}"
        keys = _kept(self.home / "secrets.json", _new_secrets)
        _kept(self.password_file, lambda: {login: secrets.token_urlsafe(12) for login in self._roles})
        self.api = AirflowApi(self.url, USER, self.password)
        settings = {
            "CORE__DAGS_FOLDER": self._dags_folder,
            "CORE__PLUGINS_FOLDER": ROOT / "plugins",
            "CORE__LOAD_EXAMPLES": False,
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": self._parallelism,
            "CORE__FERNET_KEY": keys["fernet_key"],
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
                f"{login}:{role}" for login, role in self._roles.items()
            ),
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": self.password_file,
            "CORE__TEST_CONNECTION": "Enabled",
            # seconds a writer waits for the others; the default of 5 is short on a busy machine
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home / 'airflow.db'}?timeout=60",
            "API__HOST": "127.0.0.1",
            "API__PORT": port,
            "API__BASE_URL": self.url,
            "API__SECRET_KEY": keys["api_secret"],
            "API_AUTH__JWT_SECRET": keys["jwt_secret"],
            "DAG_PROCESSOR__REFRESH_INTERVAL": 10,
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 10,
            "LOGGING__NAMESPACE_LEVELS": "asyncssh=WARNING",  # a dozen lines at every look into an inbox
            "LOGGING__WORKER_LOG_SERVER_PORT": free_port(8793),
            "LOGGING__TRIGGER_LOG_SERVER_PORT": free_port(8794),
            "SCHEDULER__ENABLE_HEALTH_CHECK": False,
        }
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW_", "SKYLEDGER_ALERT_"))
        }
        return {
            **inherited,
            "TZ": "UTC",
            "AIRFLOW_HOME": str(self.home),
            **{f"AIRFLOW__{key}": str(value) for key, value in settings.items()},
            **self._environment,
        }


def stop(home: Path = HOME) -> None:
    """Stop the Airflow of `home`, whoever started it; nothing of it is left afterwards."""
    pid_files = [_pid_file(home, component) for component in COMPONENTS]
    sessions = [pid for pid in map(processes.running, pid_files) if pid]
    for pid_file in pid_files:
        processes.stop(pid_file)
    for pid in processes.members(sessions):  # tasks that outlived their scheduler
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def living(home: Path = HOME) -> list[int]:
    """Ids of all living processes of the Airflow of `home`: components, workers, tasks."""
    pid_files = [_pid_file(home, component) for component in COMPONENTS]
    return processes.members(pid for pid in map(processes.running, pid_files) if pid)


def _pid_file(home: Path, component: str) -> Path:
    return home / "run" / f"{component}.pid"


def _unhealthy(health: Mapping[str, Any], started_at: datetime) -> list[str]:
    """Components that have not sent a heartbeat since `started_at` (older ones are of an earlier run)."""
    beats = {
        "scheduler": health["scheduler"]["latest_scheduler_heartbeat"],
        "dag-processor": health["dag_processor"]["latest_dag_processor_heartbeat"],
        "triggerer": health["triggerer"]["latest_triggerer_heartbeat"],
    }
    return [name for name, beat in beats.items() if not beat or datetime.fromisoformat(beat) < started_at]


def _new_secrets() -> dict[str, str]:
    return {
        "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "jwt_secret": secrets.token_hex(32),
        "api_secret": secrets.token_hex(32),
    }


def _kept(path: Path, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Content of a JSON file that only its owner can read; made on first use, and completed later."""
    kept = dict(json.loads(path.read_text())) if path.exists() else {}
    made = make()
    if made.keys() - kept.keys():
        kept = made | kept
        write_private(path, json.dumps(kept))
    return kept
