"""DAGs that fail on request, with the alerts that all our DAGs have: incident_probe, and late_probe with a deadline."""

import os
import signal
import time
from datetime import timedelta

from airflow.sdk import BaseHook, Param, dag, get_current_context, task

from flows.defaults import alerts
from notifiers import incidents


def probe(dag_id: str, late_after: timedelta) -> None:
    """Define one DAG of two tasks at once; `how` says what they do."""

    @dag(
        dag_id,
        schedule=None,
        params={"how": Param("well", enum=["well", "fail", "die", "hang"])},
        **alerts(
            late_after=late_after,
            consequence="nobody misses anything",
            first_look="the test that started this run",
        ),
    )
    def define():
        @task(retries=0)
        def behave(number: int):
            how = get_current_context()["params"]["how"]
            if how == "fail":
                password = BaseHook.get_connection("spoken").password
                raise RuntimeError(f"task {number} was asked to fail; the password is {password}")
            if how == "die" and number == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "hang" and number == 0:
                # until people were told; the triggerer's first message takes a while, it builds its API first
                give_up = time.monotonic() + 90
                while time.monotonic() < give_up:
                    incident = incidents.read(dag_id)
                    if incident and incident.told:
                        break
                    time.sleep(1)

        behave.expand(number=[0, 1])

    define()


probe("incident_probe", late_after=timedelta(hours=1))
probe("late_probe", late_after=timedelta(seconds=3))
