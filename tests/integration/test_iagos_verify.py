"""What is kept is derived again from the raw file: whatever comes out otherwise is told, with flight and level."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from sandbox.iagos.data_centre import DataCentre
from skyledger import cli, config
from skyledger.connections import to_environment
from skyledger.errors import PermanentError, StorageError
from skyledger.iagos import series, verify
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import Key
from skyledger.iagos.formats import netcdf
from skyledger.iagos.names import Level, Version
from skyledger.iagos.release.decide import FlagEdit
from skyledger.iagos.science import importer
from skyledger.iagos.states import State, held
from skyledger.iagos.verify import Verified, differing, sample
from tests.support.iagos_flights import flight as made_up_flight
from tests.support.iagos_process import Network, flown, key_of, received, waiting

pytestmark = pytest.mark.integration

KEY = key_of(0)
TODAY = date(2026, 3, 1)
EVERYTHING = ["L0", "NRT 1.0.0", "L1 1.0.0", "L2", "L2 1.0.0"]


@pytest.fixture(scope="module")
def released(mariadb, tmp_path_factory):
    """A flight that was released as Level 1 and as Level 2."""
    folder = tmp_path_factory.mktemp("verify")
    database = mariadb.create_database("iagos_verify", "iagos_verify", conn_id="iagos_db")
    with DataCentre() as centre:
        network = Network(database, folder / "data", centre).prepare(folder)
        waiting(network)
        network.release(KEY)
        network.calibrate(0, folder)
        network.recompute()
        network.release(KEY, Level.L2)
        yield network
    mariadb.drop_database("iagos_verify", "iagos_verify")


@pytest.fixture
def network(iagos_db, tmp_path):
    with DataCentre() as centre:
        yield Network(iagos_db, tmp_path / "data", centre).prepare(tmp_path)


@pytest.fixture
def changed(released):
    """Change a file, or rows, until the end of the test."""
    undo = []

    def file(pattern: str, change=lambda content: content[:-1] + bytes([content[-1] ^ 1])):
        (path,) = released.data_root.rglob(pattern)
        content = path.read_bytes()
        undo.append(lambda: path.write_bytes(content))
        path.write_bytes(change(content))

    def row(table: str, column: str, value: str, where: str):
        number = released.query(f"SELECT {column} FROM {table} WHERE {where}")[0][0]
        undo.append(lambda: released.execute(f"UPDATE {table} SET {column} = %s WHERE {where}", number))
        released.execute(f"UPDATE {table} SET {column} = {value} WHERE {where}")

    yield file, row
    for one in undo:
        one()


def verified(network: Network, **options) -> Verified:
    return verify.verify(network.warehouse, data_root=network.data_root, night=TODAY, **options)


def told(found: Verified) -> str:
    with pytest.raises(StorageError) as error:
        found.raise_for_differences()
    return str(error.value)


def test_what_nobody_touched_comes_out_the_same_bit_by_bit_and_nothing_is_changed_by_looking(released):
    before = released.lasting()
    found = verified(released)
    found.raise_for_differences()
    assert (found.flights, found.series, found.files, found.older) == (1, len(EVERYTHING), 6, 0)
    assert found.told() == "1 flights, 5 series and 6 product files derived again"
    assert released.lasting() == before


def test_a_changed_raw_file_is_told_and_what_is_kept_is_looked_at_all_the_same(released, changed):
    file, _ = changed
    file("*_L0A_r1.csv.gz")
    file("*_L2_1.0.0.nc4")
    found = verified(released)
    assert len(found.differences) == 2
    assert f"{KEY}, raw file" in told(found)
    assert "SHA-256" in told(found)
    assert f"{KEY} L2 1.0.0" in told(found)
    assert found.series == 0


def test_a_raw_file_that_is_lost_is_told(released, changed):
    file, _ = changed
    (path,) = released.data_root.rglob("*_L0A_r1.csv.gz")
    file("*_L0A_r1.csv.gz", lambda content: content)
    path.unlink()
    assert f"{KEY}, raw file: {path}: cannot read it" in told(verified(released))


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("series/*/*/r1_L0_*.parquet", "L0"),
        ("r1_L1_1.0.0.parquet", "L1 1.0.0"),
        ("r1_L2_1.0.0.parquet", "L2 1.0.0"),
    ],
)
def test_a_changed_series_file_is_told_with_its_level(released, changed, pattern, what):
    file, _ = changed
    file(pattern)
    found = verified(released)
    assert len(found.differences) == 1
    assert found.differences[0].startswith(f"{KEY} {what}: ")
    assert "not the file that was kept" in told(found)
    assert found.series == len(EVERYTHING) - 1


@pytest.mark.parametrize("name", ["*_L1_1.0.0.nc4", "*_NRT_1.0.0.txt"])
def test_a_changed_product_file_is_told(released, changed, name):
    file, _ = changed
    file(name)
    (difference,) = verified(released).differences
    assert "lost, or not the file that was written" in difference


def test_a_product_that_would_be_written_otherwise_is_told(released, changed):
    _, row = changed
    row("product", "released_at_utc", "released_at_utc + INTERVAL 1 SECOND", "level = 'L1'")
    (difference,) = verified(released).differences
    assert f"{KEY} L1 1.0.0: derived again it differs" in difference


def test_a_library_that_writes_other_bytes_of_equal_data_is_told(released, monkeypatch):
    right = netcdf.write_flight
    late = timedelta(seconds=1)
    monkeypatch.setattr(
        netcdf, "write_flight", lambda data, path, created: right(data, path, created=created + late)
    )
    differences = verified(released).differences
    assert [one.split(":")[0] for one in differences] == [
        f"{KEY} {what}" for what in EVERYTHING if " " in what
    ]
    assert all("nc4 is written with other bytes" in one for one in differences)


def test_a_calibration_changed_behind_our_back_is_told_with_every_level_that_it_touches(released, changed):
    _, row = changed
    row(
        "calibration_parameter p JOIN calibration c USING (calibration_id) JOIN component k USING (component_id)",
        "p.value",
        "p.value * 1.001",
        "k.serial_no = 'O3-010' AND p.name = 'slope' AND c.calibrated_at < '2024-01-01'",
    )
    found = verified(released)
    assert [one.split(":")[0] for one in found.differences] == [f"{KEY} {what}" for what in EVERYTHING]
    for difference in found.differences:
        assert "O3_P1 value (256 of 256 rows)" in difference
        assert "provenance: calibrations" in difference
        assert "CO_P1" not in difference


@pytest.mark.parametrize(
    ("table", "column", "value", "where", "word"),
    [
        (
            "qc_config",
            "content",
            "REPLACE(content, '\"critical\":true', '\"critical\":false')",
            "1",
            "quality",
        ),
        ("series_file", "digest", "REPEAT('0', 64)", "level = 'L1'", "the database says 00000000"),
    ],
)
def test_a_row_changed_behind_our_back_is_told(released, changed, table, column, value, where, word):
    _, row = changed
    row(table, column, value, where)
    assert word in told(verified(released))


def test_a_correction_that_is_told_to_the_instrument_database_is_no_difference(network, tmp_path):
    """What was known then counts, also for what was released before the correction."""
    waiting(network)
    network.release(KEY)
    slope, offset = correct_ozone(network, tmp_path)
    found = verified(network)
    found.raise_for_differences()
    assert found.series == 3
    network.recompute()  # Level 0 anew, for a new version of Level 1
    assert network.state(KEY).state is State.AWAITING_L1
    network.release(KEY)
    found = verified(network)
    found.raise_for_differences()
    assert found.series == 4
    first, second = (load(network, Level.L1, version).series["O3_P1"].value for version in ("1.0.0", "1.1.0"))
    assert np.nanmedian((second - offset) / (first - offset)) == pytest.approx(1 + 0.01 / slope)


def test_calibrations_that_the_pi_chose_count_for_both_levels(network, tmp_path):
    """Level 2 is derived from the Level 0 that it was made from, which the choice has changed."""
    waiting(network)
    before = network.query("SELECT digest FROM series_file WHERE level = 'L0'")
    network.calibrate(0, tmp_path)
    network.decide(KEY, "rerun", comment="dirty before", calibrations="post")
    network.process(KEY)
    assert network.query("SELECT digest FROM series_file WHERE level = 'L0'") != before
    network.release(KEY)
    network.recompute()
    network.release(KEY, Level.L2)
    found = verified(network)
    found.raise_for_differences()
    assert found.series >= len(EVERYTHING)


def test_flags_that_people_set_later_are_no_part_of_what_was_released_before(network):
    waiting(network)
    network.release(KEY)
    begin = flown(0).departure.time
    edit = FlagEdit("O3_P1", begin + timedelta(minutes=5), begin + timedelta(minutes=6), Validity.ERRONEOUS)
    network.decide(KEY, "edit_flags", comment="pump", flags=(edit,))
    network.process(KEY)
    network.release(KEY)
    assert (load(network, Level.L1, "1.0.1").series["O3_P1"].validity == Validity.ERRONEOUS).any()
    found = verified(network)
    found.raise_for_differences()
    assert found.series == 4


def test_what_another_version_of_the_software_made_is_told_apart(released, monkeypatch):
    for module in (importer, verify):
        monkeypatch.setattr(module, "SOFTWARE", "skyledger 99.0.0")
    found = verified(released)
    found.raise_for_differences()
    assert (found.older, found.by_software) == (len(EVERYTHING), [])  # other software, same values
    right = importer.formulas.uncertainty
    monkeypatch.setattr(importer.formulas, "uncertainty", lambda *given: right(*given) * 2)
    found = verified(released)
    found.raise_for_differences()
    assert [one.split(":")[0] for one in found.by_software] == [f"{KEY} {what}" for what in EVERYTHING]
    assert "O3_P1 uncertainty" in found.by_software[0]
    assert "made with skyledger 0.1.0, now skyledger 99.0.0" in found.by_software[0]


def test_code_that_computes_otherwise_under_the_same_version_is_told(released, monkeypatch):
    right = importer.formulas.uncertainty
    monkeypatch.setattr(importer.formulas, "uncertainty", lambda *given: right(*given) * 2)
    assert len(verified(released).differences) == len(EVERYTHING)


def test_a_file_changed_under_another_version_of_the_software_is_a_difference_all_the_same(
    released, changed, monkeypatch
):
    for module in (importer, verify):
        monkeypatch.setattr(module, "SOFTWARE", "skyledger 99.0.0")
    changed[0]("r1_L1_1.0.0.parquet")
    assert len(verified(released).differences) == 1


def test_a_flight_that_another_run_holds_is_left_to_another_night(released, monkeypatch):
    monkeypatch.setattr("skyledger.warehouse.LOCK_WAIT_S", 0)
    with released.warehouse.session() as session, held(session, KEY.flight_id, KEY.instrument_type):
        found = verified(released)
    assert (len(found.left_out), found.series, found.differences) == (1, 0, [])


def test_flights_can_be_named_and_one_of_which_nothing_is_kept_is_refused(network):
    received(network)
    other = waiting(network, 1)
    assert verified(network).flights == 1
    assert verified(network, flights=[other.flight_id]).series == 2  # Level 0 and NRT
    with pytest.raises(PermanentError, match=f"flight {KEY.flight_id}: no series are kept"):
        verified(network, flights=[KEY.flight_id])


@pytest.mark.parametrize("known", [0, 1, 9, 10, 11, 95, 100])
def test_every_flight_comes_within_as_many_nights_as_the_limit_needs(known):
    keys = [Key(f"20240301{n:06d}02", "P1", 1) for n in range(known)]
    nights = max(1, -(-known // 10))
    for first in (date(2026, 1, 1), date(2027, 12, 30)):
        shares = [sample(keys, first + timedelta(days=n), at_most=10) for n in range(nights)]
        assert sorted(key for share in shares for key in share) == keys
        assert all(len(share) <= 10 for share in shares)
    assert sample(keys, TODAY, 10) == sample(keys, TODAY, 10)


def test_differences_are_named_by_variable_and_part():
    data = made_up_flight(10)
    assert differing(data, data) == []
    ozone = data.series["O3_P1"]
    flags = ozone.validity.copy()
    flags[3] = Validity.ERRONEOUS
    changed = replace(
        data,
        series={**data.series, "O3_P1": replace(ozone, validity=flags)},
        channels={**data.channels, "rh_raw": data.channels["rh_raw"] + 1e-9},
        provenance={**data.provenance, "unit": "P1-99"},
    )
    assert differing(data, changed) == [
        "O3_P1 validity (1 of 10 rows)",
        "channel rh_raw (10 of 10 rows)",
        "provenance: unit",
    ]
    zero, missing = (replace(ozone, value=np.full(10, value)) for value in (0.0, -0.0))
    zero, missing = (replace(data, series={**data.series, "O3_P1": one}) for one in (zero, missing))
    assert differing(zero, missing) == ["O3_P1 value (10 of 10 rows)"]  # bit by bit
    assert differing(data, replace(data, time_s=data.time_s + 1)) == ["times (10 rows, now 10)"]
    assert differing(data, replace(data, level=Level.L2)) == ["level, process flag or interval"]


def correct_ozone(network: Network, folder: Path) -> tuple[float, float]:
    """The calibration before the deployment is corrected: its slope is 0.01 higher. Returns slope and offset before."""
    ((at, slope, offset),) = network.query(
        "SELECT c.calibrated_at, s.value, o.value FROM calibration c JOIN component k USING (component_id)"
        " JOIN calibration_parameter s ON s.calibration_id = c.calibration_id AND s.name = 'slope'"
        " JOIN calibration_parameter o ON o.calibration_id = c.calibration_id AND o.name = 'offset'"
        " WHERE k.serial_no = 'O3-010' ORDER BY c.calibrated_at LIMIT 1"
    )
    path = folder / "calibration.csv"
    path.write_text(
        "component_type,serial_no,calibrated_at,function,parameters\n"
        f"O3 analyser,O3-010,{at:%Y-%m-%dT%H:%M:%SZ},linear,slope={slope + 0.01}; offset={offset}\n"
    )
    network.take_in([path])
    return slope, offset


def load(network: Network, level: Level, version: str):
    with network.warehouse.session() as session:
        return series.load(session, network.data_root, KEY, level, Version.parse(version))


@pytest.fixture
def terminal(released, monkeypatch, capsys):
    """The command; returns what it says."""
    monkeypatch.setenv(*to_environment(released.warehouse.connection))
    monkeypatch.setattr(config, "DATA_ROOT", released.data_root)

    def verify_at_terminal(*flights: str, status: int) -> str:
        monkeypatch.setattr("sys.argv", ["skyledger", "iagos", "verify", *flights])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = " ".join("".join(capsys.readouterr()).split())
        assert (ended.value.code or 0) == status, said
        return said

    return verify_at_terminal


def test_the_terminal_says_what_was_derived_and_ends_badly_with_a_difference(released, changed, terminal):
    assert "1 flights, 5 series and 6 product files derived again" in terminal(KEY.flight_id, status=0)
    changed[0]("r1_L1_1.0.0.parquet")
    said = terminal(status=1)
    assert "4 series and 4 product files derived again, 1 differences" in said
    assert f"{KEY} L1 1.0.0: " in said
    assert "no series are kept" in terminal("2024010112000002", status=1)
