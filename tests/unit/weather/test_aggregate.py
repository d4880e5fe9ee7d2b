"""Rows become bins: the vectors of the reference's section 17 and the rules of its section 8."""

from datetime import date

import numpy as np
import pytest

from skyledger.weather.aggregate import Rows, aggregate
from skyledger.weather.clock import US
from skyledger.weather.stations import Period, Position, Product
from skyledger.weather.variables import (
    AIR_TEMPERATURE,
    BATTERY,
    DIRECTION_SIGMA,
    EASTWARD_WIND,
    GUST,
    IRRIGATION,
    IRRIGATION_FLUX,
    NORTHWARD_WIND,
    RAIN,
    RAIN_RATE,
    RELATIVE_HUMIDITY,
    RESULTANT_SPEED,
    STEADINESS,
    WIND_DIRECTION,
    WIND_SPEED,
)

DAY_START_S = 1472540400  # 2016-08-30 00:00 at Maricopa
PERIOD = Period(
    valid_from=date(2016, 1, 1),
    position=Position(latitude_deg=33.0, longitude_deg=-112.0, altitude_m=361),
    clock="-07:00",
    columns="x",
    quality="x",
    irrigated_area_m2=2000.0,
)


def rows(
    offsets_s, *, interval=(), primary_is_interval=False, interval_s=1, flags=None, tests=None, **values
):
    """Rows at seconds after the day's begin; flags are good, 9 where a value is missing."""
    arrays = {name: np.array(value, dtype=float) for name, value in values.items()}
    given = flags or {}
    return Rows(
        time_us=(DAY_START_S + np.array(offsets_s, dtype=float)).astype(np.int64) * US
        if np.all(np.mod(offsets_s, 1) == 0)
        else np.round((DAY_START_S + np.array(offsets_s, dtype=float)) * US).astype(np.int64),
        values=arrays,
        flags={
            name: np.array(given.get(name, np.where(np.isnan(array), 9, 1)), dtype=np.int8)
            for name, array in arrays.items()
        },
        tests={
            name: np.array((tests or {}).get(name, np.zeros(len(array))), dtype=np.int64)
            for name, array in arrays.items()
        },
        interval=frozenset(interval),
        primary_is_interval=primary_is_interval,
        interval_s=interval_s,
    )


def binned(given, *, width_s=300, min_coverage=1e-9, use_suspect=False, period=PERIOD, days=1):
    rule = Product(width_s=width_s, min_coverage=min_coverage, use_suspect=use_suspect)
    return aggregate(given, "test", rule, period, DAY_START_S * US, (DAY_START_S + days * 86400) * US)


def wind(speeds, directions, **more):
    given = rows(range(len(speeds)), **{WIND_SPEED: speeds, WIND_DIRECTION: directions}, **more)
    return {name: variable.value[0] for name, variable in binned(given).variables.items()}


def test_vector_1_temperature_is_published_in_kelvin():
    bins = binned(rows([0, 300], **{AIR_TEMPERATURE: [26.74, 26.71]}))
    assert bins.variables[AIR_TEMPERATURE].value == pytest.approx([299.890, 299.860], rel=5e-6)


def test_vector_3_humidity_is_published_as_a_fraction():
    bins = binned(rows([0], **{RELATIVE_HUMIDITY: [27.48]}))
    assert bins.variables[RELATIVE_HUMIDITY].value == pytest.approx([0.2748], rel=5e-6)


@pytest.mark.parametrize(
    ("speed", "direction", "u", "v"),
    [
        (2.45, 65, -2.22045, -1.03541),  # vector 5
        (3.2, 225, 2.26274, 2.26274),  # vector 6
        (5, 0, 0, -5),  # vector 7
        (5, 90, -5, 0),
        (5, 270, 5, 0),
    ],
)
def test_vectors_5_to_7_weakness_5_wind_blows_from_where_the_vane_points(speed, direction, u, v):
    found = wind([speed], [direction])
    assert found[EASTWARD_WIND] == pytest.approx(u, rel=5e-6, abs=1e-12)
    assert found[NORTHWARD_WIND] == pytest.approx(v, rel=5e-6, abs=1e-12)


def test_vector_27_weakness_5_the_energy_farms_formula_never_appears():
    assert abs(wind([3.2], [225])[EASTWARD_WIND]) < 10


