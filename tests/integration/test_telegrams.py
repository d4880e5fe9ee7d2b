"""From InfluxDB to MariaDB on real servers: exact rows, exact plans, nothing twice, nothing lost."""

from datetime import UTC, date, datetime, timedelta

import pytest

from skyledger.carbosense.telegram_plan import plan_telegrams, slice_plan
from skyledger.carbosense.telegrams import ingest_telegrams, load_mapping
from skyledger.connections import Connection
from skyledger.errors import PermanentError, StorageUnavailable
from skyledger.influx import midnight_s, open_source
from skyledger.ledger import Mode, Reason
from skyledger.mapping import TelegramMapping
from skyledger.summary import Summary
from skyledger.warehouse import UpsertCounts, Warehouse
from tests.support.telegrams import (
    FIRST_DAY,
    content,
    day_of_telegrams,
    days,
    deploy,
    prepare,
    run_influxql,
    states,
    write_points,
)

pytestmark = pytest.mark.integration

UNITS = (1010, 1011, 1012)
LP8 = load_mapping("lp8")
ROWS_PER_DAY = 144


class Network:
    """Three LP8 units with three days of telegrams, and the calls a test makes."""

    def __init__(self, database: Connection, influx: Connection) -> None:
        self.influx = influx
        self.warehouse: Warehouse = prepare(database, UNITS)
        self.source = open_source(influx)
        self.days = days(3)
        for unit in UNITS:
            for day in self.days:
                write_points(influx, day_of_telegrams(unit, day))

    def ingest(self, mapping: TelegramMapping = LP8, last_day: date | None = None, **kwargs) -> Summary:
        return ingest_telegrams(
            self.warehouse, self.source, mapping, FIRST_DAY, last_day or self.days[-1], **kwargs
        )

    def plan(self, mapping: TelegramMapping = LP8, mode: Mode = Mode.MISSING, **kwargs):
        with self.warehouse.session() as session:
            plan = plan_telegrams(
                session, self.source, mapping, FIRST_DAY, self.days[-1], mode=mode, **kwargs
            )
        return {(item.member, item.partition_key, item.reason) for item in plan.items}

    def execute(self, sql: str, *parameters) -> int:
        with self.warehouse.session() as session, session.transaction():
            return session.execute(sql, parameters)

    def query(self, sql: str, *parameters):
        with self.warehouse.session() as session:
            return session.query(sql, parameters)


@pytest.fixture
def network(carbosense_db, influx_db) -> Network:
    return Network(carbosense_db, influx_db)


def test_every_telegram_arrives_with_exactly_its_values(network):
    summary = network.ingest()
    assert summary.as_dict()["partitions"] == {"empty": 0, "stored": 9}
    assert summary.upserts == UpsertCounts(9 * ROWS_PER_DAY, 0, 0)
    quantities = {column.name: column.quantities[0] for column in LP8.columns}
    expected = {}
    for unit in UNITS:
        for day in network.days:
            for node, quantity, t, value in day_of_telegrams(unit, day):
                expected[node, t, quantity] = value
    names = ", ".join(quantities)
    stored = network.query(f"SELECT SensorUnit_ID, time, {names} FROM lp8_data")
    assert len(stored) == 9 * ROWS_PER_DAY
    for unit, t, *values in stored:
        for quantity, value in zip(quantities.values(), values, strict=True):
            assert value == expected[unit, t, quantity]


def test_second_run_changes_nothing(network):
    network.ingest()
    before = content(network.warehouse, "lp8_data"), network.query("SELECT * FROM ledger ORDER BY 1, 2, 3")
    attempts = network.query("SELECT COUNT(*) FROM run_record")
    summary = network.ingest()
    assert summary.planned == 0
    assert (
        content(network.warehouse, "lp8_data"),
        network.query("SELECT * FROM ledger ORDER BY 1, 2, 3"),
    ) == before
    assert network.query("SELECT COUNT(*) FROM run_record") == attempts


def test_forced_second_run_reads_everything_and_changes_no_row(network):
    network.ingest()
    updated = network.query("SELECT SensorUnit_ID, time, updated_at FROM lp8_data ORDER BY 1, 2")
    summary = network.ingest(mode=Mode.ALL)
    assert summary.planned == 9
    assert summary.upserts == UpsertCounts(0, 0, 9 * ROWS_PER_DAY)
    assert network.query("SELECT SensorUnit_ID, time, updated_at FROM lp8_data ORDER BY 1, 2") == updated


