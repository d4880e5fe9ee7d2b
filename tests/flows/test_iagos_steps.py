"""Steps of the IAGOS DAGs one by one: which jobs are due, what a crash leaves, answers of people, reminders."""

from datetime import timedelta

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from flows import iagos
from sandbox.iagos.data_centre import DataCentre
from sandbox.iagos.drop import DropServer
from sandbox.iagos.exchange import refuse
from sandbox.iagos.metadata import write_flights
from sandbox.sinks import HttpSink, MailSink
from skyledger import config
from skyledger.connections import to_environment
from skyledger.errors import PermanentError
from skyledger.iagos.flight import Key
from skyledger.iagos.names import Level
from skyledger.iagos.states import State
from tests.flows.conftest import announced, runnable, task_states
from tests.support.iagos_process import PI, WORLD, Network, key_of, received, short_raw, waiting

pytestmark = pytest.mark.integration

DEPUTY, OPERATOR = "pi_p1_deputy", "operator1"


@pytest.fixture
def centre():
    with DataCentre() as server:
        yield server


@pytest.fixture
def drop(tmp_path):
    with DropServer(tmp_path) as server:
        server.folder()
        yield server


@pytest.fixture
def network(iagos_db, centre, tmp_path, monkeypatch) -> Network:
    for connection in (iagos_db, centre.connection):
        monkeypatch.setenv(*to_environment(connection))
    monkeypatch.setattr(config, "DATA_ROOT", tmp_path / "data")
    return Network(iagos_db, tmp_path / "data", centre).prepare(tmp_path)


@pytest.fixture
def run(dagbag, monkeypatch):
    """Start a DAG through its form; returns the finished run."""

    def start(dag: str, **form):
        return runnable(dagbag.dags[f"iagos_{dag}"], monkeypatch)(**form)

    return start


def result(run, task_id: str):
    """What a task has returned."""
    (task,) = [one for one in run.get_task_instances() if one.task_id == task_id]
    return task.xcom_pull(task_ids=task_id)


# which jobs are due


def job_states(network) -> dict[str, tuple]:
    return {
        job: rest for job, *rest in network.query("SELECT job, last_due_utc, missed, run_id FROM job_state")
    }


@pytest.mark.slow
def test_jobs_run_once_when_they_are_due_and_what_was_missed_is_noted(network, run, drop, monkeypatch):
    monkeypatch.setenv(*to_environment(drop.connection))
    first = run("flights_transfer")
    assert first.state == "success"
    assert result(first, "find_due_jobs") == ["p1_flights", "p1_drop"]
    done = job_states(network)
    assert done["p1_flights"][2] == done["p1_drop"][2] == first.run_id

    for days in (1, 2):  # far from now, in the future: neither is due
        network.execute("UPDATE job_state SET last_due_utc = last_due_utc + INTERVAL %s DAY", days)
        idle = run("flights_transfer")
        assert idle.state == "success"
        assert result(idle, "find_due_jobs") == []
    assert [rest[2] for rest in job_states(network).values()] == [first.run_id] * 2

    earlier = done["p1_flights"][0] - timedelta(hours=5)
    network.execute("UPDATE job_state SET last_due_utc = %s WHERE job = 'p1_flights'", earlier)
    late = run("flights_transfer")
    assert result(late, "find_due_jobs") == ["p1_flights"]
    last_due, missed, run_id = job_states(network)["p1_flights"]
    assert run_id == late.run_id
    assert last_due >= done["p1_flights"][0]
    assert missed == (last_due - earlier) / timedelta(hours=1) - 1 >= 4


def test_a_chosen_job_runs_though_it_is_not_due_and_no_other_does(network, run):
    for _ in range(2):
        chosen = run("flights_transfer", jobs=["p1_flights"])
        assert chosen.state == "success"
        assert result(chosen, "find_due_jobs") == ["p1_flights"]
    assert list(job_states(network)) == ["p1_flights"]


