"""The whole DAG carbosense_telegrams_ingest, from telegrams in InfluxDB to rows, ledger and asset events."""

import pytest

from tests.flows.conftest import STEP_S, UNITS, announced, runnable, task_states
from tests.support.telegrams import (
    FIRST_DAY,
    content,
    day_of_telegrams,
    days,
    deploy,
    states,
    write_points,
)

pytestmark = pytest.mark.integration

TABLES = {"LP8": "lp8_data", "HPP": "hpp_data", "Vaisala": "vaisala_data", "Licor": "licor_data"}
LAST_DAY = days(3)[-1]
RANGE = {"first_day": FIRST_DAY.isoformat(), "last_day": LAST_DAY.isoformat()}


@pytest.fixture
def run(dagbag, monkeypatch):
    """Start the DAG through its form; returns the finished run."""
    return runnable(dagbag.dags["carbosense_telegrams_ingest"], monkeypatch)


def report(run):
    rows = next(ti for ti in run.get_task_instances() if ti.task_id == "report_run").xcom_pull(
        task_ids="report_run"
    )
    return {row["sensor_type"]: row for row in rows}


def test_all_types_arrive_once_and_a_second_run_changes_nothing(network, run):
    first = run(**RANGE)
    assert first.state == "success"
    assert all(state == "stored" for state in states(network.warehouse).values())
    stored = {table: content(network.warehouse, table) for table in TABLES.values()}
    for sensor_type, table in TABLES.items():
        per_day = 86_400 // STEP_S[sensor_type]
        assert len(stored[table]) == len(UNITS[sensor_type]) * 3 * per_day
        row = report(first)[sensor_type]
        assert (row["units"], row["days"], row["failed"]) == (len(UNITS[sensor_type]), 3, 0)
        assert row["rows_read"] == row["rows_stored"] + row["rows_rejected"] == len(stored[table])
    assert announced(first) == sorted(
        (f"carbosense_telegrams_{sensor_type.lower()}", day.isoformat())
        for sensor_type in TABLES
        for day in days(3)
    )

    second = run(**RANGE)
    assert second.state == "success"
    assert {table: content(network.warehouse, table) for table in TABLES.values()} == stored
    assert task_states(second)["lp8.load_telegrams", -1] == "skipped"
    assert report(second)["LP8"]["rows_read"] == 0
    assert announced(second) == []


def test_units_are_loaded_in_batches_named_in_the_grid(network, run):
    done = run(**RANGE, sensor_types=["LP8"])
    (load,) = [ti for ti in done.get_task_instances() if ti.task_id == "lp8.load_telegrams"]
    assert load.rendered_map_index == "LP8 1010-1012"
    assert states(network.warehouse).keys() == {
        (str(u), d.isoformat()) for u in UNITS["LP8"] for d in days(3)
    }


def test_a_failing_unit_is_named_while_the_others_are_stored_and_announced(network, run):
    required = "senseair-lp8-ir"
    broken = [p for p in day_of_telegrams(1013, FIRST_DAY) if p[1] != required]
    write_points(network.influx, broken)
    with network.warehouse.session() as session:
        deploy(session, [1013])

    done = run(first_day=FIRST_DAY.isoformat(), last_day=FIRST_DAY.isoformat(), sensor_types=["LP8"])

    assert done.state == "failed"
    assert task_states(done)["lp8.load_telegrams", 0] == "failed"
    day = FIRST_DAY.isoformat()
    found = states(network.warehouse)
    assert found["1013", day] == "failed"
    assert {found[str(unit), day] for unit in UNITS["LP8"]} == {"stored"}
    assert announced(done) == [("carbosense_telegrams_lp8", day)]
    row = report(done)["LP8"]
    assert (row["stored"], row["failed"]) == (3, 1)

    write_points(network.influx, [p for p in day_of_telegrams(1013, FIRST_DAY) if p[1] == required])
    healed = run(first_day=day, last_day=day, sensor_types=["LP8"])
    assert healed.state == "success"
    assert report(healed)["LP8"]["units"] == 1
    assert states(network.warehouse)["1013", day] == "stored"


def test_dry_run_stores_nothing_and_tells_nobody(network, run):
    done = run(**RANGE, dry_run=True)
    assert done.state == "success"
    assert states(network.warehouse) == {}
    assert network.query("SELECT COUNT(*) FROM lp8_data") == [(0,)]
    assert announced(done) == []
    (load,) = [ti for ti in done.get_task_instances() if ti.task_id == "lp8.load_telegrams"]
    planned = load.xcom_pull(task_ids="lp8.load_telegrams", map_indexes=0)
    assert planned["partitions"] == 9
    assert "9 of 9 partitions of 3 members, 2022-04-20 to 2022-04-22 (9 new)" in planned["plan"]


def test_form_restricts_types_and_units(network, run):
    run(**RANGE, sensor_types=["LP8", "HPP"], units=["1011", "426"])
    assert {member for member, _ in states(network.warehouse)} == {"1011", "426"}


def test_rows_lost_at_the_destination_and_late_telegrams_are_all_that_is_read_again(network, run):
    run(**RANGE)
    before = {table: content(network.warehouse, table) for table in TABLES.values()}
    day, midnight = FIRST_DAY.isoformat(), "UNIX_TIMESTAMP('2022-04-20')"
    network.execute(
        f"DELETE FROM lp8_data WHERE SensorUnit_ID = 1010 AND time < {midnight} + 43200 AND time >= {midnight}"
    )
    write_points(network.influx, [(426, "senseair-hpp-ir-signal", 1650585599, 1.25)])  # 2022-04-21 23:59:59

    done = run(**RANGE)

    rows = report(done)
    assert {t: rows[t]["days"] for t in TABLES} == {"LP8": 1, "HPP": 1, "Vaisala": 0, "Licor": 0}
    assert announced(done) == [("carbosense_telegrams_hpp", "2022-04-21"), ("carbosense_telegrams_lp8", day)]
    assert content(network.warehouse, "lp8_data") == before["lp8_data"]
    assert len(content(network.warehouse, "hpp_data")) == len(before["hpp_data"]) + 1


def test_mode_all_reads_everything_again_and_leaves_the_same_rows(network, run):
    run(**RANGE, sensor_types=["LP8"])
    before = content(network.warehouse, "lp8_data")
    done = run(**RANGE, sensor_types=["LP8"], mode="all")
    assert report(done)["LP8"]["rows_read"] == len(before) == 9 * 144
    assert content(network.warehouse, "lp8_data") == before


def test_units_that_are_not_deployed_on_the_day_are_not_read(network, run):
    network.execute("UPDATE Deployment SET Date_UTC_to = '2022-04-21' WHERE SensorUnit_ID = 1012")
    run(**RANGE, sensor_types=["LP8"])
    assert [day for unit, day in states(network.warehouse) if unit == "1012"] == ["2022-04-20"]


def test_unknown_form_values_are_refused_before_anything_runs(network, run):
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises((ParamValidationError, ValueError)):
        run(mode="everything")
