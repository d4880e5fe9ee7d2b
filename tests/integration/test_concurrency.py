"""Two runs of the same days at once: nothing twice, nothing lost, and a clear word to the one that cannot wait."""

from collections.abc import Iterator

import pytest

from skyledger.errors import StorageUnavailable
from tests.support.loads import Load, load_on
from tests.support.runs import Run

pytestmark = pytest.mark.integration

UNITS = range(1010, 1018)


@pytest.fixture(scope="module")
def network(mariadb, influxdb) -> Iterator[Load]:
    """Eight units, three days."""
    with load_on(mariadb, influxdb, UNITS, 3) as load:
        yield load


def run(load: Load, run_id: str, **options: object) -> Run:
    return Run(load.database, load.influx, load.days, run_id=run_id, **options)


def attempts(load: Load) -> list[tuple[int, str, int]]:
    return load.query("SELECT attempt, state, COUNT(*) FROM run_record GROUP BY 1, 2 ORDER BY 1, 2")


def test_second_run_of_the_same_days_waits_and_finds_nothing_to_do(load, whole):
    runs = [run(load, "a"), run(load, "b")]
    for one in runs:
        one.begin()
    summaries = [one.result() for one in runs]
    rows = len(whole["lp8_data"])
    assert sorted(summary["rows_inserted"] for summary in summaries) == [0, rows]
    assert sorted(summary["rows_read"] for summary in summaries)[0] == 0, "the second read it all again"
    assert load.contents() == whole
    assert attempts(load) == [(1, "partial", len(whole["ledger"]))]


def test_second_run_on_stored_days_waits_and_changes_nothing(load, whole):
    load.ingest()
    runs = [run(load, "a", mode="all"), run(load, "b", mode="all")]
    for one in runs:
        one.begin()
    for one in runs:
        summary = one.result()
        assert (summary["rows_inserted"], summary["rows_changed"]) == (0, 0)
        assert summary["rows_unchanged"] == len(whole["lp8_data"])
    assert load.contents() == whole
    n = len(whole["ledger"])
    assert attempts(load) == [(1, "partial", n), (2, "partial", n), (3, "partial", n)]


def test_run_that_cannot_wait_says_who_is_in_its_way_and_the_other_completes(load, whole):
    runs = [run(load, name, lock_wait_s=0) for name in "abc"]
    for one in runs:
        one.begin()
    results = [one.result() for one in runs]
    refused = [result for result in results if isinstance(result, StorageUnavailable)]
    done = [result for result in results if isinstance(result, dict)]
    assert refused
    assert done
    assert len(refused) + len(done) == 3
    for error in refused:
        assert "another run holds 'carbosense.lp8_data:1010' for more than 0 s" in str(error)
    assert load.contents() == whole


def test_runs_of_different_units_do_not_wait_for_each_other(load, whole):
    halves = [list(UNITS)[:4], list(UNITS)[4:]]
    runs = [run(load, str(n), members=half, lock_wait_s=0) for n, half in enumerate(halves)]
    for one in runs:
        one.begin()
    for one in runs:
        assert one.result()["rows_inserted"] == len(whole["lp8_data"]) // 2
    assert load.contents() == whole


def test_same_units_in_another_database_are_not_in_the_way(load, whole, carbosense_db):
    """Named locks of a server are shared by all its databases; a test database must not stop production."""
    elsewhere = Load(carbosense_db, load.influx, UNITS, 3)
    with (
        elsewhere.warehouse.session() as session,
        session.lock([f"carbosense.lp8_data:{unit}" for unit in UNITS]),
    ):
        here = run(load, "here", lock_wait_s=0)
        here.begin()
        assert here.result()["rows_inserted"] == len(whole["lp8_data"])
