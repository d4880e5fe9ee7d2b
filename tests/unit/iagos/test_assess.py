"""A flight is judged: validity of every variable, who objected, and digests."""

from datetime import timedelta

import numpy as np
import pytest

from skyledger.errors import ConfigError
from skyledger.iagos.assess import ManualFlag, ManualFlags, Statistics, assess, quality_config
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import Series
from skyledger.iagos.variables import variables
from skyledger.quality import Frame, groups
from tests.support.iagos_flights import DEPARTURE, KEY, altered, flight

NAN = np.nan
# hard and soft limits of the network; None: no soft limit
LIMITS = {
    "lon": ((-180, 180), None),
    "lat": ((-90, 90), None),
    "baro_alt_AC": ((-500, 15_000), None),
    "air_press_AC": ((10_000, 110_000), (15_000, 106_000)),
    "air_temp_AC": ((170, 330), (185, 325)),
    "O3_P1": ((-5, 2_500), (0, 1_500)),
    "CO_P1": ((-20, 20_000), (10, 1_500)),
    "H2O_gas_P1": ((0, 60_000), (1, 45_000)),
    "RHL_P1": ((-0.05, 1.3), (0, 1.05)),
    "RHI_P1": ((-0.05, 2.5), (0, 1.7)),
    "air_temp_P1": ((170, 330), (185, 325)),
    "cloud_P1": ((0, 5_000), None),
}


def by_hand(variable, first_s, last_s, validity, at_s=0):
    return ManualFlag(
        variable,
        DEPARTURE + timedelta(seconds=first_s),
        DEPARTURE + timedelta(seconds=last_s),
        validity,
        "looks odd",
        "pi_p1",
        DEPARTURE + timedelta(days=1, seconds=at_s),
    )


def test_a_sound_flight_is_good_in_every_variable():
    found = assess(flight(), quality_config("P1"))
    assert list(found.variables) == list(variables())
    for name, one in found.variables.items():
        assert one.statistics.share(Validity.GOOD) > 0.99, name
        assert one.validity is found.data.series[name].validity
    assert found.data.key == KEY
    assert found.data.provenance["quality"]["name"] == "P1-default"


def test_what_is_wrong_is_found_and_named():
    found = assess(altered(flight(), "O3_P1", slice(100, 103), 4000.0), quality_config("P1"))
    ozone = found.variables["O3_P1"]
    assert set(ozone.validity[100:103]) == {Validity.ERRONEOUS}
    (finding,) = [one for one in ozone.findings if one.test == "range"]
    assert (finding.fail, finding.critical, finding.worst_value) == (3, True, 4000.0)
    assert finding.intervals == ((finding.worst_at_s, finding.worst_at_s + 8, 3),)
    assert ozone.critical_failures == (finding,)
    assert set(found.variables["CO_P1"].validity) == {Validity.GOOD}


@pytest.mark.parametrize("name", LIMITS)
def test_limits_are_those_of_the_network(name):
    hard, soft = LIMITS[name]
    eps = 1e-6 * (hard[1] - hard[0])
    edges = {0: [hard[0] - eps, hard[1] + eps], 1: [*(soft or hard)]}
    if soft:
        edges[0.5] = [x for x, y in ((soft[0] - eps, hard[0]), (soft[1] + eps, hard[1])) if x != y]
    items = quality_config("P1").group(name).items
    (limits,) = (test for item in items for test in groups.tests_of(item) if test.label == "range")
    for probability, values in edges.items():
        seen = Frame(np.arange(len(values)) * 4.0, {name: np.array(values, dtype=np.float64)}, 4.0)
        assert limits.probability(seen, name).tolist() == [probability] * len(values)
    assert limits.critical


def test_weakness_13_limits_have_a_name_and_a_version_and_none_is_in_code():
    assert (quality_config("P1").name, quality_config("P1", 1).version) == ("P1-default", 1)
    with pytest.raises(ConfigError, match=r"P1.yaml: version 1; expected 7"):
        quality_config("P1", 7)
    with pytest.raises(ConfigError, match=r"nothing.yaml: No such file"):
        quality_config("nothing")


def test_to_be_on_the_ground_or_in_a_zero_check_is_no_critical_failure():
    data = altered(altered(flight(), "phase", slice(0, 50), 3.0), "co_mode", slice(200, 210), 1.0)
    found = assess(data, quality_config("P1")).variables
    carbon = found["CO_P1"]
    assert set(carbon.validity[:50]) == set(carbon.validity[200:217]) == {Validity.ERRONEOUS}
    assert [one.test for one in carbon.findings if one.planned and one.fail] == ["mode", "phase_window"]
    assert carbon.critical_failures == found["O3_P1"].critical_failures == ()