def test_a_job_whose_source_is_down_does_not_stop_the_next_one_and_stays_due(
    network, run, drop, monkeypatch, tmp_path
):
    monkeypatch.setenv(*to_environment(drop.connection))
    network.offer(0)
    network.centre.spoil(refuse(401, "unknown_credential"), on="GET files")
    drop.folder().put(WORLD.flights(2)[1].raw_name(), short_raw(1))
    broken = run("flights_transfer")
    assert broken.state == "failed"
    of_jobs = [task_states(broken)["bring_flights", n] for n in (0, 1)]
    assert of_jobs == ["failed", "success"]
    assert list(job_states(network)) == ["p1_drop"]
    assert network.state(key_of(1)).state is State.RECEIVED
    assert announced(broken) == [("iagos_raw_flights", f"{key_of(1).flight_id}|P1")]
    healed = run("flights_transfer")
    assert result(healed, "find_due_jobs")[0] == "p1_flights"
    assert network.state(key_of(0)).state is State.RECEIVED
    assert set(job_states(network)) == {"p1_flights", "p1_drop"}


def test_a_file_of_the_drop_folder_goes_on_to_its_pi_as_any_other(network, run, drop, monkeypatch, tmp_path):
    monkeypatch.setenv(*to_environment(drop.connection))
    network.take_in([write_flights([WORLD.flights(1)[0]], tmp_path / "flights")])  # the folder does not tell
    drop.folder().put(WORLD.flights(1)[0].raw_name(), short_raw(0))
    assert run("flights_transfer", jobs=["p1_drop"]).state == "success"
    assert [path for path in drop.folder().files() if path.startswith("incoming")] == []
    processed = run("flights_process")
    assert processed.state == "success"
    assert announced(processed) == [("iagos_reports", f"{key_of(0).flight_id}|P1|L1")]
    assert network.state(key_of(0)).state is State.AWAITING_L1


# after a crash, and when the data centre takes no product


def test_what_a_killed_run_has_left_is_announced_by_the_next_one(network, run):
    received(network)  # the run was killed before it told anybody
    network.execute("UPDATE flight_state SET since_utc = since_utc - INTERVAL 1 DAY")
    key = key_of(0)
    told = run("flights_transfer", jobs=["p1_flights"])
    assert announced(told) == [("iagos_raw_flights", f"{key.flight_id}|P1")]
    network.process(key)
    idle = run("flights_transfer", jobs=["p1_flights"])
    assert idle.state == "success"
    assert task_states(idle)["announce_flights", -1] == "skipped"
    assert announced(idle) == []


def test_a_failed_nrt_export_does_not_keep_a_flight_from_its_pi(network, run):
    key = received(network)
    network.centre.spoil(refuse(403, "forbidden"), on="PUT products")
    processed = run("flights_process")
    assert processed.state == "failed"  # somebody is told
    of_flight = {task: state for (task, n), state in task_states(processed).items() if n == 0}
    assert of_flight["flight.export_nrt"] == "failed"
    assert of_flight["flight.ask_pi"] == "success"
    assert network.steps(key)[-2:] == [State.EXPORT_FAILED, State.AWAITING_L1]
    assert announced(processed) == [("iagos_reports", f"{key.flight_id}|P1|L1")]


# questions and answers


class Task:
    """A task instance with the results of others."""

    def __init__(self, **results) -> None:
        self.results, self.pushed = results, {}

    def xcom_pull(self, task_ids, key="return_value"):
        return self.results[task_ids] if key == "return_value" else self.pushed.get(key)

    def xcom_push(self, key, value) -> None:
        self.pushed[key] = value


def context(key: Key, level: str = "L1", **results):
    """Of a run that an asset partition has started."""
    return {
        "partition_key": f"{key.flight_id}|{key.instrument_type}|{level}",
        "params": {},
        "run_id": "asset_triggered__1",
        "ti": Task(**results),
    }


def answered(key: Key, asked: dict[str, str], option: str, person: str | None, comment: str | None = None):
    """A run whose question has been answered, as HITLOperator returns it; by nobody: it has timed out."""
    answer = {
        "chosen_options": [option],
        "params_input": {"comment": comment},
        "responded_by_user": {"id": "7", "name": person} if person else None,
    }
    return context(key, prepare_question=asked, ask_pi=answer)


