"""One message per incident and one when it is over, through a real mail server and a real HTTP endpoint.

Incidents are kept in Airflow's real metadata database, over the API by which a task reaches it. That the
callbacks come from all processes that Airflow runs them in is tested in tests/flows/test_deployment.py.
"""

import json
import logging
import os
import uuid
from types import SimpleNamespace

import psutil
import pytest
import structlog
from airflow.sdk import BaseHook
from airflow.sdk.execution_time.supervisor import (
    InProcessSupervisorComms,
    InProcessTestSupervisor,
    set_supervisor_comms,
)

from notifiers import incidents
from notifiers.incident import IncidentNotifier
from sandbox.sinks import HttpSink, MailSink
from tests.support.secrets import secret_connection

pytestmark = pytest.mark.integration

APPRISE_PASSWORD = "apprise-hunter2"
LONG_AGO = "2026-03-10T02:00:00+00:00"
WORDS = {"consequence": "no CO2 today", "first_look": "the InfluxDB"}


@pytest.fixture
def airflow(airflow_db, monkeypatch):
    """What a task process has: a way to Airflow's variables and connections."""
    supervisor = InProcessTestSupervisor(
        id=uuid.uuid4(),
        pid=os.getpid(),
        process=psutil.Process(),
        process_log=structlog.get_logger(),
        client=InProcessTestSupervisor._api_client(),
    )
    supervisor.comms = InProcessSupervisorComms(supervisor=supervisor)
    monkeypatch.setattr(incidents.time, "sleep", lambda seconds: None)
    with set_supervisor_comms(supervisor.comms):
        yield
        incidents.close("test_dag")


@pytest.fixture
def mail(monkeypatch):
    with MailSink() as sink:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", sink.connection)
        monkeypatch.setenv("SKYLEDGER_ALERT_EMAIL", "ops@net.example, pi@net.example")
        yield sink


@pytest.fixture
def http(monkeypatch):
    with HttpSink() as sink:
        monkeypatch.setenv(
            "SKYLEDGER_ALERT_APPRISE", f"json://ops:{APPRISE_PASSWORD}@127.0.0.1:{sink.port}/alerts"
        )
        yield sink


def run(**fields):
    return SimpleNamespace(
        **{
            "dag_id": "test_dag",
            "run_id": "scheduled__1",
            "partition_key": "2026-03-09",
            "conf": None,
            **fields,
        }
    )


def failed_task(error=None, **context):
    ti = SimpleNamespace(
        dag_id="test_dag",
        task_id="lp8.load_telegrams",
        map_index=0,
        rendered_map_index="LP8 1010-1024",
        log_url="http://airflow.example/dags/test_dag/runs/scheduled__1/tasks/lp8.load_telegrams/mapped/0",
    )
    return {"dag_run": run(), "ti": ti, "exception": error or ConnectionError("InfluxDB is away"), **context}


def tell(event, context):
    IncidentNotifier(event=event, **WORDS)(context)


def body(mail):
    return mail.get_body(("html",)).get_content()


def test_a_failed_task_is_told_once_through_every_channel(airflow, mail, http):
    tell("task_failed", failed_task())
    tell("task_failed", failed_task(ValueError("another batch")))
    tell("run_failed", {"dag_run": run(), "reason": "task_failure"})

    (message,) = mail.mails
    assert message["subject"] == "[skyledger] test_dag stopped: lp8.load_telegrams LP8 1010-1024"
    assert message["to"] == "ops@net.example, pi@net.example"
    (post,) = http.posts
    assert post["title"] == message["subject"]
    assert post["type"] == "failure"
    for text in (body(message), post["message"]):
        assert "task lp8.load_telegrams LP8 1010-1024 failed, run scheduled__1 (day 2026-03-09)" in text
        assert "ConnectionError: InfluxDB is away" in text
        assert "no CO2 today" in text
        assert "the InfluxDB" in text
        assert "http://airflow.example/dags/test_dag/runs/scheduled__1/tasks" in text
        assert "docs/runbook.md#test_dag" in text


def test_recovery_is_told_once_and_then_silence(airflow, mail, http):
    tell("task_failed", failed_task())
    for _ in range(2):
        tell("run_succeeded", {"dag_run": run(run_id="scheduled__2")})
    assert [m["subject"] for m in mail.mails][1:] == ["[skyledger] test_dag works again"]
    assert "test_dag: task lp8.load_telegrams LP8 1010-1024 failed" in http.posts[1]["message"]
    assert http.posts[1]["type"] == "success"


def test_success_without_incident_says_nothing(airflow, mail, http):
    tell("run_succeeded", {"dag_run": run()})
    assert mail.mails == http.posts == []


def test_a_dry_run_proves_nothing_and_leaves_the_incident_open(airflow, mail):
    tell("task_failed", failed_task())
    tell("run_succeeded", {"dag_run": run(), "params": {"dry_run": True}})
    assert len(mail.mails) == 1
    assert incidents.read("test_dag")


