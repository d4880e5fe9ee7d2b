"""A DAG that fails on request, with the alerts that all our DAGs have."""

import os
import signal
import time
from datetime import timedelta

from airflow.sdk import BaseHook, Param, dag, get_current_context, task

from flows.defaults import alerts

LATE_AFTER = timedelta(seconds=8)


@dag(
    schedule=None,
    params={
        "how": Param("well", enum=["well", "fail", "die", "hang"]),
        "dry_run": Param(False, type="boolean"),
    },
    **alerts(
        late_after=LATE_AFTER,
        consequence="nobody misses anything",
        first_look="the test that started this run",
    ),
)
def incident_probe():
    @task(retries=0)
    def behave(number: int):
        how = get_current_context()["params"]["how"]
        if how == "fail":
            password = BaseHook.get_connection("carbosense_db").password
            raise RuntimeError(f"task {number} was asked to fail; the password is {password}")
        if how == "die" and number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "hang" and number == 0:
            time.sleep(LATE_AFTER.total_seconds() + 10)

    behave.expand(number=[0, 1])


incident_probe()
