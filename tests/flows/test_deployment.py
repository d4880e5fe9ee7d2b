"""The real thing: api-server, scheduler, DAG processor and triggerer, and whatever a run leaves behind.

One Airflow serves all tests of this file, in their order: booting it takes 20 s, and later tests look at
what earlier runs have left.
"""

import json
import re
import secrets
import shutil
import sqlite3
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import urllib3

from sandbox import processes
from sandbox.airflow import PrivateAirflow, living
from sandbox.geostreams import GeostreamsReceiver
from sandbox.iagos.data_centre import DataCentre
from sandbox.iagos.drop import DropServer
from sandbox.iagos.metadata import write_tables
from sandbox.iagos.raw import write_raw
from sandbox.iagos.world import IagosWorld
from sandbox.minitrasgo import MuonStation
from sandbox.minitrasgo.server import MingoServer
from sandbox.sftp import SftpServer
from sandbox.sinks import HttpSink, MailSink
from sandbox.weather import WeatherWorld
from skyledger import migrations
from skyledger.connections import to_environment
from skyledger.iagos.metadata.importer import import_tables
from skyledger.iagos.states import State, states
from skyledger.minitrasgo.stations import load_station, stations
from skyledger.warehouse import Warehouse
from tests.flows.conftest import DAGS, UNITS, Network, fill
from tests.support.telegrams import content, days

pytestmark = [pytest.mark.integration, pytest.mark.slow]

DAG = "carbosense_telegrams_ingest"
WEATHER_DAG = "weather_station_publish"
WEATHER_DAY = date(2022, 6, 14)
ACQUIRE_DAG, REDUCE_DAG = "minitrasgo_files_acquire", "minitrasgo_events_reduce"
MUON_KEY = "MINGO01|2026-03-10"
TRANSFER_DAG, PROCESS_DAG, RELEASE_DAG = (
    f"iagos_flights_{what}" for what in ("transfer", "process", "release")
)
PI = "pi_p1"
PROBE_DAGS = Path(__file__).with_name("probe_dags")
APPRISE_PASSWORD = secrets.token_urlsafe(12)
FIRST_DAY, SECOND_DAY, LAST_DAY = (day.isoformat() for day in days(3))