def test_half_of_an_old_day_lost_at_the_destination_is_found_and_mended(network):
    network.ingest()
    before = content(network.warehouse, "lp8_data")
    start = midnight_s(network.days[1])
    network.execute(
        "DELETE FROM lp8_data WHERE SensorUnit_ID = 1011 AND time >= %s AND time < %s AND time DIV 600 MOD 2 = 0",
        start,
        start + 86_400,
    )
    assert network.plan() == {("1011", "2022-04-21", Reason.DESTINATION_CHANGED)}
    assert network.ingest().upserts == UpsertCounts(ROWS_PER_DAY // 2, 0, ROWS_PER_DAY // 2)
    assert content(network.warehouse, "lp8_data") == before
    assert network.plan() == set()


def test_late_telegrams_make_exactly_their_days_stale(network):
    network.ingest()
    t = midnight_s(network.days[0]) + 61
    late = [(1012, quantity, t, 1.0) for quantity in LP8.quantities]
    write_points(network.influx, late)
    assert network.plan() == {("1012", "2022-04-20", Reason.SOURCE_CHANGED)}
    assert network.ingest().upserts == UpsertCounts(1, 0, ROWS_PER_DAY)
    assert network.plan() == set()


def test_value_corrected_at_the_source_is_found_though_the_count_is_the_same(network):
    network.ingest()
    write_points(network.influx, [(1010, "senseair-lp8-ir", midnight_s(network.days[2]) + 600, 1.25)])
    assert network.plan() == {("1010", "2022-04-22", Reason.SOURCE_CHANGED)}
    assert network.ingest().upserts == UpsertCounts(0, 1, ROWS_PER_DAY - 1)


def test_correction_of_a_quantity_that_is_not_watched_waits_for_a_forced_run(network):
    """Days are compared by the required quantities only; whoever corrects others asks for the days."""
    network.ingest()
    write_points(network.influx, [(1010, "battery", midnight_s(network.days[2]) + 600, 1.25)])
    assert network.plan() == set()
    assert network.ingest(mode=Mode.ALL).upserts == UpsertCounts(0, 1, 9 * ROWS_PER_DAY - 1)


def test_a_day_with_one_row_is_not_a_complete_day(carbosense_db, influx_db):
    """Reference example 40 counts days; the original took a day with one row for complete. Here rows count."""
    warehouse = prepare(carbosense_db, [1010])
    source = open_source(influx_db)
    first = date(2022, 3, 1)
    now = datetime(2022, 3, 20, 12, tzinfo=UTC)
    for n in range(20):
        write_points(influx_db, day_of_telegrams(1010, first + timedelta(days=n), step_s=7_200))

    def planned(mode: Mode = Mode.MISSING, backfill: int = 3) -> list[int]:
        with warehouse.session() as session:
            plan = plan_telegrams(
                session, source, LP8, first, first + timedelta(days=19), None, mode, backfill, now=now
            )
        return [int(item.partition_key[-2:]) for item in plan.items]

    def ingest(first_n: int, last_n: int) -> None:
        ingest_telegrams(
            warehouse,
            source,
            LP8,
            first + timedelta(days=first_n - 1),
            first + timedelta(days=last_n - 1),
            now=now,
        )

    ingest(1, 6)
    ingest(8, 15)
    assert planned() == [7, 16, 17, 18, 19, 20]
    assert planned(Mode.BACKFILL) == [7, 16, 17, 18, 19, 20]
    ingest(1, 20)
    assert planned() == []
    assert planned(Mode.BACKFILL) == [18, 19, 20]
    assert planned(Mode.BACKFILL, 0) == []
    with warehouse.session() as session, session.transaction():
        session.execute(
            "DELETE FROM lp8_data WHERE time >= %s AND time < %s AND time %% 86400 > 0",
            (midnight_s(date(2022, 3, 5)), midnight_s(date(2022, 3, 6))),
        )
    assert planned() == [5]


def test_all_and_explicit_days_and_members(network):
    network.ingest()
    assert len(network.plan(mode=Mode.ALL)) == 9
    assert network.plan(mode=Mode.ALL, members=[1011]) == {
        ("1011", day.isoformat(), Reason.REQUESTED) for day in network.days
    }


def test_changed_configuration_is_stale_and_left_to_whoever_asks(network):
    network.ingest()
    dropped = LP8.model_copy(update={"columns": LP8.columns[1:], "ignore": (*LP8.ignore, "battery")})
    assert network.plan(dropped) == set()
    with network.warehouse.session() as session:
        plan = plan_telegrams(session, network.source, dropped, FIRST_DAY, network.days[-1])
    assert "9 were stored with another configuration (mode stale takes them)" in plan.describe()
    assert {reason for *_, reason in network.plan(dropped, Mode.STALE)} == {Reason.CONFIG_CHANGED}
    assert len(network.plan(dropped, Mode.STALE)) == 9
    assert network.plan(mode=Mode.STALE) == set()
    network.ingest(dropped, mode=Mode.STALE)
    assert network.plan(dropped, Mode.STALE) == set()


def test_only_units_deployed_on_the_day_are_visited(network):
    network.execute("UPDATE Deployment SET Date_UTC_to = '2022-04-21 00:00:00' WHERE SensorUnit_ID = 1010")
    network.execute("UPDATE Sensors SET Date_UTC_from = '2022-04-21 12:00:00' WHERE SensorUnit_ID = 1011")
    network.ingest()
    assert {key for key in states(network.warehouse) if key[0] != "1012"} == {
        ("1010", "2022-04-20"),
        ("1011", "2022-04-21"),
        ("1011", "2022-04-22"),
    }


def test_deployed_unit_that_is_silent_is_recorded_as_empty_once(network):
    with network.warehouse.session() as session:
        deploy(session, [1013], start=datetime(2022, 4, 21))  # noqa: DTZ001 - DATETIME columns hold naive UTC
    assert network.ingest().as_dict()["partitions"] == {"empty": 2, "stored": 9}
    assert network.ingest().as_dict()["partitions"] == {"empty": 0}
    assert states(network.warehouse)["1013", "2022-04-21"] == "empty"
    write_points(network.influx, day_of_telegrams(1013, network.days[1]))
    assert network.plan() == {("1013", "2022-04-21", Reason.SOURCE_CHANGED)}
    network.ingest()
    assert states(network.warehouse)["1013", "2022-04-21"] == "stored"


def test_what_the_source_forgets_stays_stored(network):
    network.ingest()
    before = content(network.warehouse, "lp8_data")
    run_influxql(network.influx, "DROP SERIES FROM \"measurements\" WHERE node = '1010'")
    assert network.source.inventory(LP8.source, LP8.quantities, ["1010"], *network.days[::2]).num_rows == 0

    assert network.plan() == set()
    network.ingest(mode=Mode.ALL)
    assert content(network.warehouse, "lp8_data") == before
    assert states(network.warehouse)["1010", "2022-04-20"] == "stored"


def test_midnight_and_the_last_second_belong_to_their_day(network):
    """The original lost telegrams stamped 00:00:00 and from 23:59:59 on."""
    day = network.days[0]
    edges = [midnight_s(day) - 1, midnight_s(day), midnight_s(day) + 86_399, midnight_s(day) + 86_400]
    write_points(network.influx, [(1010, "battery", t, 3.0) for t in edges])
    network.ingest(last_day=day, members=[1010])
    (times,) = zip(
        *network.query("SELECT time FROM lp8_data WHERE SensorUnit_ID = 1010 AND battery = 3.0"), strict=True
    )
    assert sorted(times) == edges[1:3]


def test_unit_445_never_gets_the_telegrams_of_1445(carbosense_db, influx_db):
    warehouse = prepare(carbosense_db, [445, 1445], "HPP")
    hpp = load_mapping("hpp")
    write_points(influx_db, day_of_telegrams(445, FIRST_DAY, "HPP", step_s=3_600, seed=1))
    write_points(influx_db, day_of_telegrams(1445, FIRST_DAY, "HPP", step_s=1_800, seed=2))
    ingest_telegrams(warehouse, open_source(influx_db), hpp, FIRST_DAY, FIRST_DAY)
    with warehouse.session() as session:
        counts = session.query("SELECT SensorUnit_ID, COUNT(*) FROM hpp_data GROUP BY 1 ORDER BY 1")
    assert counts == [(445, 24), (1445, 48)]


def test_radio_statistics_are_left_out(network):
    t = midnight_s(network.days[0]) + 13
    write_points(network.influx, [(1010, "battery", t, -80.0)], {"channel": "link-rssi"})
    network.ingest()
    assert network.query("SELECT COUNT(*) FROM lp8_data WHERE time = %s", t) == [(0,)]


def test_record_that_does_not_fit_is_kept_aside_and_the_numbers_add_up(network):
    t = midnight_s(network.days[1]) + 1_200
    write_points(network.influx, [(1010, "senseair-lp8-status", t, 70_000.5)])
    summary = network.ingest()
    assert (summary.rows_read, summary.rows_stored, summary.rows_rejected) == (9 * 144, 9 * 144 - 1, 1)
    assert states(network.warehouse)["1010", "2022-04-21"] == "partial"
    ((key, reason, raw),) = network.query("SELECT record_key, reason, raw FROM rejected_record")
    assert key == str(t)
    assert "senseair_lp8_status: 70000.5 does not fit" in reason
    assert '"senseair-lp8-status": 70000.5' in raw
    assert '"battery"' in raw
    assert network.plan() == set(), "a partial day is not read again until something changes"
    write_points(
        network.influx, [(1010, "senseair-lp8-status", t, 0), (1010, "senseair-lp8-ir", t, 26_000.5)]
    )
    assert network.ingest().upserts == UpsertCounts(1, 0, ROWS_PER_DAY - 1)
    assert network.query("SELECT COUNT(*) FROM rejected_record") == [(0,)]
    assert states(network.warehouse)["1010", "2022-04-21"] == "stored"


def test_day_without_a_required_quantity_fails_alone(network):
    required = [column for column in LP8.columns if column.required]
    assert required, "the LP8 mapping names what a telegram cannot do without"
    lacking = {q for column in required for q in column.quantities}
    day = network.days[-1] + timedelta(days=1)
    write_points(network.influx, [p for p in day_of_telegrams(1010, day) if p[1] not in lacking])
    network.days.append(day)
    summary = network.ingest()
    with pytest.raises(PermanentError, match=r"unit\(s\) 1010 failed.*\n.*1010, 2022-04-23.*required column"):
        summary.raise_for_failures()
    found = states(network.warehouse)
    assert found["1010", "2022-04-23"] == "failed"
    assert sorted(found.values()).count("stored") == 9
    assert network.query("SELECT COUNT(*) FROM lp8_data WHERE time >= %s", midnight_s(day)) == [(0,)]


def test_optional_quantity_that_is_absent_is_a_recorded_null(network):
    day = network.days[-1] + timedelta(days=1)
    write_points(network.influx, [p for p in day_of_telegrams(1010, day) if p[1] != "battery"])
    network.days.append(day)
    network.ingest()
    assert network.query(
        "SELECT COUNT(*), COUNT(battery) FROM lp8_data WHERE time >= %s", midnight_s(day)
    ) == [(144, 0)]
    ((message,),) = network.query("SELECT message FROM ledger WHERE partition_key = %s", day.isoformat())[:1]
    assert "no source for battery" in message


def test_quantity_the_mapping_does_not_know_is_named(network, caplog):
    write_points(network.influx, [(1010, "senseair-lp8-new", midnight_s(network.days[0]), 1.0)])
    network.ingest()
    ((message,),) = network.query(
        "SELECT message FROM ledger WHERE member = '1010' AND partition_key = '2022-04-20'"
    )
    assert message == "not mapped: senseair-lp8-new"
    assert "senseair-lp8-new" in caplog.text


def test_day_that_is_not_over_is_partial_and_completed_later(network):
    noon = datetime(2022, 4, 22, 12, tzinfo=UTC)
    network.ingest(now=noon)
    assert states(network.warehouse)["1010", "2022-04-22"] == "partial"
    assert states(network.warehouse)["1010", "2022-04-21"] == "stored"
    write_points(network.influx, [(1010, "senseair-lp8-ir", midnight_s(network.days[2]) + 86_000, 3.0)])
    network.ingest()
    assert states(network.warehouse)["1010", "2022-04-22"] == "stored"


def test_every_attempt_is_recorded_and_only_its_close_changes_it(network):
    network.ingest(run_id="first")
    network.ingest(run_id="second", mode=Mode.ALL, members=[1010])
    rows = network.query(
        "SELECT attempt, run_id, reason, state, rows_stored, ended_at >= started_at FROM run_record "
        "WHERE member = '1010' AND partition_key = '2022-04-20' ORDER BY attempt"
    )
    assert rows == [(1, "first", "new", "stored", 144, 1), (2, "second", "requested", "stored", 144, 1)]


def test_other_run_on_the_same_units_is_waited_for_and_then_refused(network, monkeypatch):
    monkeypatch.setattr("skyledger.warehouse.LOCK_WAIT_S", 0)
    with (
        network.warehouse.session() as session,
        session.lock([f"{LP8.dataset}:1011"]),
        pytest.raises(StorageUnavailable, match=r"another run holds 'carbosense.lp8_data:1011'"),
    ):
        network.ingest()
    assert states(network.warehouse) == {}


def test_long_ranges_are_cut_into_slices_that_fit_in_memory(network):
    with network.warehouse.session() as session:
        plan = plan_telegrams(session, network.source, LP8, FIRST_DAY, network.days[-1])
    slices = list(slice_plan(plan, slice_telegrams=2 * ROWS_PER_DAY))
    assert [len(s) for s in slices] == [2, 1] * 3
    assert [item for s in slices for item in s] == list(plan.items)
    assert [len(s) for s in slice_plan(plan, slice_telegrams=1)] == [1] * 9
