"""Width to charge."""

import numpy as np
import pytest

from skyledger.minitrasgo.charge import charge_fc


def test_the_table_is_joined_by_a_natural_spline():
    widths = np.array([5, 15, 34.4702, 100, 255])
    assert charge_fc(widths) == pytest.approx([155.657, 362.544, 666.416, 1204.70, 2096.44], rel=1e-5)


def test_zero_stays_zero_and_nothing_is_made_up_outside_the_table():
    assert charge_fc(np.array([0.0]))[0] == 0
    assert np.isnan(charge_fc(np.array([-1, 391, np.nan]))).all()