def test_a_vane_that_says_where_the_wind_goes_turns_the_vector():
    towards = PERIOD.model_copy(update={"wind_direction_convention": "to"})
    bins = binned(rows([0], **{WIND_SPEED: [2.45], WIND_DIRECTION: [65]}), period=towards)
    assert bins.variables[EASTWARD_WIND].value[0] == pytest.approx(2.22045, rel=5e-6)
    assert bins.variables[WIND_DIRECTION].value[0] == pytest.approx(245)


def test_vectors_8_and_9_weakness_20_direction_gust_steadiness_and_sigma():
    found = wind([2.45, 2.83, 2.36], [65, 65, 74])
    expected = {
        EASTWARD_WIND: -2.35129,
        NORTHWARD_WIND: -0.960643,
        RESULTANT_SPEED: 2.53996,
        WIND_DIRECTION: 67.7771,
        WIND_SPEED: 2.54667,
        STEADINESS: 0.997368,
        DIRECTION_SIGMA: 4.24242,
        GUST: 2.83,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=5e-6)


def test_vector_10_directions_around_north_are_not_averaged_as_numbers():
    found = wind([3, 1], [350, 10])
    assert found[EASTWARD_WIND] == pytest.approx(0.173648, rel=5e-6)
    assert found[NORTHWARD_WIND] == pytest.approx(-1.96962, rel=5e-6)
    assert found[WIND_DIRECTION] == pytest.approx(354.962, rel=5e-6)
    assert found[RESULTANT_SPEED] == pytest.approx(1.97726, rel=5e-6)


def test_vector_11_north_is_north():
    found = wind([2, 2], [350, 10])
    assert min(found[WIND_DIRECTION], 360 - found[WIND_DIRECTION]) == pytest.approx(0, abs=1e-9)
    assert found[RESULTANT_SPEED] == pytest.approx(1.96962, rel=5e-6)


def test_vector_12_opposite_winds_have_no_direction_and_a_speed():
    bins = binned(rows([0, 1], **{WIND_SPEED: [3, 3], WIND_DIRECTION: [0, 180]}))
    assert bins.variables[RESULTANT_SPEED].value[0] == pytest.approx(0, abs=1e-12)
    assert np.isnan(bins.variables[WIND_DIRECTION].value[0])
    assert bins.variables[WIND_DIRECTION].flag[0] == 9
    assert bins.variables[WIND_SPEED].value[0] == 3


def test_a_breath_of_wind_has_no_direction_however_steady_it_is():
    bins = binned(rows([0, 1, 300, 301], **{WIND_SPEED: [0.04, 0.04, 0.06, 0.06], WIND_DIRECTION: [90] * 4}))
    assert np.isnan(bins.variables[WIND_DIRECTION].value[0])
    assert bins.variables[WIND_DIRECTION].value[1] == pytest.approx(90)
    assert bins.variables[EASTWARD_WIND].value[0] == pytest.approx(-0.04)


def test_calm_rows_are_a_wind_of_zero_and_have_no_direction():
    bins = binned(rows([0, 1, 2], **{WIND_SPEED: [4, 0, 2], WIND_DIRECTION: [90, np.nan, 90]}))
    assert bins.variables[EASTWARD_WIND].value[0] == pytest.approx(-2)
    assert bins.variables[EASTWARD_WIND].n_valid[0] == 3
    assert bins.variables[DIRECTION_SIGMA].value[0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("tips_mm", "amount_m", "rate_m_s"),
    [([0.254, 0.254], 5.08000e-4, 1.69333e-6), ([1.0, 1.0], 2.00000e-3, 6.66667e-6)],  # vectors 13 and 14
)
def test_vectors_13_and_14_weakness_6_rain_is_an_amount_and_a_rate_under_names_of_their_own(
    tips_mm, amount_m, rate_m_s
):
    bins = binned(rows([10, 20], interval=[RAIN], **{RAIN: tips_mm}))
    assert bins.variables[RAIN].value[0] == pytest.approx(amount_m, rel=5e-6)
    assert bins.variables[RAIN_RATE].value[0] == pytest.approx(rate_m_s, rel=5e-6)
    assert "precipitation_rate" not in bins.variables


def test_vector_15_weakness_15_the_first_bin_stands_on_the_grid_with_its_coverage():
    seconds = np.arange(384, 900)
    bins = binned(rows(seconds, **{AIR_TEMPERATURE: np.full(len(seconds), 20.0)}))
    assert bins.start_s[0] == DAY_START_S + 300
    assert bins.n_rows[0] == 216
    assert bins.coverage[0] == pytest.approx(0.72)


