"""Places of the sandbox: stations, chambers, the store, and field sites.

Codes and coordinates of the reference stations are the network's; the field sites borrow plausible places.
LV03 is the Swiss grid: `easting_m` is the table's `Y_LV03`, `northing_m` its `X_LV03`.
"""

from dataclasses import dataclass
from typing import Literal

from sandbox.carbosense.clock import OPEN_END_S, unix

Kind = Literal["outdoor", "climate chamber", "pressure chamber", "indoor"]

DUE1_MOVE_S = unix("2020-04-08 10:00")  # the station stood 40 m further west before


@dataclass(frozen=True, slots=True)
class Position:
    """Where a site is between two times. [m, m above sea level, Unix s]"""

    easting_m: float
    northing_m: float
    height_m: float
    start_s: int = unix("2016-01-01")
    end_s: int = OPEN_END_S


@dataclass(frozen=True, slots=True)
class Site:
    """One place and what its air is like.

    night_ppm: build-up of CO2 in a calm clear summer night; traffic_ppm: rush-hour peak on a work day;
    inversion: how much of the winter's stagnant air reaches the site, 0 to 1.
    """

    name: str
    positions: tuple[Position, ...]
    canton: str
    network: str
    site_type: str
    night_ppm: float = 0.0
    traffic_ppm: float = 0.0
    inversion: float = 0.0
    kind: Kind = "outdoor"

    @property
    def height_m(self) -> float:
        """Height of the present position; moves of the sandbox's sites do not change it by more than 1 m."""
        return self.positions[-1].height_m

    @property
    def region(self) -> str:
        """Side of the Alps: each has its own weather."""
        return "south" if self.canton == "TI" else "north"

    @property
    def is_field(self) -> bool:
        """Whether units here measure the air of the network (not calibration, not the store)."""
        return self.kind == "outdoor" and self.name != "DUE1"


def _fixed(easting_m: float, northing_m: float, height_m: float) -> tuple[Position, ...]:
    return (Position(easting_m, northing_m, height_m),)


_DUE1 = (
    Position(688640, 250902, 432, end_s=DUE1_MOVE_S),
    Position(688680, 250902, 432, start_s=DUE1_MOVE_S),
)
_DUEBENDORF = _fixed(688680, 250902, 432)

SITES = {
    site.name: site
    for site in (
        Site("DUE1", _DUE1, "ZH", "NABEL", "suburban", 40, 10, 0.9),
        Site("LAEG", _fixed(672251, 259462, 855), "AG", "EMPA", "forest hill", 12, 0, 0.3),
        Site("BRM", _fixed(655840, 226777, 797), "LU", "UNIBE", "tall tower", 15, 0, 0.35),
        Site("PAY", _fixed(562285, 184776, 488), "VD", "NABEL", "rural", 50, 2, 0.8),
        Site("GIMM", _fixed(585510, 211397, 478), "BE", "UNIBE", "rural", 48, 1, 0.8),
        Site("RIG", _fixed(677835, 213440, 1031), "SZ", "NABEL", "mountain", 7, 0, 0.1),
        Site("HAE", _fixed(628875, 240185, 431), "SO", "NABEL", "motorway", 35, 45, 0.9),
        Site("MAGN", _fixed(715497, 113199, 203), "TI", "METEOSWISS", "valley floor", 60, 6, 0.9),
        Site("SSAL", _fixed(716877, 92824, 902), "TI", "METEOSWISS", "hillside", 10, 0, 0.2),
        Site("CHRI", _fixed(618695, 269035, 493), "BL", "EMPA", "hillside", 22, 2, 0.5),
        Site("ZUE", _fixed(682450, 247990, 409), "ZH", "NABEL", "urban", 35, 25, 1.0),
        Site("ZSCH", _fixed(681950, 247250, 413), "ZH", "EMPA", "street", 30, 50, 1.0),
        Site("ZHBR", _fixed(681500, 249350, 430), "ZH", "SWISSCOM", "urban tower", 25, 20, 0.9),
        Site("RECK", _fixed(681430, 253545, 443), "ZH", "METEOSWISS", "suburban", 50, 5, 0.9),
        Site("TAEN", _fixed(710515, 259820, 539), "TG", "NABEL", "rural", 55, 1, 0.7),
        Site("SEMP", _fixed(657100, 220500, 515), "LU", "SWISSCOM", "lake shore", 40, 3, 0.8),
        Site("FROB", _fixed(634730, 248850, 890), "SO", "SWISSCOM", "ridge", 9, 0, 0.25),
        Site("BNTG", _fixed(606850, 202980, 942), "BE", "SWISSCOM", "tall tower", 8, 0, 0.2),
        Site("DUE2", _DUEBENDORF, "ZH", "EMPA", "climate chamber", kind="climate chamber"),
        Site("DUE4", _DUEBENDORF, "ZH", "EMPA", "pressure chamber", kind="pressure chamber"),
        Site("MET1", _fixed(601300, 196800, 547), "BE", "METAS", "pressure chamber", kind="pressure chamber"),
        Site("DUE5", _DUEBENDORF, "ZH", "EMPA", "store", kind="indoor"),
    )
}
STORE = SITES["DUE5"]  # where a unit is that is deployed nowhere
FIELD_SITES = tuple(
    SITES[name]
    for name in ("ZUE", "ZSCH", "ZHBR", "RECK", "TAEN", "SEMP", "FROB", "BNTG", "CHRI", "MAGN", "SSAL", "HAE")
)


def wgs84(position: Position) -> tuple[float, float, float]:
    """Latitude, longitude [deg] and ellipsoidal height [m] of a position.

    Approximate formulas of the Swiss Federal Office of Topography (swisstopo), about 1 m.
    """
    y = (position.easting_m - 600_000) / 1e6
    x = (position.northing_m - 200_000) / 1e6
    latitude = (
        16.9023892 + 3.238272 * x - 0.270978 * y**2 - 0.002528 * x**2 - 0.0447 * y**2 * x - 0.0140 * x**3
    )
    longitude = 2.6779094 + 4.728982 * y + 0.791484 * y * x + 0.1306 * y * x**2 - 0.0436 * y**3
    height_m = position.height_m + 49.55 - 12.60 * y - 22.64 * x
    return latitude * 100 / 36, longitude * 100 / 36, height_m
