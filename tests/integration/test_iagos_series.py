"""Series of flights: Parquet files and their rows; released versions never change; a killed run leaves what counted."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from skyledger import migrations
from skyledger.errors import PermanentError, StorageError
from skyledger.iagos import series
from skyledger.iagos.flags import Process, Validity
from skyledger.iagos.flight import FlightData, Key, Series, Stop
from skyledger.iagos.names import Level, Version
from skyledger.iagos.states import begin
from skyledger.warehouse import Warehouse

pytestmark = pytest.mark.integration

KEY = Key("2024030512345602", "P1", 1)
AS_OF = datetime(2024, 4, 1, 12, 0, 0, 250_000, UTC)
START_S = datetime(2024, 3, 5, 12, 34, 56, tzinfo=UTC).timestamp()


def flight(level=Level.L0, version=None, bias=0.0, key=KEY):
    """Ten points; ozone with one point per flag, pressure all good."""
    ozone = np.arange(10.0) / 3 + 40 + bias
    ozone[9] = np.nan
    validity = np.array([0, 0, 0, 2, 3, 4, 4, 4, 0, 7], dtype=np.int8)
    return FlightData(
        key=key,
        level=level,
        aircraft="02",
        departure=Stop("FRA", datetime(2024, 3, 5, 12, 34, 56, tzinfo=UTC)),
        arrival=Stop("JFK", datetime(2024, 3, 5, 20, 41, 10, tzinfo=UTC)),
        time_s=START_S + 4.0 * np.arange(10),
        interval_s=4.0,
        series={
            "air_press_AC": Series(np.linspace(2e4, 3e4, 10), np.zeros(10, dtype=np.int8)),
            "O3_P1": Series(ozone, validity, 2 + 0.02 * ozone),
        },
        channels={"phase": np.full(10, 6.0)},
        version=version,
        process=Process.RAW if version is None else Process.INTERMEDIATE,
        provenance={
            "source": {"name": "x", "sha256": "ab" * 32},
            "calibration_ids": [3, 7],
            "software": "s 1",
        },
    )


@pytest.fixture
def warehouse(iagos_db):
    """A migrated database that knows the flight."""
    warehouse = Warehouse(iagos_db)
    migrations.upgrade("iagos", warehouse.url)
    with warehouse.session() as session, session.transaction():
        begin(session, KEY, reason="test", run_id="r")
    return warehouse


def keep(warehouse, data, root, **kwargs):
    with warehouse.session() as session, session.transaction():
        return series.keep(session, data, root, run_id="r", **kwargs)


def load(warehouse, root, level=Level.L0, version=None):
    with warehouse.session() as session:
        return series.load(session, root, KEY, level, version)


def files(root):
    return sorted(path.name for path in (root / "iagos").rglob("*") if path.is_file())


def rows(warehouse, sql):
    with warehouse.session() as session:
        return session.query(sql)


def test_data_come_back_bit_by_bit(warehouse, tmp_path):
    data = flight()
    kept = keep(warehouse, data, tmp_path, as_of=AS_OF)
    assert kept.path.parent.as_posix() == "iagos/series/P1/2024030512345602"
    assert kept.sha256 == hashlib.sha256((tmp_path / kept.path).read_bytes()).hexdigest()
    back = load(warehouse, tmp_path)
    assert back.digest() == kept.digest == data.digest()
    assert list(back.series) == ["air_press_AC", "O3_P1"]
    assert back.channels["phase"].tobytes() == data.channels["phase"].tobytes()
    plain = (
        "key",
        "level",
        "aircraft",
        "departure",
        "arrival",
        "interval_s",
        "version",
        "process",
        "provenance",
    )
    assert {name: getattr(back, name) for name in plain} == {name: getattr(data, name) for name in plain}
    assert back.series["air_press_AC"].uncertainty is None


def test_statistics_of_each_series_are_in_the_database(warehouse, tmp_path):
    keep(warehouse, flight(), tmp_path, as_of=AS_OF)
    assert rows(warehouse, "SELECT * FROM data_series WHERE variable = 'O3_P1'") == [
        (
            *(1, "O3_P1", "1e-9", 4, 1, 1, 3, 1, 40.0, pytest.approx(40.5), pytest.approx(40 + 8 / 3)),
            *(datetime(2024, 3, 5, 12, 34, 56), datetime(2024, 3, 5, 12, 35, 28)),  # noqa: DTZ001 - as stored
        )
    ]
    assert rows(
        warehouse,
        "SELECT level, version, rows_kept, calibration_ids, software, source_sha256 FROM series_file",
    ) == [("L0", "", 10, "3,7", "s 1", "ab" * 32)]


def test_a_series_without_a_good_value_has_no_extremes(warehouse, tmp_path):
    data = flight()
    keep(warehouse, data.with_validity({"O3_P1": np.full(10, Validity.ERRONEOUS, dtype=np.int8)}), tmp_path)
    found = rows(
        warehouse, "SELECT n_erroneous, min_good, first_good_utc FROM data_series WHERE variable = 'O3_P1'"
    )
    assert found == [(10, None, None)]


def test_keeping_the_same_again_changes_nothing(warehouse, tmp_path):
    first = keep(warehouse, flight(), tmp_path, as_of=AS_OF)
    before = rows(warehouse, "SELECT * FROM series_file")
    written = (tmp_path / first.path).stat().st_mtime_ns
    assert keep(warehouse, flight(), tmp_path, as_of=datetime(2025, 1, 1, tzinfo=UTC)) == first
    assert rows(warehouse, "SELECT * FROM series_file") == before
    assert (tmp_path / first.path).stat().st_mtime_ns == written


def test_what_is_not_released_may_be_made_again(warehouse, tmp_path):
    first = keep(warehouse, flight(), tmp_path, as_of=AS_OF)
    second = keep(warehouse, flight(bias=1.0), tmp_path)
    assert second.digest != first.digest
    assert second.as_of == AS_OF  # unless told otherwise
    assert load(warehouse, tmp_path).digest() == second.digest
    assert rows(warehouse, "SELECT COUNT(*) FROM series_file") == [(1,)]
    assert rows(warehouse, "SELECT COUNT(*) FROM data_series") == [(2,)]
    third = keep(warehouse, flight(bias=2.0), tmp_path)
    assert files(tmp_path) == sorted([second.path.name, third.path.name])  # the one before the last is gone


def test_a_lost_file_is_written_again(warehouse, tmp_path):
    first = keep(warehouse, flight(), tmp_path)
    (tmp_path / first.path).unlink()
    with pytest.raises(StorageError, match="cannot read it"):
        load(warehouse, tmp_path)
    assert keep(warehouse, flight(), tmp_path) == first
    assert load(warehouse, tmp_path).digest() == first.digest
    assert rows(warehouse, "SELECT COUNT(*), COUNT(DISTINCT series_file_id) FROM data_series") == [(2, 1)]


def test_a_run_that_dies_before_its_transaction_ends_leaves_what_counted(warehouse, tmp_path):
    first = keep(warehouse, flight(), tmp_path)
    with warehouse.session() as session:  # which ends without a commit
        session.wire.begin()
        series.keep(session, flight(bias=1.0), tmp_path, run_id="r")
    assert len(files(tmp_path)) == 2
    assert load(warehouse, tmp_path).digest() == first.digest
    keep(warehouse, flight(bias=2.0), tmp_path)
    assert len(files(tmp_path)) == 2  # what the dead run wrote is gone


def test_a_released_version_never_changes(warehouse, tmp_path):
    version = Version(1, 0, 0)
    released = keep(warehouse, flight(Level.L1, version), tmp_path)
    assert released.path.name == "r1_L1_1.0.0.parquet"
    content = (tmp_path / released.path).read_bytes()
    with pytest.raises(PermanentError, match=r"L1 1\.0\.0 was released .* release the next one"):
        keep(warehouse, flight(Level.L1, version, bias=1.0), tmp_path)
    assert (tmp_path / released.path).read_bytes() == content
    keep(warehouse, flight(Level.L1, Version(1, 1, 0), bias=1.0), tmp_path)
    assert load(warehouse, tmp_path, Level.L1, version).digest() == released.digest
    assert load(warehouse, tmp_path, Level.L1, Version(1, 1, 0)).version == Version(1, 1, 0)


def test_levels_and_releases_do_not_remove_each_others_files(warehouse, tmp_path):
    keep(warehouse, flight(Level.L0), tmp_path)
    keep(warehouse, flight(Level.L1, Version(1, 0, 0)), tmp_path)
    keep(warehouse, flight(Level.L2), tmp_path)
    keep(warehouse, flight(Level.L2, bias=1.0), tmp_path)
    keep(warehouse, flight(Level.L2, bias=2.0), tmp_path)
    assert [name.split("_")[1] for name in files(tmp_path)] == ["L0", "L1", "L2", "L2"]


def test_a_file_that_was_changed_is_refused(warehouse, tmp_path):
    path = tmp_path / keep(warehouse, flight(), tmp_path).path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(StorageError, match="not the file that was kept"):
        load(warehouse, tmp_path)


def test_series_that_are_not_kept_cannot_be_loaded(warehouse, tmp_path):
    with pytest.raises(
        PermanentError, match=r"2024030512345602 P1 r1: no series of level L2 1\.0\.0 are kept"
    ):
        load(warehouse, tmp_path, Level.L2, Version(1, 0, 0))


def test_series_belong_to_a_known_flight(warehouse, tmp_path):
    with pytest.raises(StorageError, match="series_file_is_of_a_file"):
        keep(warehouse, flight(key=Key("2024030512345607", "P1", 1)), tmp_path)


def test_equal_data_give_equal_bytes():
    assert series.to_parquet(flight()) == series.to_parquet(replace(flight()))


def test_migration_goes_down_and_up_again(warehouse):
    for part in ("down", "up", "up"):
        with warehouse.session() as session:
            text = (migrations.SQL_DIR / f"iagos/migrations/0005_series.{part}.sql").read_text()
            for statement in filter(str.strip, text.split(";\n")):
                session.execute(statement)
    assert rows(warehouse, "SELECT COUNT(*) FROM series_file") == [(0,)]