def test_vector_19_weakness_9_a_missing_value_costs_itself_only():
    bins = binned(rows([0, 1, 2], interval_s=100, **{AIR_TEMPERATURE: [299.89, np.nan, 299.86]}))
    found = bins.variables[AIR_TEMPERATURE]
    assert found.value[0] - 273.15 == pytest.approx(299.875)
    assert (found.n_valid[0], found.coverage[0]) == (2, pytest.approx(0.666667, rel=5e-6))


def test_vector_20_a_mean_is_weighted_by_its_rows():
    values = np.repeat([299.89, 299.50], [216, 84])
    bins = binned(rows(range(300), **{AIR_TEMPERATURE: values}))
    assert bins.variables[AIR_TEMPERATURE].value[0] - 273.15 == pytest.approx(299.781, rel=5e-6)


def test_vector_22_irrigation_is_a_volume_and_a_flux():
    gallons_m3 = 1250 * 0.003785411784
    bins = binned(rows([0], interval_s=86400, **{IRRIGATION: [gallons_m3]}), width_s=86400)
    assert bins.variables[IRRIGATION].value[0] == pytest.approx(4.73176, rel=5e-6)
    assert bins.variables[IRRIGATION_FLUX].value[0] == pytest.approx(2.73829e-5, rel=5e-6)


def test_binning_oracle_with_gaps():
    """Rows at 00:06:24, 00:09:59, 00:10:00, 00:14:59 (temperature missing) and 00:26:00."""
    at = [384, 599, 600, 899, 1560]
    bins = binned(rows(at, **{AIR_TEMPERATURE: [20, 21, 22, np.nan, 23]}), min_coverage=0.5)
    assert list(bins.start_s - DAY_START_S) == [300, 600, 1500]
    assert list(bins.n_rows) == [2, 2, 1]
    assert list(bins.variables[AIR_TEMPERATURE].n_valid) == [2, 1, 1]
    assert np.isnan(bins.variables[AIR_TEMPERATURE].value).all()
    assert list(bins.variables[AIR_TEMPERATURE].flag) == [9, 9, 9]


def test_weakness_10_a_variable_of_some_rows_is_a_variable_of_the_bin():
    bins = binned(rows([0, 1], **{AIR_TEMPERATURE: [20, 22], RELATIVE_HUMIDITY: [50, np.nan]}))
    assert bins.variables[RELATIVE_HUMIDITY].value[0] == pytest.approx(0.5)


def test_a_total_stamped_on_an_edge_belongs_to_the_bin_before_and_a_sample_to_the_bin_after():
    at = [299, 300, 301]
    bins = binned(rows(at, interval=[RAIN], **{RAIN: [0.1, 0.2, 0.4], AIR_TEMPERATURE: [1, 2, 3]}))
    assert bins.variables[RAIN].value == pytest.approx([3e-4, 4e-4])
    assert list(bins.variables[AIR_TEMPERATURE].n_valid) == [1, 2]


def test_the_row_of_midnight_gives_its_rain_to_the_day_that_ends():
    at = [0, 1, 86400]
    bins = binned(rows(at, interval=[RAIN], **{RAIN: [0.1, 0.2, 0.4], AIR_TEMPERATURE: [1, 2, 3]}))
    assert np.nansum(bins.variables[RAIN].value) == pytest.approx(6e-4)
    assert bins.variables[AIR_TEMPERATURE].n_valid.sum() == 2
    assert bins.n_rows.sum() == 2


def test_rain_of_an_interval_that_ends_behind_a_gap_is_not_lost():
    bins = binned(rows([100, 600], interval=[RAIN], **{RAIN: [0.1, 0.2], AIR_TEMPERATURE: [1, 2]}))
    assert list(bins.start_s - DAY_START_S) == [0, 300, 600]
    assert np.nansum(bins.variables[RAIN].value) == pytest.approx(3e-4)
    assert list(bins.n_rows) == [1, 0, 1]


