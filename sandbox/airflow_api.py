"""The few calls of Airflow's REST API that demo and tests need."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import urllib3

ENDED = ("success", "failed")
Progress = Callable[[str, dict[str, int]], None]  # state of the run, number of tasks by state


class AirflowApiError(RuntimeError):
    """The API did not answer, or refused; `status` is the HTTP status, 0 without an answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class AirflowApi:
    """Client for one Airflow; it logs in by itself."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url
        self._login = {"username": user, "password": password}
        self._token = ""
        self._http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=5, read=120))

    def get(self, path: str) -> Any:
        """GET below /api/v2."""
        return self.request("GET", path)

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Any call below /api/v2; the answer as Python values."""
        # health is public, and is asked before a login is possible
        if path != "/monitor/health":
            self.token()
        for last in (False, False, True):
            try:
                return self._send(method, f"/api/v2{path}", body, {"Authorization": f"Bearer {self._token}"})
            except AirflowApiError as error:
                # SQLite refuses a writer whom another one has overtaken; what was asked for is undone then
                if last or error.status != 500 or "Database error" not in str(error):
                    raise
                time.sleep(1)
        raise AssertionError

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        try:
            answer = self._http.request(method, self._url + path, json=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise AirflowApiError(f"{method} {path}: {error}") from error
        if answer.status >= 400:
            text = answer.data[:1000].decode("utf-8", "replace")
            raise AirflowApiError(f"{method} {path}: HTTP {answer.status}: {text}", answer.status)
        return answer.json() if answer.data else None

    def token(self) -> str:
        """Log in, once."""
        if not self._token:
            self._token = self._send("POST", "/auth/token", self._login, {})["access_token"]
        return self._token

    def wait_for_dag(self, dag_id: str, timeout_s: float = 120) -> None:
        """Wait until the DAG processor has read the DAG, and unpause it."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self.request("PATCH", f"/dags/{dag_id}", {"is_paused": False})
                return
            except AirflowApiError as error:
                if error.status != 404 or time.monotonic() > deadline:
                    raise
                if problems := self.get("/importErrors")["import_errors"]:
                    raise AirflowApiError(f"{dag_id} cannot be read: {problems[0]['stack_trace']}") from error
            time.sleep(1)

    def trigger(self, dag_id: str, conf: dict[str, Any], partition_key: str | None = None) -> str:
        """Start a run; return its id."""
        body = {"logical_date": None, "conf": conf}
        if partition_key:
            body["partition_key"] = partition_key
        return str(self.request("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def wait(
        self, dag_id: str, run_id: str, timeout_s: float = 600, progress: Progress = lambda state, tasks: None
    ) -> str:
        """Wait for the end of a run; return its state. `progress` is called whenever something has changed."""
        deadline = time.monotonic() + timeout_s
        seen = None
        while True:
            state = self.get(f"/dags/{dag_id}/dagRuns/{quote(run_id)}")["state"]
            tasks: dict[str, int] = {}
            for task in self.tasks(dag_id, run_id):
                tasks[task["state"] or "none"] = tasks.get(task["state"] or "none", 0) + 1
            if (state, tasks) != seen:
                seen = (state, tasks)
                progress(state, tasks)
            if state in ENDED:
                return str(state)
            if time.monotonic() > deadline:
                raise AirflowApiError(f"{dag_id} {run_id} is still {state} after {timeout_s:.0f} s: {tasks}")
            time.sleep(1)

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """All task instances of a run, mapped ones included."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(
                f"/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances?limit=100&offset={len(found)}"
            )
            found += page["task_instances"]
            if len(found) >= page["total_entries"] or not page["task_instances"]:
                return found

    def result(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """What a task returned."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}/xcomEntries/return_value"
        return self.get(f"{path}?map_index={map_index}&deserialize=true")["value"]

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1, map_index: int = -1) -> str:
        """The log of one try of a task: one event per line, with the chain of errors where there is one."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}/logs/{try_number}"
        lines = []
        for event in self.get(f"{path}?map_index={map_index}&full_content=true")["content"]:
            lines.append(event["event"])
            lines += [
                f"{error['exc_type']}: {error['exc_value']}" for error in event.get("error_detail") or ()
            ]
        return "\n".join(lines)
