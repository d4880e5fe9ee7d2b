"""A flight is judged: validity of every variable, who objected, and digests."""

from datetime import timedelta

import numpy as np
import pytest

from skyledger.iagos.assess import ManualFlag, ManualFlags, Statistics, assess, quality_config
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import Series
from skyledger.iagos.variables import variables
from tests.support.iagos_flights import DEPARTURE, KEY, altered, flight

NAN = np.nan


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
