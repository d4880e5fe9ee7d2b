"""Telegrams: when they are sent, what they hold, what is wrong with them, and what must arrive."""

from datetime import date
from functools import cache

import numpy as np
import pytest

from sandbox.carbosense import CarboSenseWorld
from sandbox.carbosense.clock import DAY_S, midnight_s, naive_utc, unix
from sandbox.carbosense.field import h2o_percent
from sandbox.carbosense.signals import Sampling, cell
from sandbox.carbosense.telegrams import REDECODED, Telegrams
from sandbox.carbosense.units import FIRMWARE_S, SENSOR_TYPES, cylinder_ppm
from skyledger.carbosense.telegrams import load_mapping

WORLD = CarboSenseWorld(seed=1)
PERFECT = CarboSenseWorld(seed=1, noise=0.0)
FIRST, LAST = date(2022, 6, 1), date(2022, 6, 30)


@cache
def june(unit_id: int) -> Telegrams:
    """Telegrams of the eventful month; made when first asked for, not when tests are collected."""
    return WORLD.telegrams(unit_id, FIRST, LAST)


def june_of_all() -> dict[int, Telegrams]:
    return {unit_id: june(unit_id) for unit_id in WORLD.fleet}


def hits(telegrams: Telegrams, kind: str) -> np.ndarray:
    hit = np.zeros(len(telegrams.time_s), dtype=bool)
    for fault in telegrams.faults:
        if fault.kind == kind:
            hit |= (telegrams.time_s >= fault.start_s) & (telegrams.time_s <= fault.end_s)
    return hit


def test_the_fleet_has_the_size_of_a_small_network() -> None:
    assert [len(WORLD.units(kind)) for kind in SENSOR_TYPES] == [40, 6, 2, 1]
    assert {445, 1445} <= set(WORLD.fleet)
    assert 1445 not in {unit.unit_id for unit in WORLD.units()}


@pytest.mark.parametrize("unit_id", [1010, 1012, 1017, 1026, 431, 434, 4056, 4057])
@pytest.mark.parametrize("day", [date(2022, 6, 1), date(2022, 6, 7), date(2022, 6, 14), date(2022, 6, 30)])
def test_a_day_alone_equals_the_day_within_the_month(unit_id: int, day: date) -> None:
    month, alone = june(unit_id), WORLD.telegrams(unit_id, day, day)
    part = (month.time_s >= midnight_s(day)) & (month.time_s < midnight_s(day) + DAY_S)
    assert np.array_equal(alone.time_s, month.time_s[part])
    assert np.array_equal(alone.late, month.late[part])
    assert np.array_equal(alone.doubled, month.doubled[part])
    for quantity, values in month.values.items():
        assert np.array_equal(alone.values[quantity], values[part], equal_nan=True), quantity


@pytest.mark.parametrize("unit_id", WORLD.fleet)
def test_times_are_ascending_irregular_and_within_the_life_of_the_unit(unit_id: int) -> None:
    telegrams = june(unit_id)
    if unit_id in (1046, 1048):  # dead or taken down long before
        assert len(telegrams.time_s) == 0
        return
    step_s = np.diff(telegrams.time_s)
    period_s = telegrams.unit.period_s
    assert step_s.min() > period_s / 2
    assert abs(np.median(step_s) - period_s) <= 2
    assert np.unique(telegrams.time_s % 60).size > 3
    assert telegrams.time_s[-1] < telegrams.unit.last_s


def test_some_telegrams_are_stamped_at_the_edges_of_the_day() -> None:
    second_of_day = np.concatenate([t.time_s for t in june_of_all().values()]) % DAY_S
    assert np.count_nonzero(second_of_day == 0) > 50
    assert np.count_nonzero(second_of_day == DAY_S - 1) > 50
    assert (june(1010).time_s % DAY_S == 0).any()  # an LP8 too
    assert (june(1010).time_s % DAY_S == DAY_S - 1).any()