@pytest.fixture(scope="module")
def live(mariadb, influxdb, tmp_path_factory):
    """A running Airflow with our DAGs and the probes, a filled network, and ears for its alerts."""
    folder = tmp_path_factory.mktemp("deployment")
    for path in (*DAGS.glob("*.py"), *PROBE_DAGS.glob("*.py")):
        (folder / "dags").mkdir(exist_ok=True)
        shutil.copy(path, folder / "dags")
    name = f"deployment_{secrets.token_hex(4)}"
    database = mariadb.create_database(name, name, conn_id="carbosense_db")
    influx = influxdb.create_database(name, name, conn_id="carbosense_influx")
    broken = {
        "wrong_influx_password": replace(influx, password=secrets.token_urlsafe(18)),
        "wrong_influx_token": replace(
            influx, login=None, password=None, extra={**influx.extra, "token": secrets.token_urlsafe(18)}
        ),
        "influx_away": replace(influx, port=1),
        "wrong_db_password": replace(database, password=secrets.token_urlsafe(18)),
        "db_away": replace(database, port=1),
    }
    weather_name = f"{name}_weather"
    weather = mariadb.create_database(weather_name, weather_name, conn_id="weather_db")
    migrations.upgrade("weather", Warehouse(weather).url)
    muons_name = f"{name}_muons"
    muons = mariadb.create_database(muons_name, muons_name, conn_id="minitrasgo_db")
    migrations.upgrade("minitrasgo", Warehouse(muons).url)
    iagos_name = f"{name}_iagos"
    iagos = mariadb.create_database(iagos_name, iagos_name, conn_id="iagos_db")
    fleet = IagosWorld()
    migrations.upgrade("iagos", Warehouse(iagos).url)
    with Warehouse(iagos).session() as session:
        import_tables(session, write_tables(fleet, folder / "tables"), dry_run=False, actor="test")
    spoken = replace(database, password=secrets.token_urlsafe(18))  # incident_probe says it aloud
    connections = {"carbosense_db": database, "carbosense_influx": influx, "spoken": spoken, **broken}
    network: Network = fill(database, influx)
    with (
        MailSink() as mail,
        HttpSink() as http,
        SftpServer(folder / "station", folder / "sshd") as sftp,
        GeostreamsReceiver() as receiver,
        DataCentre() as centre,
        DropServer(folder / "drop") as drop,
        ExitStack() as stack,
    ):
        mingo = {}
        for known in stations().values():
            server = stack.enter_context(MingoServer(known.source.connection, folder / "mingo"))
            server.folder(known.source.path).mkdir(parents=True)
            mingo[known.station] = server
        reached = (
            weather,
            muons,
            iagos,
            centre.connection,
            drop.connection,
            sftp.connection,
            receiver.connection,
            *(s.connection for s in mingo.values()),
        )
        connections |= {c.conn_id: c for c in reached}
        environment = dict(to_environment(replace(c, conn_id=key)) for key, c in connections.items())
        environment |= {
            "AIRFLOW_CONN_SMTP_DEFAULT": mail.connection,
            "SKYLEDGER_ALERT_EMAIL": "ops@net.example",
            "SKYLEDGER_DATA": str(folder / "data"),
            "SKYLEDGER_ALERT_APPRISE": f"json://ops:{APPRISE_PASSWORD}@127.0.0.1:{http.port}/alerts",
        }
        home = folder / "airflow"
        airflow = PrivateAirflow(home, environment, dags_folder=folder / "dags", people={PI: "user"}).start()
        everything = {
            secret
            for c in connections.values()
            for secret in (c.password, c.extra.get("token"), c.extra.get("private_key"))
            if secret
        }
        try:
            yield SimpleNamespace(
                airflow=airflow,
                api=airflow.api,
                network=network,
                mail=mail,
                http=http,
                home=home,
                sftp=sftp,
                receiver=receiver,
                weather=Warehouse(weather),
                mingo=mingo,
                muons=Warehouse(muons),
                centre=centre,
                fleet=fleet,
                iagos=Warehouse(iagos),
                secrets=everything | {APPRISE_PASSWORD},
                spoken=spoken.password,
            )
        finally:
            airflow.stop()
    mariadb.drop_database(name, name)
    mariadb.drop_database(weather_name, weather_name)
    mariadb.drop_database(muons_name, muons_name)
    mariadb.drop_database(iagos_name, iagos_name)
    influxdb.drop_database(name, name)


def rows(live):
    return {table: content(live.network.warehouse, table) for table in ("lp8_data", "hpp_data")}


def stored_by(live, run_id):
    report = live.api.result(DAG, run_id, "report_run")
    return {row["sensor_type"]: (row["units"], row["days"], row["rows_stored"]) for row in report}


def lose(live, condition):
    live.network.execute(f"DELETE FROM lp8_data WHERE {condition}")


def test_the_first_scheduled_run_takes_up_every_missing_day_of_the_past(live):
    live.api.wait_for_dag("consumer_probe")
    live.api.wait_for_dag(DAG)
    deadline = time.monotonic() + 60
    while not (runs := live.api.get(f"/dags/{DAG}/dagRuns")["dag_runs"]):
        assert time.monotonic() < deadline, "the DAG was not scheduled"
        time.sleep(0.5)
    (run,) = runs
    live.scheduled = run["dag_run_id"]
    assert run["run_type"] == "scheduled"
    assert live.api.wait(DAG, live.scheduled) == "success"
    assert stored_by(live, live.scheduled) == {
        "LP8": (3, 3, 3 * 3 * 144),
        "HPP": (1, 3, 3 * 48),
        "Vaisala": (1, 3, 3 * 48),
        "Licor": (1, 3, 3 * 48),
    }
    labels = {t["task_id"]: t["rendered_map_index"] for t in live.api.tasks(DAG, live.scheduled)}
    assert labels["lp8.load_telegrams"] == "LP8 1010-1012"
    events = live.api.get("/assets/events?limit=100")["asset_events"]
    assert sorted(e["partition_key"] for e in events) == sorted(
        [FIRST_DAY, SECOND_DAY, LAST_DAY] * len(UNITS)
    )
    live.rows = rows(live)


