"""The event table: every coincidence, null for what is not known, units and provenance in it, the same bytes again."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sandbox.minitrasgo import MuonStation
from skyledger.errors import StorageError
from skyledger.minitrasgo import events, rawfile
from skyledger.minitrasgo.detector import PLANES, STRIPS
from skyledger.minitrasgo.reduce import Reduced, reduce
from skyledger.minitrasgo.stations import load_station, recipe

START = datetime(2025, 2, 1, 10, tzinfo=UTC)
PROVENANCE = {"file": "mi0125032100000", "file_sha256": "ab" * 32}


@pytest.fixture(scope="module")
def reduced(tmp_path_factory) -> Reduced:
    station = load_station("MINGO01")
    written = MuonStation(station, seed=2).write_file(tmp_path_factory.mktemp("raw"), START, 300)
    return reduce(rawfile.read(written.path), recipe(station, START))


@pytest.fixture(scope="module")
def table(reduced) -> pa.Table:
    return events.event_table(reduced, PROVENANCE)


def test_every_coincidence_has_a_row_in_the_order_of_the_file(reduced, table):
    assert table.num_rows == len(reduced) > 2000
    assert table["line"].to_pylist() == sorted(table["line"].to_pylist())
    times = table["time"].to_numpy().astype("datetime64[s]").astype(np.int64)
    assert (times == reduced.events.time_s).all()
    assert table.schema.field("time").type == pa.timestamp("s", "UTC")


def test_what_is_not_known_is_null_and_never_zero_weakness_5(reduced, table):
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_floating(column.type):
            assert not np.isnan(column.drop_null().to_numpy()).any(), name
    without = (reduced.tracks.ndf < 0).tolist()
    assert any(without)
    for name in ("x", "theta", "chi2", "ndf", "region", "detached_phi"):
        assert [value is None for value in table[name].to_pylist()] == without, name
    for plane in range(PLANES):
        absent = (~reduced.planes.present[:, plane]).tolist()
        assert [value is None for value in table[f"p{plane + 1}_t_rel"].to_pylist()] == absent
        first = [value for value in table[f"p{plane + 1}_t_rel"].to_pylist() if value == 0]
        assert plane == PLANES - 1 or first  # the first plane of an event is at 0, which is a value


def test_values_are_those_of_the_reduction_in_single_precision(reduced, table):
    theta = table["theta"].to_numpy()
    assert np.array_equal(theta, reduced.tracks.theta_rad.astype(np.float32), equal_nan=True)
    assert table["region"].to_pylist() == [
        reduced.region_names[i] if i >= 0 else None for i in reduced.region.tolist()
    ]
    assert table["quality"].to_numpy().tolist() == reduced.flags.tolist()


def test_strip_charges_stand_where_their_hits_are(reduced, table):
    hits, charge = reduced.calibrated.hits, reduced.calibrated.strip_charge
    stored = {
        (channel, event): value
        for channel in range(PLANES * STRIPS)
        for event, value in enumerate(
            table[f"p{channel // STRIPS + 1}_s{channel % STRIPS + 1}_charge"].to_pylist()
        )
        if value is not None
    }
    found = {
        (int(channel), int(event)): float(np.float32(value))
        for channel, event, value in zip(hits.channel, hits.event, charge, strict=True)
        if not np.isnan(value)
    }
    assert stored == found


def test_each_column_names_its_unit_and_the_file_its_provenance(table, tmp_path):
    events.write(tmp_path / "e.parquet", table)
    schema = pq.read_schema(tmp_path / "e.parquet")
    assert all(field.metadata[b"unit"] and field.metadata[b"meaning"] for field in schema)
    assert schema.field("p1_t_dif").metadata[b"unit"] == b"ns"
    assert {key: schema.metadata[key.encode()].decode() for key in PROVENANCE} == PROVENANCE
    assert b"1 NO_TRACK" in schema.metadata[b"quality"]
    assert b"R1.0" in schema.metadata[b"regions"]
    compression = {
        pq.read_metadata(tmp_path / "e.parquet").row_group(0).column(n).compression for n in range(5)
    }
    assert compression == {"ZSTD"}


def test_the_same_events_give_the_same_bytes_and_an_equal_file_is_left_alone(reduced, table, tmp_path):
    path = tmp_path / "station=MINGO01" / "day=2025-02-01" / "e.parquet"
    digest = events.write(path, table)
    before = path.stat()
    assert events.write(path, events.event_table(reduced, PROVENANCE)) == digest
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert events.write(path, events.event_table(reduced, PROVENANCE | {"file_sha256": "cd" * 32})) != digest
    assert path.stat().st_ino != before.st_ino


def test_a_file_without_coincidences_is_a_table_without_rows(reduced, tmp_path):
    nothing = np.empty((0, 16), dtype=np.float32)
    none = rawfile.Events(np.empty(0, np.int32), np.empty(0, np.int64), nothing, nothing, nothing, nothing)
    empty = reduce(replace(reduced.raw, coincidences=none), reduced.recipe)
    events.write(tmp_path / "e.parquet", events.event_table(empty, PROVENANCE))
    assert pq.read_table(tmp_path / "e.parquet").num_rows == 0


def test_a_file_that_cannot_be_written_says_which(table, tmp_path):
    (tmp_path / "station").write_text("in the way")
    with pytest.raises(StorageError, match=r"station/e.parquet: cannot write it"):
        events.write(tmp_path / "station" / "e.parquet", table)


def test_tables_lie_by_station_and_day():
    assert str(events.relative_path("MINGO01", date(2025, 3, 10), "mi0125069000517")) == (
        "minitrasgo/events/station=MINGO01/day=2025-03-10/mi0125069000517.parquet"
    )