def test_telegrams_are_lost_late_and_doubled_in_the_stated_shares() -> None:
    sent = {u: t for u, t in june_of_all().items() if u not in (1023, 1031, 1046, 1048)}
    received = sum(len(t.time_s) for t in sent.values())
    expected = sum(30 * DAY_S // t.unit.period_s for t in sent.values())
    assert 0.965 < received / expected < 0.99
    assert 0.01 < sum(t.late.sum() for t in sent.values()) / received < 0.03
    assert 0.008 < sum(t.doubled.sum() for t in sent.values()) / received < 0.025
    gaps_s = np.concatenate([np.diff(t.time_s) for t in sent.values()])
    assert np.count_nonzero(gaps_s > DAY_S) > 0  # a whole day


def lp8_error_ppm(world: CarboSenseWorld, telegrams: Telegrams, suffix: str = "") -> np.ndarray:
    """CO2 by the true parameters minus true CO2; a mean stands for the middle of its 10 minutes."""
    before_s = 0 if suffix else 300
    sensor = telegrams.unit.sensor_index(telegrams.time_s)
    error = np.full(len(sensor), np.nan)
    for stay in np.unique(telegrams.stay):
        for index in np.unique(sensor[sensor >= 0]):
            i = np.flatnonzero((telegrams.stay == stay) & (sensor == index))
            site, height_m = telegrams.unit.place(int(stay))
            truth = world.field.air(site, telegrams.time_s[i] - before_s, height_m)
            co2 = telegrams.unit.sensors[index].model.co2_wet_ppm(  # type: ignore[union-attr, call-arg]
                telegrams.time_s[i],
                telegrams.values[f"senseair-lp8-ir{suffix}"][i],
                telegrams.values[f"senseair-lp8-temperature{suffix}"][i],
                truth.pressure_hpa,
            )
            error[i] = co2 - truth.co2_wet_ppm
    return error


@pytest.mark.parametrize("unit_id", [1010, 1015, 1017, 1026, 1049])
def test_lp8_signals_lead_back_to_the_true_co2(unit_id: int) -> None:
    telegrams = PERFECT.telegrams(unit_id, FIRST, LAST)
    wrong = np.any(
        [hits(telegrams, kind) for kind in ("condensation", "outlier", "bad status", "excluded")], axis=0
    )
    clean = ~wrong & ~np.isnan(telegrams.values["senseair-lp8-ir"])
    assert clean.sum() > 3000
    # a count is 5600/25000 = 0.22 ppm of number density, 0.3 ppm at 900 hPa and 35 °C; a mean has one decimal
    for suffix, resolution_ppm in (("", 0.03), ("-last", 0.3)):
        assert abs(lp8_error_ppm(PERFECT, telegrams, suffix)[clean]).max() < resolution_ppm / 2 + 0.02


def test_hpp_signals_lead_back_to_air_and_cylinders() -> None:
    for unit_id in (426, 431, 445):
        telegrams = PERFECT.telegrams(unit_id, FIRST, FIRST)
        values, model = telegrams.values, telegrams.unit.sensors[0].model
        valve_a = np.nan_to_num(values["calibration"]) + np.nan_to_num(values["calibration-a"]) > 0
        valve_b = np.nan_to_num(values["calibration-b"]) > 0
        pressure = model.true_pressure_hpa(values["senseair-hpp-pressure-filtered"])  # type: ignore[union-attr]
        assert pressure == pytest.approx(telegrams.air.pressure_hpa, abs=0.006)  # read in whole Pa
        temperature, humidity = values["sensirion-sht21-temperature"], values["sensirion-sht21-humidity"]
        co2 = model.co2_wet_ppm(  # type: ignore[union-attr, call-arg]
            telegrams.time_s,
            values["senseair-hpp-ir-signal"],
            pressure,
            temperature,
            h2o_percent(humidity, temperature, pressure),
            (valve_a | valve_b).astype(float),
        )
        good = values["senseair-hpp-status"] != 2
        since_valve = np.array(
            [(~(valve_a | valve_b))[max(0, i - 12) : i + 1].all() for i in range(len(co2))]
        )
        in_air = good & since_valve
        assert abs(co2 - telegrams.air.co2_wet_ppm)[in_air].max() < 0.01  # 1e-6 of signal is 0.004 ppm
        for valve, inlet in ((valve_a, "a"), (valve_b, "b")):
            gas = cylinder_ppm(1, telegrams.unit, inlet, telegrams.time_s)
            assert valve.any() == (unit_id != 426 or inlet == "a")
            flushed = good & valve & np.roll(valve, 6)  # open for more than 5 min
            if valve.any():
                assert flushed.sum() >= 2
                assert abs(co2 - gas)[flushed].max() < 0.05
                assert humidity[flushed].max() < 2


@pytest.mark.parametrize(("unit_id", "quantity"), [(4058, "vaisala-gmp343-co2"), (4057, "licor-li850-co2")])
def test_linear_instruments_lead_back_to_the_true_co2(unit_id: int, quantity: str) -> None:
    telegrams = PERFECT.telegrams(unit_id, FIRST, FIRST)
    values, model = telegrams.values, telegrams.unit.sensors[0].model
    co2 = model.co2_ppm(telegrams.time_s, values[quantity])  # type: ignore[union-attr]
    closed = (values["calibration-a"] + values["calibration-b"]) == 0
    closed &= np.roll(closed, 12)
    assert closed.sum() > 1000
    assert abs(co2 - telegrams.air.co2_wet_ppm)[closed][20:].max() < 0.07  # one decimal


def test_raw_signals_are_in_the_range_of_their_kind() -> None:
    infrared = np.concatenate(
        [t.values["senseair-lp8-ir"] for t in june_of_all().values() if t.unit.sensor_type == "LP8"]
    )
    assert np.nanquantile(infrared, [0.01, 0.99]) == pytest.approx([25_000, 25_000], abs=5000)
    for telegrams in june_of_all().values():
        if telegrams.unit.sensor_type == "HPP":
            assert np.median(telegrams.values["senseair-hpp-ir-signal"]) == pytest.approx(0.82, abs=0.04)
            assert np.median(telegrams.values["senseair-hpp-pressure-filtered"]) == pytest.approx(
                95_000, abs=8000
            )


def test_noise_is_as_large_as_stated() -> None:
    noisy, perfect = june(1015).values["senseair-lp8-ir"], PERFECT.telegrams(1015, FIRST, LAST)
    ratio = noisy / perfect.values["senseair-lp8-ir"] - 1
    model = WORLD.fleet[1015].sensors[0].model
    expected = 2.5 * 0.85 / model.log_ir  # type: ignore[union-attr]
    assert np.nanstd(ratio) == pytest.approx(expected, rel=0.15)


def test_firmware_of_2017_brings_means_and_last_values() -> None:
    telegrams = WORLD.telegrams(1011, date(2017, 6, 26), date(2017, 6, 30))
    after = telegrams.time_s >= FIRMWARE_S
    assert 0 < after.sum() < len(after)
    for quantity in telegrams.values:
        if quantity.endswith("-last"):
            assert np.isnan(telegrams.values[quantity][~after]).all()
            assert not np.isnan(telegrams.values[quantity][after]).all()
    plain = telegrams.values["senseair-lp8-ir"]
    assert np.array_equal(plain[~after], np.round(plain[~after]))  # one measurement: whole counts
    assert (plain[after] != np.round(plain[after])).any()


def test_old_boxes_have_one_valve_under_its_old_name() -> None:
    old, changed = june(426), WORLD.telegrams(434, date(2020, 6, 30), date(2020, 7, 2))
    assert np.nanmax(old.values["calibration"]) == 1
    assert np.isnan(old.values["calibration-a"]).all()
    assert np.isnan(old.values["calibration-b"]).all()
    two = changed.time_s >= unix("2020-07-01 09:00")
    assert np.array_equal(np.isnan(changed.values["calibration"]), two)
    assert np.array_equal(np.isnan(changed.values["calibration-b"]), ~two)
    assert not np.isnan(changed.rows(include_late=True)["calibration_a"]).any()


def test_valves_open_one_after_the_other_every_25_hours() -> None:
    values, time_s = june(431).values, june(431).time_s
    opened = np.flatnonzero(np.diff(values["calibration-a"]) > 0)
    gaps_s = np.diff(time_s[opened])
    assert np.median(gaps_s) == pytest.approx(90_000, abs=180)
    assert not ((values["calibration-a"] == 1) & (values["calibration-b"] == 1)).any()
    share = (values["calibration-a"] + values["calibration-b"]).mean()
    assert share == pytest.approx(1200 / 90_000, rel=0.1)


def test_after_a_valve_closes_the_cell_fills_with_air_again() -> None:
    unit = WORLD.fleet[431]
    time_s = unit.first_s + 7200 + np.arange(-600, 1900, 10)
    sampling = Sampling(1, unit, WORLD.field, time_s // 10, time_s)
    air = sampling.air()
    gas = cell(sampling, air)
    b = cylinder_ppm(1, unit, "b", time_s)
    assert gas.co2_dry_ppm[:60] == pytest.approx(air.co2_dry_ppm[:60])
    assert gas.co2_dry_ppm[179] == pytest.approx(b[179], abs=0.01)
    assert gas.co2_dry_ppm[-1] == pytest.approx(air.co2_dry_ppm[-1], abs=0.01)
    assert abs(np.diff(gas.co2_dry_ppm)).max() < 50  # gas is exchanged, not switched
    assert gas.water_share[[0, 179, -1]] == pytest.approx([1, 0, 1], abs=0.01)


def test_june_2022_has_every_kind_of_fault_and_event() -> None:
    faults = WORLD.faults(FIRST, LAST)
    kinds = {fault.kind for fault in faults}
    assert kinds == {"dead", "condensation", "outlier", "bad status", "excluded", "late", "doubled"}
    assert {fault.unit_id for fault in faults if fault.kind == "dead"} == {1023, 1046}
    assert {fault.unit_id for fault in faults if fault.kind == "excluded"} == {1019, 440}
    assert june(1023).time_s[-1] < unix("2022-06-09 13:37")
    assert WORLD.deployed(1023, date(2022, 6, 20))  # nobody has noticed
    assert WORLD.deployed(1031, date(2022, 6, 17))
    assert not WORLD.deployed(1031, date(2022, 6, 18))
    assert june(1031).time_s[-1] > unix("2022-06-25")  # goes on sending from the store
    assert not WORLD.deployed(1445, date(2022, 6, 1))


def test_condensation_follows_humidity_and_raises_co2() -> None:
    affected = 0
    for unit in WORLD.units("LP8"):
        telegrams = PERFECT.telegrams(unit.unit_id, FIRST, LAST)
        wet = hits(telegrams, "condensation")
        if wet.sum() > 50:
            affected += 1
            humidity, error = telegrams.values["sensirion-sht21-humidity"], lp8_error_ppm(PERFECT, telegrams)
            assert humidity[wet].min() > humidity[~wet].max()
            assert humidity[wet].min() > 84
            only_wet = (
                wet
                & ~hits(telegrams, "outlier")
                & ~hits(telegrams, "bad status")
                & ~hits(telegrams, "excluded")
            )
            assert np.nanmin(error[only_wet]) > -0.05
            assert 30 < np.nanmax(error[only_wet]) < 250
    assert 8 < affected < 30


def test_a_swap_leaves_the_unit_without_a_sensor_for_half_an_hour() -> None:
    telegrams = june(1017)
    gap = (telegrams.time_s >= unix("2022-06-14 09:00")) & (telegrams.time_s < unix("2022-06-14 09:30"))
    assert gap.sum() in (2, 3)
    assert np.isnan(telegrams.values["senseair-lp8-ir"][gap]).all()
    assert not np.isnan(telegrams.values["sensirion-sht21-humidity"]).any()
    first, second = telegrams.unit.sensors
    assert first.model.serial != second.model.serial


@pytest.mark.parametrize("sensor_type", SENSOR_TYPES)
def test_expected_rows_have_the_columns_of_the_mapping(sensor_type: str) -> None:
    mapping = load_mapping(sensor_type)
    unit = WORLD.units(sensor_type)[0]
    rows = WORLD.expected_rows(unit.unit_id, date(2022, 6, 2))
    assert set(rows) == {"time", *(column.name for column in mapping.columns)}
    assert set(june(unit.unit_id).values) <= set(mapping.quantities)


def test_expected_rows_leave_out_what_is_late_until_it_is_delivered() -> None:
    unit_id = next(u for u, t in june_of_all().items() if t.unit.registered and t.late.any())
    day = naive_utc(int(june(unit_id).time_s[june(unit_id).late][0])).date()
    now, later = (WORLD.expected_rows(unit_id, day, include_late=late)["time"] for late in (False, True))
    assert 0 < len(later) - len(now) < len(later)
    assert set(now) < set(later)
    assert len(np.unique(later)) == len(later)


def test_a_doubled_telegram_counts_once_and_with_the_mean_where_the_two_differ() -> None:
    telegrams = june(1026)
    kept = telegrams.doubled & ~telegrams.late
    assert kept.any()
    rows = telegrams.rows()
    at = np.isin(rows["time"], telegrams.time_s[kept])
    assert rows["sensirion_sht21_temperature"][at] == pytest.approx(telegrams.values[REDECODED][kept] + 0.1)
    assert np.array_equal(rows["battery"][at], telegrams.values["battery"][kept])
    assert np.array_equal(june(1027).second_value(REDECODED), june(1027).values[REDECODED])


def test_counts_are_those_of_the_rows_and_cover_deployed_days_only() -> None:
    counts = WORLD.expected_counts("LP8", date(2022, 6, 16), date(2022, 6, 19))
    assert {day for unit, day in counts if unit == 1031} == {date(2022, 6, 16), date(2022, 6, 17)}
    assert counts[1023, date(2022, 6, 16)] == 0
    for unit_id, day in [(1010, date(2022, 6, 16)), (1026, date(2022, 6, 19))]:
        assert counts[unit_id, day] == len(WORLD.expected_rows(unit_id, day)["time"])
    assert 120 < counts[1010, date(2022, 6, 16)] <= 144


def test_corrupt_units_send_records_that_must_be_rejected() -> None:
    world = CarboSenseWorld(seed=1, corrupt_units=(1020,))
    telegrams = world.telegrams(1020, FIRST, LAST)
    assert 1 <= telegrams.rejected.sum() < 30
    assert (telegrams.values["senseair-lp8-status"][telegrams.rejected] == -1).all()
    assert not np.isin(telegrams.time_s[telegrams.rejected], telegrams.rows(include_late=True)["time"]).any()
    assert not june(1020).rejected.any()