def test_who_waits_for_one_sensor_type_gets_one_run_per_day(live):
    deadline = time.monotonic() + 60
    while len(runs := live.api.get("/dags/consumer_probe/dagRuns")["dag_runs"]) < 3:
        assert time.monotonic() < deadline, runs
        time.sleep(0.5)
    days_of_runs = {}
    for run in runs:
        assert live.api.wait("consumer_probe", run["dag_run_id"]) == "success"
        days_of_runs[run["partition_key"]] = live.api.result("consumer_probe", run["dag_run_id"], "say_days")
    assert days_of_runs == {day: [day] for day in (FIRST_DAY, SECOND_DAY, LAST_DAY)}


def test_form_partition_key_clearing_and_backfill_all_give_the_same_rows(live):
    lose(live, f"SensorUnit_ID = 1010 AND time >= UNIX_TIMESTAMP('{SECOND_DAY} 12:00:00')")
    form = live.api.trigger(DAG, {"first_day": FIRST_DAY, "last_day": LAST_DAY, "sensor_types": ["LP8"]})
    assert live.api.wait(DAG, form) == "success"
    assert stored_by(live, form)["LP8"] == (1, 2, 2 * 144)
    assert rows(live) == live.rows

    lose(live, "SensorUnit_ID IN (1010, 1011)")
    keyed = live.api.trigger(DAG, {}, partition_key=SECOND_DAY)
    assert live.api.wait(DAG, keyed) == "success"
    assert stored_by(live, keyed)["LP8"] == (2, 1, 2 * 144)

    # a partition's date is its cron tick, 02:00, so the day that begins at --to-date is not part of it
    window = ("--from-date", FIRST_DAY, "--to-date", SECOND_DAY)
    live.airflow.command("backfill", "create", "--dag-id", DAG, *window)
    (backfill,) = [r for r in live.api.get(f"/dags/{DAG}/dagRuns")["dag_runs"] if r["run_type"] == "backfill"]
    assert backfill["partition_key"] == FIRST_DAY
    assert live.api.wait(DAG, backfill["dag_run_id"]) == "success"
    assert stored_by(live, backfill["dag_run_id"])["LP8"] == (2, 1, 2 * 144)
    assert rows(live) != live.rows

    live.api.request(
        "POST", f"/dags/{DAG}/dagRuns/{live.scheduled.replace('+', '%2B')}/clear", {"dry_run": False}
    )
    assert live.api.wait(DAG, live.scheduled) == "success"
    assert rows(live) == live.rows


def test_one_message_per_incident_and_one_on_recovery_from_every_process(live):
    told = []

    def probe(dag_id, how, state, *expected):
        live.api.wait_for_dag(dag_id)
        run_id = live.api.trigger(dag_id, {"how": how})
        assert live.api.wait(dag_id, run_id, 150) == state
        told.extend(f"[skyledger] {dag_id} {text}" for text in expected)
        deadline = time.monotonic() + 30
        while len(live.http.posts) < len(told) and time.monotonic() < deadline:
            time.sleep(0.2)
        # which of two tasks that fail at once wins the right to tell is chance
        assert [re.sub(" [01]$", "", mail["subject"]) for mail in live.mail.mails] == told

    probe("late_probe", "hang", "success", "stopped: deadline missed", "works again")  # from the triggerer
    probe("incident_probe", "fail", "failed", "stopped: behave")  # from two tasks and the DAG processor
    assert "was asked to fail; the password is ***" in live.http.posts[-1]["message"]
    probe("incident_probe", "well", "success", "works again")
    probe("incident_probe", "die", "failed", "stopped: run failed")  # from the DAG processor alone
    probe("incident_probe", "fail", "failed")
    assert [post["title"] for post in live.http.posts] == [mail["subject"] for mail in live.mail.mails]


