"""From raw rows with a known truth to Level 0 and Level 2, and what provenance tells of it."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from skyledger.errors import PermanentError
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import Key, Stop
from skyledger.iagos.formats.raw import RawFlight, RejectedLine
from skyledger.iagos.instruments import load_instrument
from skyledger.iagos.metadata.calibrations import CalibrationPair, CalibrationRecord, CalibrationSet, Part
from skyledger.iagos.metadata.flights import Flight
from skyledger.iagos.names import Level
from skyledger.iagos.science import formulas
from skyledger.iagos.science.importer import make_l0, make_l2
from skyledger.iagos.variables import variables

KEY = Key("2023120112345602", "P1", 1)
DEPARTURE = datetime(2023, 12, 1, 12, 34, 56, tzinfo=UTC)
START_S = DEPARTURE.timestamp()
PRE_AT, POST_AT = datetime(2023, 9, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
SHARE = (START_S - PRE_AT.timestamp()) / (
    POST_AT - PRE_AT
).total_seconds()  # at take-off; a flight adds little
P1 = load_instrument("P1")
SOURCE = {"name": "IAGOS_P1_2023120112345602_L0A_r1.csv.gz", "sha256": "ab" * 32}
FLIGHT = Flight(
    KEY.flight_id, "02", "D-X", Stop("FRA", DEPARTURE), Stop("JFK", datetime(2023, 12, 1, 21, tzinfo=UTC))
)
N = 400
O3_PRE, O3_POST = {"slope": 0.985, "offset": 1.8}, {"slope": 0.972, "offset": 2.6}
# what is there
OZONE = np.linspace(40, 420, N)
CARBON_MONOXIDE = np.linspace(110, 60, N)
TEMPERATURE = np.full(N, 217.0)
HUMIDITY = np.full(N, 0.2)
PRESSURE = np.full(N, 19_700.0)
MACH = np.full(N, 0.82)


def pair(first, pre, post=None):
    """Calibrations numbered first and first + 1."""
    return CalibrationPair(
        CalibrationRecord(first, "c", PRE_AT, "linear", pre) if pre else None,
        CalibrationRecord(first + 1, "c", POST_AT, "linear", post) if post else None,
    )


def calibrations(*, final=False, **parts):
    """Ozone drifts; the others answer truly."""
    true = {"slope": 1.0, "offset": 0.0}
    post = true if final else None
    pairs = {
        "O3 analyser": pair(1, O3_PRE, O3_POST if final else None),
        "CO analyser": pair(3, true, post),
        "RH sensor": pair(5, true, post),
        "PT100": pair(7, true, post),
    } | parts
    known = {name: Part(f"{name} 1", one) for name, one in pairs.items() if one}
    return CalibrationSet("D-1", "P1-01", known, datetime(2024, 5, 1, tzinfo=UTC))


def raw(share=0.0):
    """What the instruments say of the truth, while the ozone analyser has gone `share` of its way."""
    slope, offset = (O3_PRE[name] + share * (O3_POST[name] - O3_PRE[name]) for name in ("slope", "offset"))
    heating = 1 + 0.2 * P1.recovery_factor * MACH**2
    sensor = TEMPERATURE * heating
    columns = {
        "lat": np.full(N, 50.0),
        "lon": 170.0 + np.arange(N) * 0.05,
        "p_hpa": PRESSURE / 100,
        "tat_k": sensor,
        "mach": MACH,
        "o3_cell_a": OZONE,
        "o3_cell_b": OZONE,
        "o3_raw_ppb": (OZONE - offset) / slope,
        "co_raw_ppb": CARBON_MONOXIDE,
        "co_mode": np.zeros(N),
        "rh_raw": HUMIDITY / formulas.ambient_humidity(1.0, TEMPERATURE, sensor),
        "t_sensor_k": sensor,
        "bcp_counts": np.arange(N) % 3.0,
        "status_word": np.zeros(N),
        "phase": np.full(N, 6.0),
    }
    columns = {name: values.copy() for name, values in columns.items()}
    time_s = START_S + 4.0 * np.arange(N)
    return RawFlight(KEY.flight_id, "P1", "P1-01", "02", 4.0, "GPS", time_s, columns)


def level_0(one=None, known=None):
    return make_l0(one or raw(), P1, known or calibrations(), FLIGHT, KEY, source=SOURCE)


def test_level_0_finds_the_truth_when_nothing_has_drifted():
    data = level_0()
    assert (data.level, data.aircraft, data.departure.airport, len(data)) == (Level.L0, "02", "FRA", N)
    assert list(data.series) == list(variables())  # all, in their order
    value = {name: one.value for name, one in data.series.items()}
    assert value["O3_P1"] == pytest.approx(OZONE)
    assert value["CO_P1"] == pytest.approx(CARBON_MONOXIDE)
    assert value["air_temp_P1"] == pytest.approx(TEMPERATURE)
    assert value["air_temp_AC"] == pytest.approx(TEMPERATURE)
    assert value["RHL_P1"] == pytest.approx(HUMIDITY)
    assert value["RHI_P1"] == pytest.approx(formulas.humidity_over_ice(HUMIDITY, TEMPERATURE))
    assert value["H2O_gas_P1"] == pytest.approx(
        1e6 * formulas.water_mole_fraction(HUMIDITY, TEMPERATURE, PRESSURE)
    )
    assert value["air_press_AC"] == pytest.approx(PRESSURE)
    assert value["baro_alt_AC"][0] == pytest.approx(11_880.0, abs=2.0)
    assert value["cloud_P1"][:3] == pytest.approx([0, 0.25, 0.5])
    assert value["lon"][-1] == pytest.approx(170 + (N - 1) * 0.05 - 360)  # over the date line: weakness 11


def test_nothing_is_judged_yet():
    for name, one in level_0().series.items():
        assert set(one.validity) == {Validity.NOT_VALIDATED}, name
        assert (one.uncertainty is None) == (variables()[name].kind != "instrument"), name


def test_uncertainties_are_those_of_the_instrument():
    series = level_0().series
    assert series["O3_P1"].uncertainty == pytest.approx(2 + 0.02 * OZONE)
    assert series["CO_P1"].uncertainty == pytest.approx(5 + 0.05 * CARBON_MONOXIDE)
    assert series["RHL_P1"].uncertainty == pytest.approx(np.full(N, 0.05))
    ratio = series["RHI_P1"].value / series["RHL_P1"].value
    assert series["RHI_P1"].uncertainty == pytest.approx(0.05 * ratio)
    assert series["H2O_gas_P1"].uncertainty / series["H2O_gas_P1"].value == pytest.approx(0.05 / HUMIDITY)
    assert series["cloud_P1"].uncertainty[:3] == pytest.approx([0.25, 0.25, 2**0.5 / 4])


def test_level_2_takes_away_the_drift_that_level_0_shows():
    one = raw(share=SHARE)
    l0 = level_0(one, calibrations(final=True))
    assert np.abs(l0.series["O3_P1"].value - OZONE).max() > 1.0
    l2 = make_l2(l0, P1, calibrations(final=True))
    assert l2.level is Level.L2
    assert np.abs(l2.series["O3_P1"].value - OZONE).max() < 0.01  # what ozone drifts during the flight
    response = one.columns["o3_raw_ppb"]
    drift = np.abs((0.985 - 0.972) * response + 1.8 - 2.6) / 2
    assert l2.series["O3_P1"].uncertainty == pytest.approx(2 + 0.02 * l2.series["O3_P1"].value + drift)
    assert l2.series["CO_P1"].value.tobytes() == l0.series["CO_P1"].value.tobytes()
    assert l2.series["lat"].value.tobytes() == l0.series["lat"].value.tobytes()


def test_uncertainties_may_add_in_quadrature():
    l2 = make_l2(level_0(), P1.model_copy(update={"combine": "quadrature"}), calibrations(final=True))
    raw_ozone = level_0().channels["o3_raw_ppb"]
    drift = np.abs((0.985 - 0.972) * raw_ozone + 1.8 - 2.6) / 2
    expected = np.sqrt(2**2 + (0.02 * l2.series["O3_P1"].value) ** 2 + drift**2)
    assert l2.series["O3_P1"].uncertainty == pytest.approx(expected)
    assert l2.provenance["uncertainty"].startswith("quadrature")


def test_drift_of_the_humidity_sensor_is_told_as_it_is_outside():
    known = calibrations(
        final=True, **{"RH sensor": pair(5, {"slope": 1, "offset": 0}, {"slope": 1, "offset": 0.002})}
    )
    l2 = make_l2(level_0(), P1, known)
    factor = HUMIDITY / raw().columns["rh_raw"]
    assert l2.series["RHL_P1"].uncertainty == pytest.approx(0.05 + 0.001 * factor)


def test_only_a_calibration_after_the_deployment_limits_what_depends_on_it():
    true = {"slope": 1.0, "offset": 0.0}
    data = level_0(known=calibrations(PT100=pair(7, None, true)))
    limited = [name for name, one in data.series.items() if (one.validity == Validity.LIMITED).all()]
    assert limited == ["H2O_gas_P1", "RHL_P1", "RHI_P1", "air_temp_P1"]
    assert data.provenance["limited"]["RHI_P1"] == "calibrated after the deployment only"


def test_a_missing_value_stays_missing_where_values_are_limited():
    one = raw()
    one.columns["co_raw_ppb"][5] = np.nan
    data = level_0(one, calibrations(**{"CO analyser": pair(3, None, {"slope": 1, "offset": 0})}))
    assert data.series["CO_P1"].validity[4:7].tolist() == [
        Validity.LIMITED,
        Validity.MISSING,
        Validity.LIMITED,
    ]


def test_a_part_that_is_not_built_in_makes_its_variable_missing():
    data = level_0(known=calibrations(**{"CO analyser": None}))
    assert set(data.series["CO_P1"].validity) == {Validity.MISSING}
    assert np.isnan(data.series["CO_P1"].uncertainty).all()
    assert data.provenance["limited"] == {"CO_P1": "unit P1-01 has no CO analyser"}
    assert not np.isnan(data.series["O3_P1"].value).any()


def test_a_part_that_was_never_calibrated_stops_the_import():
    with pytest.raises(
        PermanentError, match="CO_P1: CO analyser CO analyser 1: no calibration is known; import one"
    ):
        level_0(known=calibrations(**{"CO analyser": pair(3, None)}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"serial": "P1-02"}, "says instrument_serial P1-02, the instrument database P1-01"),
        ({"flight_id": "2023120112345702"}, "says flight_id 2023120112345702"),
    ],
)
def test_a_file_that_does_not_belong_to_the_deployment_is_refused(changes, message):
    with pytest.raises(PermanentError, match=message):
        level_0(replace(raw(), **changes))


def test_level_2_is_not_made_with_the_calibrations_of_another_unit():
    with pytest.raises(PermanentError, match="Level 0 is of unit P1-01, the calibrations are of P1-09"):
        make_l2(level_0(), P1, replace(calibrations(final=True), unit_serial="P1-09"))


def test_aircraft_data_are_bridged_over_short_gaps_and_instrument_data_never():
    one = raw()
    for name in ("p_hpa", "mach", "o3_raw_ppb"):
        one.columns[name][10:12] = np.nan
        one.columns[name][100:140] = np.nan
    series = level_0(one).series
    assert not np.isnan(series["air_press_AC"].value[9:14]).any()
    assert np.isnan(series["O3_P1"].value[10:12]).all()
    for name in ("air_press_AC", "RHI_P1", "H2O_gas_P1", "air_temp_AC"):  # they need what the aircraft tells
        assert np.isnan(series[name].value[100:140]).all(), name
    assert not np.isnan(series["CO_P1"].value).any()


def test_rows_that_are_not_there_are_points_without_values():
    one = raw()
    keep = np.r_[:50, 90:N]
    cut = replace(one, time_s=one.time_s[keep], columns={name: v[keep] for name, v in one.columns.items()})
    data = level_0(cut)
    assert len(data) == N
    assert np.isnan(data.series["O3_P1"].value[50:90]).all()
    assert np.isnan(data.channels["phase"][50:90]).all()


def test_channels_keep_what_tests_and_level_2_need():
    data = level_0()
    assert set(data.channels) == {
        *("mach", "o3_cell_a", "o3_cell_b", "o3_raw_ppb", "co_raw_ppb", "co_mode", "rh_raw", "t_sensor_k"),
        *("bcp_counts", "status_word", "phase"),
    }
    assert data.channels["o3_raw_ppb"].tobytes() == raw().columns["o3_raw_ppb"].tobytes()


def test_the_humidity_offset_is_the_median_in_the_stratosphere():
    one = raw()
    reference = formulas.stratospheric_humidity(TEMPERATURE, PRESSURE)
    sensor = one.columns["t_sensor_k"]
    one.columns["rh_raw"][:] = (reference + 0.0125426) / formulas.ambient_humidity(1.0, TEMPERATURE, sensor)
    told = level_0(one).provenance["humidity_offset"]
    assert told["offset"] == pytest.approx(0.0125426, rel=5e-6)
    assert told["points"] == np.count_nonzero(OZONE > 300)


def test_a_flight_below_the_stratosphere_tells_no_humidity_offset():
    one = raw()
    one.columns["o3_raw_ppb"][:] = 60.0
    assert level_0(one).provenance["humidity_offset"] == {"offset": None, "points": 0}


def test_provenance_tells_file_rows_software_and_calibrations():
    one = replace(raw(), rejected=(RejectedLine(9, "bad", "x"),), notes=("lines end with CR LF",))
    l2 = make_l2(level_0(one), P1, calibrations(final=True))
    told = l2.provenance
    assert told["source"] == SOURCE
    assert (told["rows_read"], told["rows_rejected"], told["notes"]) == (N, 1, ["lines end with CR LF"])
    assert told["calibration_ids"] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [c["parameters"] for c in told["calibrations"]["O3 analyser"]] == [O3_PRE, O3_POST]
    assert [(step["level"], step["from"]) for step in told["steps"]] == [
        ("L0", SOURCE["sha256"]),
        ("L2", level_0(one).digest()),
    ]


def test_level_0_is_the_same_whether_a_later_calibration_is_known_or_not():
    early, late = level_0(known=calibrations()), level_0(known=calibrations(final=True))
    assert early.provenance["calibration_ids"] == [1, 3, 5, 7]
    assert early.digest() == late.digest()


def test_equal_input_gives_an_equal_digest_whenever_it_runs():
    later = replace(calibrations(), as_of=datetime(2031, 1, 1, tzinfo=UTC))
    assert level_0().digest() == level_0(known=later).digest()
    other = calibrations(**{"PT100": pair(7, {"slope": 1.0, "offset": 0.001})})
    assert level_0().digest() != level_0(known=other).digest()