def test_a_table_of_means_fills_its_bins_by_the_interval_before_the_time():
    """Energy farm: the row of 00:15 is the mean of 00:00 to 00:15, that of midnight belongs to the day that ends."""
    at = np.arange(0, 96 + 1) * 900
    given = rows(
        at,
        interval=[AIR_TEMPERATURE],
        primary_is_interval=True,
        interval_s=900,
        **{AIR_TEMPERATURE: np.arange(97.0)},
    )
    bins = binned(given, width_s=900, min_coverage=0.5)
    assert len(bins) == 96
    assert list(bins.n_rows) == [1] * 96
    assert bins.variables[AIR_TEMPERATURE].value[0] == pytest.approx(274.15)
    assert bins.variables[AIR_TEMPERATURE].value[-1] == pytest.approx(273.15 + 96)


def test_rows_that_failed_do_not_enter_and_suspect_ones_only_if_so_configured():
    given = rows([0, 1, 2], flags={AIR_TEMPERATURE: [1, 3, 4]}, tests={AIR_TEMPERATURE: [0, 2, 5]},
                 **{AIR_TEMPERATURE: [10, 20, 1000]})  # fmt: skip
    strict, lenient = binned(given), binned(given, use_suspect=True)
    assert strict.variables[AIR_TEMPERATURE].value[0] == pytest.approx(283.15)
    assert lenient.variables[AIR_TEMPERATURE].value[0] == pytest.approx(288.15)
    assert lenient.variables[AIR_TEMPERATURE].flag[0] == 3
    assert strict.variables[AIR_TEMPERATURE].tests[0] == 7
    assert strict.variables[AIR_TEMPERATURE].maximum[0] == pytest.approx(283.15)


@pytest.mark.parametrize(("bad", "flag"), [(30, 1), (31, 3)])
def test_a_bin_is_suspect_when_more_than_a_tenth_of_its_rows_were_objected_to(bad, flag):
    flags = np.ones(300)
    flags[:bad] = 4
    bins = binned(rows(range(300), flags={AIR_TEMPERATURE: flags}, **{AIR_TEMPERATURE: np.full(300, 20.0)}))
    assert bins.variables[AIR_TEMPERATURE].flag[0] == flag


def test_what_no_test_has_looked_at_is_published_as_not_evaluated():
    bins = binned(rows([0], flags={BATTERY: [2]}, **{BATTERY: [12.6]}))
    assert (bins.variables[BATTERY].value[0], bins.variables[BATTERY].flag[0]) == (12.6, 2)


@pytest.mark.parametrize(("rows_in_bin", "published"), [(149, False), (150, True)])
def test_half_of_the_rows_are_enough_for_a_value(rows_in_bin, published):
    bins = binned(rows(range(rows_in_bin), **{AIR_TEMPERATURE: np.full(rows_in_bin, 20.0)}), min_coverage=0.5)
    assert np.isfinite(bins.variables[AIR_TEMPERATURE].value[0]) == published


def test_statistics_agree_with_numpy_bin_by_bin():
    generator = np.random.default_rng(1)
    at = np.sort(generator.choice(3000, 2000, replace=False))
    values = generator.normal(20, 3, 2000)
    values[generator.random(2000) < 0.1] = np.nan
    bins = binned(rows(at, **{AIR_TEMPERATURE: values}))
    found = bins.variables[AIR_TEMPERATURE]
    for n, start in enumerate(bins.start_s - DAY_START_S):
        inside = values[(at >= start) & (at < start + 300)]
        good = inside[~np.isnan(inside)] + 273.15
        assert found.n_valid[n] == len(good)
        expected = (good.mean(), good.min(), good.max(), good.std(ddof=1))
        given = (found.value[n], found.minimum[n], found.maximum[n], found.standard_deviation[n])
        assert given == pytest.approx(expected, rel=1e-12)


def test_every_record_is_a_bin_of_one_second():
    bins = binned(
        rows([5, 6, 9], interval=[RAIN], **{RAIN: [0.1, 0.2, 0.3], AIR_TEMPERATURE: [1, 2, 3]}), width_s=1
    )
    assert list(bins.start_s - DAY_START_S) == [4, 5, 6, 8, 9]
    assert np.nansum(bins.variables[RAIN].value) == pytest.approx(6e-4)


@pytest.mark.parametrize("values", [[], [np.nan]])
def test_nothing_makes_no_values(values):
    bins = binned(
        rows(range(len(values)), **{AIR_TEMPERATURE: values, WIND_SPEED: values, WIND_DIRECTION: values})
    )
    assert len(bins) == len(values)
    assert not np.isfinite(bins.variables[AIR_TEMPERATURE].value).any()
    assert not np.isfinite(bins.variables[EASTWARD_WIND].value).any()