def test_files_on_a_station_start_a_run_that_publishes_their_day(live):
    for name in ("energy-farm", "irrigation"):
        (live.home.parent / "data" / "weather" / "inbox" / name).mkdir(parents=True)
    live.api.wait_for_dag(WEATHER_DAG)
    inbox = live.sftp.root / "weather"
    WeatherWorld(defects="demo").write_files(inbox, WEATHER_DAY, WEATHER_DAY, lead_in=True)
    deadline = time.monotonic() + 240
    published = 0
    while not published and time.monotonic() < deadline:
        for run in live.api.get(f"/dags/{WEATHER_DAG}/dagRuns")["dag_runs"]:
            assert live.api.wait(WEATHER_DAG, run["dag_run_id"]) == "success"
            if run["run_type"] == "asset_triggered":
                published = len(live.receiver.points("UA-MAC Weather (5 min bins)"))
        time.sleep(1)
    assert published >= 288
    with live.weather.session() as session:
        days = session.query(
            "SELECT CAST(`day` AS CHAR), bins, coverage > 0.999 FROM station_day WHERE coverage > 0.9"
        )
    assert days == [(str(WEATHER_DAY), 288, 1)]


def test_files_of_a_detector_start_acquisition_and_a_run_for_their_station_and_day(live):
    world, station = MuonStation(load_station("MINGO01"), cadence_s=120), load_station("MINGO01")
    folder = live.mingo["MINGO01"].folder(station.source.path)
    hour = datetime(2026, 3, 10, 5, tzinfo=UTC)
    first, second = list(world.starts(hour, hour.replace(minute=4)))
    live.api.wait_for_dag(REDUCE_DAG)
    live.api.wait_for_dag(ACQUIRE_DAG)
    events = 0
    for number, start in enumerate((first, second), 1):
        events += world.write_file(folder, start).events
        deadline = time.monotonic() + 180
        while (found := muon_day(live)) != [(number, events)]:
            assert time.monotonic() < deadline, (
                f"station_day holds {found}; expected {number} files, {events} events"
            )
            time.sleep(1)
    for dag_id in (ACQUIRE_DAG, REDUCE_DAG):
        runs = live.api.get(f"/dags/{dag_id}/dagRuns")["dag_runs"]
        assert {live.api.wait(dag_id, run["dag_run_id"]) for run in runs} == {"success"}
    assert {run["partition_key"] for run in runs} == {MUON_KEY}
    assert len(runs) >= 2  # more when acquisition looks again before a day is done


def muon_day(live):
    with live.muons.session() as session:
        return session.query("SELECT files, triggers FROM station_day WHERE station = 'MINGO01'")