def test_after_recovery_the_next_failure_is_a_new_incident(airflow, mail):
    tell("task_failed", failed_task())
    tell("run_succeeded", {"dag_run": run()})
    tell("run_failed", {"dag_run": run(), "reason": "task_failure"})
    assert mail.mails[-1]["subject"] == "[skyledger] test_dag stopped: run failed"


def test_a_missed_deadline_brings_plain_dictionaries(airflow, mail):
    context = {
        "dag_run": {"dag_id": "test_dag", "dag_run_id": "manual__3", "partition_key": None, "conf": {}},
        "deadline": {"id": "1", "deadline_time": "2026-03-10T05:00:00Z"},
    }
    tell("deadline_missed", context)
    assert mail.mails[0]["subject"] == "[skyledger] test_dag stopped: deadline missed"
    assert "should have ended by 2026-03-10T05:00:00Z" in body(mail.mails[0])
    assert "/dags/test_dag/runs/manual__3" in body(mail.mails[0])


def test_secrets_of_connections_are_left_out_of_the_text(airflow, mail, http, monkeypatch):
    password = secret_connection(monkeypatch, "some_db")
    BaseHook.get_connection("some_db")  # as the task that failed has done
    tell("task_failed", failed_task(ConnectionError(f"mysql://user:{password}@db refused")))
    for text in (body(mail.mails[0]), http.posts[0]["message"]):
        assert password not in text
        assert "ConnectionError: mysql://user:***@db refused" in text


def test_a_channel_that_fails_is_logged_without_its_address_and_stops_nobody(airflow, mail, http, caplog):
    http.status = 500
    with caplog.at_level(logging.DEBUG):
        tell("task_failed", failed_task())
    assert len(mail.mails) == 1
    assert "alert through Apprise json failed" in caplog.text
    assert APPRISE_PASSWORD not in caplog.text


def test_when_no_channel_works_the_next_failure_tries_again(airflow, mail, http, monkeypatch, caplog):
    http.status, mail.refuse = 500, True
    tell("task_failed", failed_task())
    assert "alert through e-mail failed: SMTPDataError" in caplog.text
    assert incidents.read("test_dag").told is False
    http.status, mail.refuse = 200, False
    monkeypatch.setattr(incidents, "CLAIM_S", 0.0)
    tell("run_failed", {"dag_run": run(), "reason": "task_failure"})
    assert len(mail.mails) == len(http.posts) == 1


def test_the_end_of_an_incident_that_nobody_heard_of_is_no_news(airflow, mail, http):
    http.status, mail.refuse = 500, True
    tell("task_failed", failed_task())
    http.status, mail.refuse = 200, False
    tell("run_succeeded", {"dag_run": run()})
    assert mail.mails == http.posts == []
    assert incidents.read("test_dag") is None


def test_without_any_channel_the_log_says_that_nobody_was_told(airflow, caplog):
    tell("task_failed", failed_task())
    assert "nobody is told: no alert channel is set up" in caplog.text


def test_apprise_addresses_may_stand_in_a_connection(airflow, http, monkeypatch):
    url = os.environ.pop("SKYLEDGER_ALERT_APPRISE")
    connection = {"conn_type": "apprise", "extra": {"config": [{"path": url, "tag": "alerts"}]}}
    monkeypatch.setenv("AIRFLOW_CONN_APPRISE_DEFAULT", json.dumps(connection))
    tell("task_failed", failed_task())
    assert len(http.posts) == 1


def test_when_the_state_is_out_of_reach_people_are_told_anyway(airflow, mail, caplog):
    with set_supervisor_comms(None):
        tell("task_failed", failed_task())
    assert len(mail.mails) == 1
    assert "out of reach, telling anyway" in caplog.text


def test_of_two_that_find_it_at_once_only_the_last_writer_tells(airflow, monkeypatch):
    winner = incidents.Incident("the other one", LONG_AGO, LONG_AGO, "other")

    def other_writes_meanwhile(seconds):
        incidents._write("test_dag", winner)

    monkeypatch.setattr(incidents.time, "sleep", other_writes_meanwhile)
    assert incidents.claim("test_dag", "mine") is None
    assert incidents.read("test_dag") == winner


def test_a_finder_that_died_before_telling_is_succeeded_and_the_beginning_is_kept(airflow):
    dead = incidents.Incident("dead", LONG_AGO, LONG_AGO, "first")
    incidents._write("test_dag", dead)
    mine = incidents.claim("test_dag", "second")
    assert mine is not None
    assert mine.since == dead.since
    assert incidents.claim("test_dag", "third") is None


def test_a_variable_that_is_no_incident_does_not_block_alerts(airflow, mail):
    from airflow.sdk import Variable

    Variable.set("incident.test_dag", "somebody typed here")
    tell("task_failed", failed_task())
    assert len(mail.mails) == 1
