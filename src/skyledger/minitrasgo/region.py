"""C18: rings and sectors of the sky that tracks come from. Source: 4.1.9 of the reference.

Labels are `<ring><separator><sector>`, or the ring alone where it has no sectors. Azimuth is against north when the
configuration says so (weakness 8).
"""

import numpy as np
from numpy.typing import NDArray

from skyledger.minitrasgo import reduction
from skyledger.minitrasgo.detector import FloatArray


def region_names(settings: reduction.Region) -> tuple[str, ...]:
    """Labels in the order of the indices that `label` gives."""
    names: list[str] = []
    for ring in settings.rings:
        if ring.sectors is None:
            names.append(ring.name)
        else:
            names += [f"{ring.name}{settings.separator}{sector}" for sector in range(ring.sectors)]
    return tuple(names)


def label(
    theta_deg: FloatArray, phi_deg: FloatArray, phi_north_deg: float, settings: reduction.Region
) -> NDArray[np.int8]:
    """(n,) index into `region_names`; -1 for no direction (NaN) and for theta outside 0 to 90.

    Rings and sectors hold their lower edge; sector 0 begins at -180 degrees; 90 belongs to the last ring.
    """
    sectors = np.array([ring.sectors or 1 for ring in settings.rings])
    first = np.concatenate([[0], np.cumsum(sectors)[:-1]])
    inside = (theta_deg >= 0) & (theta_deg <= 90) & np.isfinite(phi_deg)
    edges = [ring.theta_deg[1] for ring in settings.rings[:-1]]
    ring = np.searchsorted(edges, theta_deg[inside], side="right")
    north = phi_north_deg if settings.apply_phi_north else 0.0
    turned = np.mod(phi_deg[inside] + north + 180, 360)
    sector = np.floor(turned / (360 / sectors[ring])).astype(np.int64) % sectors[ring]
    region = np.full(len(theta_deg), -1, dtype=np.int8)
    region[inside] = first[ring] + sector
    return region