def test_a_flight_comes_by_itself_to_its_pi_who_reads_the_report_and_releases_it_in_the_ui(live):
    (flight,) = live.fleet.flights(1)
    key = f"{flight.flight_id}|P1|L1"
    live.centre.offer(flight.raw_name(), write_raw(live.fleet, flight), flight)
    for dag in (RELEASE_DAG, PROCESS_DAG, TRANSFER_DAG):  # the last one is due at once
        live.api.wait_for_dag(dag)
    pi = live.airflow.api_as(PI)
    question = until(lambda: open_question(pi, key))
    assert "Suggested: RELEASE" in question["subject"]
    mail = until(lambda: [one for one in live.mail.mails if "pi_p1@example.org" in str(one["To"])])[0]
    assert question["subject"] in str(mail["Subject"]).replace("\n", "")

    page = re.search(r"\(http://[^/]+(/skyledger/[^)]+)\)", question["body"])[1]
    assert fetch(live, page).status == 401
    report = fetch(live, page, pi.token())
    assert (report.status, flight.flight_id in report.data.decode()) == (200, True)
    assert "script" not in report.headers["content-security-policy"]

    task = question["task_instance"]
    path = f"/dags/{RELEASE_DAG}/dagRuns/{task['dag_run_id']}/taskInstances/ask_pi/-1/hitlDetails"
    pi.request("PATCH", path, {"chosen_options": ["Release"], "params_input": {"comment": None}})
    assert live.api.wait(RELEASE_DAG, task["dag_run_id"]) == "success"
    with live.iagos.session() as session:
        assert [one.state for one in states(session)] == [State.AWAITING_CAL]
        decided = session.query("SELECT person, role, action FROM release_decision")
    assert decided == [(PI, "PI", "release")]
    assert {one.level for one in live.centre.products.values()} >= {"L1"}


def open_question(api, key):
    waiting = api.get("/dags/~/dagRuns/~/hitlDetails?response_received=false&limit=100")["hitl_details"]
    for one in waiting:
        run = api.get(f"/dags/{RELEASE_DAG}/dagRuns/{one['task_instance']['dag_run_id']}")
        if run["partition_key"] == key:
            return one
    return None


def until(look, timeout_s=240):
    deadline = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(1)
    return found


def fetch(live, path, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return urllib3.request("GET", live.airflow.url + path, headers=headers)


def test_no_secret_is_left_anywhere(live):
    live.api.wait_for_dag("secret_probe")
    run_id = live.api.trigger("secret_probe", {})
    assert live.api.wait("secret_probe", run_id) == "failed"
    tasks = live.api.tasks("secret_probe", run_id)
    assert {task["state"] for task in tasks} == {"failed"}
    for task in tasks:  # each failed by its connection, not before it was used
        log = live.api.log("secret_probe", run_id, task["task_id"])
        assert "check" in log or "refused" in log, log

    traces = {str(path): path.read_text(errors="replace") for path in (live.home / "logs").rglob("*.log")}
    traces["metadata"] = "\n".join(sqlite3.connect(live.home / "airflow.db").iterdump())
    traces["mails"] = "\n".join(mail.as_string() for mail in live.mail.mails)
    traces["posts"] = json.dumps(live.http.posts)
    traces["xcom"] = json.dumps(live.api.get("/dags/~/dagRuns/~/taskInstances/~/xcomEntries?limit=100"))
    traces["ledger"] = str(live.network.query("SELECT * FROM ledger"))
    traces["run_record"] = str(live.network.query("SELECT * FROM run_record"))
    assert len(traces) > 40
    assert "load_telegrams" in traces["metadata"]  # the dump holds the runs
    leaks = {
        (Path(where).name, "spoken" if secret == live.spoken else "secret")
        for where, text in traces.items()
        for secret in live.secrets
        if secret in text
    }
    # Airflow 3.3.2 masks a password that an exception quotes, except in the copy of task logs that LocalExecutor
    # writes to the scheduler's output (two maskers, of which that one knows nothing). Ours quote none.
    assert leaks - {("scheduler.log", "spoken")} == set()


def test_files_with_secrets_are_for_their_owner_only(live):
    for name in ("secrets.json", "passwords.json"):
        assert (live.home / name).stat().st_mode & 0o777 == 0o600
    assert live.home.stat().st_mode & 0o777 == 0o700


def test_stopping_leaves_no_process(live):
    sessions = {processes.running(path) for path in (live.home / "run").glob("*.pid")}
    assert len(sessions) == 4
    assert len(living(live.home)) > 4  # workers and log servers count too
    live.airflow.stop()
    assert processes.members(sessions) == []