def refusal(of_run) -> str:
    """Why the decision of a run was refused."""
    with pytest.raises(PermanentError) as error:
        iagos.tell_refusals(of_run)
    return str(error.value)


def recorded(network) -> list[tuple]:
    return network.query("SELECT person, action, comment, data_digest FROM release_decision")


@pytest.fixture
def asked(network):
    """A flight that waits, and what its PI is asked."""
    key = waiting(network)
    return key, iagos.question(context(key))


def test_a_question_tells_the_suggestion_and_links_to_the_report(network, asked):
    key, question = asked
    assert f"{key.flight_id} (P1)? Suggested: " in question["subject"]
    assert (
        f"/skyledger/iagos/reports/P1/{key.flight_id}/r1_L1_{question['digest'][:8]}.html" in question["body"]
    )
    assert "| O3_P1 |" in question["body"]
    assert question["revision"] == "1"


def test_the_pi_s_answer_releases_the_flight(network, asked):
    key, question = asked
    run = answered(key, question, "Release", PI)
    assert iagos.decide(run) == [f"{key.text}|L1"]
    iagos.tell_refusals(run)
    assert recorded(network) == [(PI, "release", "", question["digest"])]
    assert network.state(key).state is State.L1_RELEASED
    assert iagos.decide(run) == [f"{key.text}|L1"]  # the task was killed after it, and runs again
    assert len(recorded(network)) == 1
    with pytest.raises(AirflowSkipException, match="does not wait for a decision"):
        iagos.question(context(key))


def test_the_answer_of_somebody_else_is_refused_and_the_flight_goes_on_waiting(network, asked):
    key, question = asked
    run = answered(key, question, "Release", OPERATOR)
    assert iagos.decide(run) == []
    assert "'operator1' is not PI of P1 now" in refusal(run)
    assert recorded(network) == []
    assert network.state(key).state is State.AWAITING_L1
    assert iagos.question(context(key)) == question  # so it can be asked again


@pytest.mark.parametrize(
    ("option", "after"), [("Process again", State.REPROCESS), ("Reject", State.REJECTED)]
)
def test_any_answer_but_a_release_needs_a_reason(network, asked, option, after):
    key, question = asked
    silent = answered(key, question, option, PI)
    assert iagos.decide(silent) == []
    assert "needs a comment" in refusal(silent)
    assert iagos.decide(answered(key, question, option, PI, "lamp went out")) == []
    assert network.state(key).state is after
    assert [row[:3] for row in recorded(network)] == [(PI, iagos.ACTIONS[option], "lamp went out")]


def test_a_question_that_nobody_answers_decides_nothing(network, asked):
    key, question = asked
    run = answered(key, question, iagos.LATER, None)
    assert iagos.decide(run) == []
    iagos.tell_refusals(run)
    assert recorded(network) == []
    assert network.state(key).state is State.AWAITING_L1


def test_to_decide_later_is_noted_and_the_flight_goes_on_waiting(network, asked):
    key, question = asked
    run = answered(key, question, iagos.LATER, PI)
    assert iagos.decide(run) == []
    iagos.tell_refusals(run)
    ((person, action, remark, _),) = recorded(network)
    assert (person, action) == (PI, "defer")
    assert remark
    assert network.state(key).state is State.AWAITING_L1


def test_an_answer_after_somebody_has_decided_elsewhere_is_refused(network, asked):
    key, question = asked
    network.decide(key, "reject", comment="at the terminal")
    run = answered(key, question, "Release", DEPUTY)
    assert iagos.decide(run) == []
    assert "REJECTED" in refusal(run)
    assert network.state(key).state is State.REJECTED
    assert len(recorded(network)) == 1


def test_an_answer_about_data_that_have_changed_since_is_refused(network, asked):
    key, question = asked
    network.decide(
        key,
        "edit_flags",
        comment="inlet was closed",
        flags=edit(network, key),
    )
    network.process(key)
    assert iagos.question(context(key))["digest"] != question["digest"]
    run = answered(key, question, "Release", PI)
    assert iagos.decide(run) == []
    assert "the data have changed since the report that was read" in refusal(run)
    assert network.state(key).state is State.AWAITING_L1