def test_what_is_computed_from_dead_aircraft_data_is_dead_with_it():
    found = assess(
        altered(flight(), "air_press_AC", slice(100, 140), 120_000.0), quality_config("P1")
    ).variables
    for name in ("air_press_AC", "baro_alt_AC", "H2O_gas_P1"):
        assert set(found[name].validity[100:140]) == {Validity.ERRONEOUS}, name
    assert set(found["RHL_P1"].validity[100:140]) == {Validity.GOOD}
    cold = assess(altered(flight(), "air_temp_P1", slice(100, 110), 150.0), quality_config("P1")).variables
    for name in ("RHL_P1", "RHI_P1", "H2O_gas_P1"):
        assert set(cold[name].validity[100:110]) == {Validity.ERRONEOUS}, name
    lost = assess(altered(flight(), "RHL_P1", slice(100, 110), 1.2), quality_config("P1")).variables
    assert set(lost["RHI_P1"].validity[100:110]) == {Validity.LIMITED}


def test_below_minus_40_degrees_the_humidity_sensor_is_too_slow():
    found = assess(altered(flight(), "t_sensor_k", slice(100, 110), 233.0), quality_config("P1")).variables
    for name in ("RHL_P1", "RHI_P1", "H2O_gas_P1"):
        assert set(found[name].validity[100:110]) == {Validity.LIMITED}, name
    assert set(found["O3_P1"].validity[100:110]) == {Validity.GOOD}


def test_a_missing_value_is_missing_whatever_people_say():
    data = altered(flight(), "O3_P1", [5], NAN)
    manual = ManualFlags((by_hand("O3_P1", 0, 40, Validity.ERRONEOUS),))
    ozone = assess(data, quality_config("P1"), manual).variables["O3_P1"]
    assert ozone.validity[:12].tolist() == [3, 3, 3, 3, 3, 7, 3, 3, 3, 3, 3, 0]
    assert [(f.test, f.fail) for f in ozone.findings if f.test == "manual"] == [("manual", 10)]


def test_of_flags_that_people_set_the_last_one_counts_and_may_lift_the_others():
    flags = (
        by_hand("CO_P1", 0, 40, Validity.ERRONEOUS),
        by_hand("CO_P1", 8, 16, Validity.GOOD),
        by_hand("CO_P1", 20, 24, Validity.NOT_VALIDATED),
        by_hand("O3_P1", 0, 99, Validity.LIMITED),
    )
    data = altered(flight(), "CO_P1", [3, 5], 50_000.0)
    carbon = assess(data, quality_config("P1"), ManualFlags(flags)).variables["CO_P1"]
    assert carbon.validity[:12].tolist() == [3, 3, 0, 0, 0, 3, 0, 3, 3, 3, 3, 0]


def test_flags_that_people_set_survive_a_rerun_and_automatic_ones_do_not():
    manual = ManualFlags((by_hand("CO_P1", 0, 40, Validity.LIMITED),))
    config = quality_config("P1")
    first = assess(altered(flight(), "CO_P1", [50], 50_000.0), config, manual).data
    mended = altered(first, "CO_P1", [50], 96.0)
    again = assess(mended, config, manual).variables["CO_P1"]
    assert again.validity[:12].tolist() == [2] * 11 + [0]
    assert again.validity[50] == Validity.GOOD


def test_equal_input_and_configuration_give_equal_digests():
    config, data = quality_config("P1"), flight()
    one, two = assess(data, config), assess(flight(), config)
    assert (one.digest, one.data.digest(), one.input_digest) == (
        two.digest,
        two.data.digest(),
        two.input_digest,
    )
    again = assess(one.data, config)  # flags of an earlier run do not count
    assert (again.digest, again.data.digest()) == (one.digest, one.data.digest())
    others = (
        assess(altered(data, "O3_P1", [7], 61.0), config),
        assess(altered(data, "co_mode", [7], 1.0), config),
        assess(data, config.model_copy(update={"version": 99})),
        assess(data, config, ManualFlags((by_hand("O3_P1", 0, 4, Validity.GOOD),))),
    )
    assert len({one.input_digest, *(other.input_digest for other in others)}) == 5


def test_vector_24_availability_is_of_good_and_limited_rows():
    validity = np.repeat(np.array([0, 2, 3, 7], dtype=np.int8), [1080, 36, 24, 60])
    values = np.where(validity == 7, NAN, np.arange(1200.0))
    told = Statistics.of(Series(values, validity), np.arange(1200.0) * 4)
    assert told.share(Validity.GOOD) == pytest.approx(0.9, rel=5e-6)
    assert told.availability == pytest.approx(0.93, rel=5e-6)
    assert (told.minimum, told.median, told.maximum) == (0.0, 539.5, 1079.0)
    assert (told.first_good_s, told.last_good_s) == (0.0, 4316.0)


def test_statistics_of_nothing_are_none():
    told = Statistics.of(Series.unchecked(np.full(3, NAN)), np.arange(3.0))
    assert (told.minimum, told.median, told.first_good_s, told.availability) == (None, None, None, 0.0)
    assert Statistics.of(Series.unchecked(np.zeros(0)), np.zeros(0)).availability == 0.0
