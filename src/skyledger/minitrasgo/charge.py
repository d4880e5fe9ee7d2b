"""Width of a pulse to charge: for axes of plots only, data stay in ns."""

import numpy as np
from scipy.interpolate import CubicSpline

from skyledger.minitrasgo.detector import FloatArray

# Width 0 and 10, 20, ... 390 ns; table of the original programs
_WIDTH_NS = np.concatenate([[1e-7], np.arange(10, 391, 10)])
# fmt: off
_CHARGE_FC = np.array([
    40.530, 264.57, 450.81, 605.73, 734.99, 843.53, 935.62, 1014.9, 1084.5, 1147.1,
    1204.7, 1259.2, 1311.8, 1363.8, 1415.9, 1468.8, 1522.7, 1577.9, 1634.5, 1692.6,
    1751.9, 1812.5, 1874.2, 1936.8, 2000.1, 2064.2, 2128.8, 2194.0, 2259.9, 2326.4,
    2393.9, 2462.5, 2532.5, 2604.4, 2678.6, 2755.5, 2835.6, 2919.6, 3007.9, 3101.2,
])
# fmt: on
_SPLINE = CubicSpline(_WIDTH_NS, _CHARGE_FC, bc_type="natural", extrapolate=False)


def charge_fc(width_ns: FloatArray) -> FloatArray:
    """Charge [fC] of calibrated widths; 0 stays 0, NaN outside 0 to 390 ns."""
    charge: FloatArray = np.where(np.asarray(width_ns) == 0, 0.0, _SPLINE(width_ns))
    return charge
