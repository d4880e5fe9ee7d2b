"""What every DAG of ours has in common: owner, retries by kind of error, time-outs, pools, alerts."""

from datetime import timedelta
from typing import Any

from airflow.sdk import (
    AsyncCallback,
    DeadlineAlert,
    DeadlineReference,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
)

from notifiers.incident import IncidentNotifier

OWNER = "skyledger"

# Pools protect weak partners. Their sizes: include/config/airflow/pools.json, loaded at set-up with
# `airflow pools import` (a test compares names with what the DAGs use)
CARBOSENSE_INFLUX_POOL = "carbosense_influx"
WEATHER_SFTP_POOL = "weather_sftp"
WEATHER_GEOSTREAMS_POOL = "weather_geostreams"
MINITRASGO_SSH_POOL = "minitrasgo_ssh"
MINITRASGO_REDUCE_POOL = "minitrasgo_reduce"
IAGOS_TRANSFER_POOL = "iagos_transfer"
IAGOS_PROCESS_POOL = "iagos_process"

# Does waiting help? See skyledger.errors. Whatever is neither is retried, as Airflow does by itself
RETRY_POLICY = ExceptionRetryPolicy(
    [
        RetryRule(
            ["skyledger.errors.TransientError", "builtins.ConnectionError", "builtins.TimeoutError"],
            RetryAction.RETRY,
            reason="the partner may come back",
        ),
        RetryRule(
            ["skyledger.errors.PermanentError", "airflow.sdk.exceptions.AirflowNotFoundException"],
            RetryAction.FAIL,
            reason="a person must change something first",
        ),
    ]
)


def alerts(*, late_after: timedelta, consequence: str, first_look: str) -> dict[str, Any]:
    """DAG arguments that tell people once when it stops or is late, and once when it works again.

    Task and DAG both report a failure, because a task that is killed runs no callback of its own.
    """
    words = {"consequence": consequence, "first_look": first_look}
    return {
        "on_failure_callback": [IncidentNotifier(event="run_failed", **words)],
        "on_success_callback": [IncidentNotifier(event="run_succeeded", **words)],
        "deadline": [
            DeadlineAlert(
                name="late",
                reference=DeadlineReference.DAGRUN_QUEUED_AT,
                interval=late_after,
                callback=AsyncCallback(IncidentNotifier, kwargs={"event": "deadline_missed", **words}),
            )
        ],
        "default_args": task_defaults(on_failure_callback=[IncidentNotifier(event="task_failed", **words)]),
    }


def task_defaults(**changes: Any) -> dict[str, Any]:
    """`default_args` of our DAGs; `changes` add or replace."""
    return {
        "owner": OWNER,
        "retries": 4,
        "retry_policy": RETRY_POLICY,
        "retry_delay": timedelta(minutes=2),
        "retry_exponential_backoff": 2.0,  # 2, 4, 8, 16 minutes: a partner's restart is sat out
        "max_retry_delay": timedelta(minutes=30),
        "execution_timeout": timedelta(minutes=20),
        **changes,
    }