def edit(network, key):
    """Flags over a minute of the flight, in which values were good."""
    from skyledger.iagos.flags import Validity
    from skyledger.iagos.release.decide import FlagEdit

    ((departure,),) = network.query("SELECT departure_utc FROM source_file")
    start = departure.replace(tzinfo=iagos.UTC) + timedelta(minutes=5)
    return (FlagEdit("O3_P1", start, start + timedelta(minutes=1), Validity.ERRONEOUS),)


def test_an_answer_about_a_delivery_that_a_newer_one_has_replaced_is_refused(network, asked):
    key, question = asked
    newer = key._replace(revision=2)
    network.offer(0, short_raw(0, 2, bad_lines=1), 2)
    network.bring()
    network.process(newer)
    network.release(newer)
    run = answered(key, question, "Release", PI)
    assert iagos.decide(run) == []
    assert "SUPERSEDED" in refusal(run)
    assert [row[1] for row in recorded(network)] == ["release"]
    assert network.state(newer).state is State.AWAITING_CAL


# reminders


@pytest.fixture
def http(monkeypatch):
    with HttpSink() as sink:
        monkeypatch.setenv("SKYLEDGER_ALERT_APPRISE", f"json://127.0.0.1:{sink.port}/reminders")
        yield sink


def wait_for(network, days: int) -> None:
    """Let all flights be in their state for some days."""
    network.execute("UPDATE flight_state SET since_utc = UTC_TIMESTAMP(3) - INTERVAL %s HOUR", 24 * days + 1)


@pytest.mark.slow
def test_people_are_reminded_daily_and_asked_again_every_third_day(network, run, http):
    quiet = run("decisions_remind")
    assert task_states(quiet)["remind", -1] == "skipped"
    key = waiting(network)
    asked_again = [("iagos_reports", f"{key.flight_id}|P1|L1")]
    for days, told, again in ((2, 0, []), (3, 1, asked_again), (4, 2, []), (6, 3, asked_again)):
        wait_for(network, days)
        reminded = run("decisions_remind")
        assert reminded.state == "success"
        assert len(http.posts) == told, days
        assert announced(reminded) == again, days
    last = http.posts[-1]
    assert last["title"] == "IAGOS flights: 1 wait for a decision"
    assert f"{key.flight_id} (6 days)" in last["message"]
    assert "Petra Ingold" in last["message"]


def test_after_ten_days_managers_are_written_to(network, run, monkeypatch):
    key = waiting(network)
    with MailSink() as mail:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", mail.connection)
        monkeypatch.setenv("SKYLEDGER_ALERT_EMAIL", "ops@net.example")
        wait_for(network, 9)
        run("decisions_remind")
        assert {str(one["To"]) for one in mail.mails} == {"ops@net.example"}
        mail.mails.clear()
        wait_for(network, 10)
        assert run("decisions_remind").state == "success"
        assert {str(one["To"]) for one in mail.mails} == {"ops@net.example", "manager1@example.org"}
        assert all(key.flight_id in one.get_body().get_content() for one in mail.mails)


def test_a_reminder_that_reaches_nobody_fails(network, run, http):
    waiting(network)
    wait_for(network, 4)
    http.status = 500
    assert run("decisions_remind").state == "failed"
    http.status = 200
    assert run("decisions_remind").state == "success"
    assert len(http.posts) == 1


def test_a_calibration_that_has_come_is_told_of_though_nothing_waits(network, run, http, tmp_path):
    key = waiting(network)
    network.release(key)
    assert task_states(run("decisions_remind"))["remind", -1] == "skipped"
    network.calibrate(0, tmp_path)
    told = run("decisions_remind")
    assert announced(told) == []
    assert "can become Level 2" in http.posts[-1]["title"]
    assert "iagos_flights_reprocess" in http.posts[-1]["message"]
    assert network.state(key).state is State.AWAITING_CAL
    assert Level.L2 not in {one.level for one in network.centre.products.values()}
