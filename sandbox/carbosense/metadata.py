"""The metadata tables, as people know them at some moment: later changes are not in them, running periods are open."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from sandbox.carbosense.clock import DAY_S, HOUR_S, OPEN_END_S, naive_utc
from sandbox.carbosense.sites import SITES, wgs84
from sandbox.carbosense.units import EXCLUSIONS, Cylinder, Unit, cylinders

_REFERENCE_TABLE = {1: "NABEL_DUE", 2: "ClimateChamber_00_DUE", 3: "PressureChamber_01_DUE"}
_FILLED_BEFORE_S = 40 * DAY_S  # before it is connected
_ANALYSED_AFTER_S = 7 * DAY_S

Row = tuple[Any, ...]

_COLUMNS = {  # parents before children
    "Location": "LocationName Date_UTC_from Date_UTC_to Y_LV03 X_LV03 h LAT_WGS84 LON_WGS84 H_WGS84 Canton Network "
    "SiteType Remark",
    "SensorUnits": "SensorUnit_ID",
    "Sensors": "Type Serialnumber SensorUnit_ID Date_UTC_from Date_UTC_to",
    "Deployment": "SensorUnit_ID LocationName Date_UTC_from Date_UTC_to cal_mode HeightAboveGround "
    "Inlet_HeightAboveGround",
    "Calibration": "SensorUnit_ID LocationName Date_UTC_from Date_UTC_to CalMode DBTableNameRefData",
    "SensorExclusionPeriods": "Type Serialnumber SensorUnit_ID Date_UTC_from Date_UTC_to Reason",
    "ref_gas_cylinder": "cylinder_id start end volume test_valid_to owner",
    "ref_gas_cylinder_analysis": "cylinder_id analysed fill_from fill_to fillnr CO2 CO2_sd H2O H2O_sd pressure "
    "measured_by",
    "cylinder_deployment": "cylinder_id Date_UTC_from Date_UTC_to SensorUnit_ID LocationName inlet",
}
_KEPT = ("Location", "SensorUnits", "ref_gas_cylinder")  # other tables may refer to their rows


def metadata_rows(seed: int, fleet: Iterable[Unit], as_of: datetime | None = None) -> dict[str, list[Row]]:
    """Rows of each metadata table, in the order of `_COLUMNS`; foreign units are in none of them."""
    now_s = int((as_of or datetime.now(UTC)).replace(tzinfo=UTC).timestamp())
    units = [unit for unit in fleet if unit.registered and unit.first_s <= now_s]
    fills = [fill for unit in units for fill in cylinders(seed, unit)]
    return {
        "Location": list(_locations()),
        "SensorUnits": [(unit.unit_id,) for unit in units],
        "Sensors": [
            (unit.sensor_type, mounted.model.serial, unit.unit_id, *period)
            for unit in units
            for mounted in unit.sensors
            for period in _known(mounted.start_s, mounted.end_s, now_s)
        ],
        "Deployment": [
            (unit.unit_id, stay.site.name, *period, stay.cal_mode, *[stay.height_above_ground_m] * 2)
            for unit in units
            for stay in unit.stays
            for period in _known(stay.start_s, stay.end_s, now_s)
        ],
        "Calibration": [
            (unit.unit_id, stay.site.name, *period, stay.cal_mode, _REFERENCE_TABLE[stay.cal_mode])
            for unit in units
            for stay in unit.stays
            if stay.cal_mode
            # the sensor settles first
            for period in _known(min(stay.start_s + HOUR_S, stay.end_s - 1), stay.end_s, now_s)
        ],
        "SensorExclusionPeriods": list(_exclusions(units, now_s)),
        "ref_gas_cylinder": sorted(_cylinders(fills, now_s)),
        "ref_gas_cylinder_analysis": list(_analyses(fills, now_s)),
        "cylinder_deployment": [
            (fill.cylinder_id, *period, unit.unit_id, stay.site.name, fill.inlet)
            for unit in units
            for fill in cylinders(seed, unit)
            for stay in unit.stays
            if fill.start_s < stay.end_s and stay.start_s < fill.end_s
            for period in _known(max(fill.start_s, stay.start_s), min(fill.end_s, stay.end_s), now_s)
        ],
    }


def write_metadata(
    connection: Any, seed: int, fleet: Iterable[Unit], as_of: datetime | None
) -> dict[str, int]:
    """Replace the contents of the metadata tables in one transaction; return the number of rows per table."""
    tables = metadata_rows(seed, fleet, as_of)
    with connection.cursor() as cursor:
        for table in reversed(_COLUMNS):
            if table not in _KEPT:
                cursor.execute(f"DELETE FROM `{table}`")
        for table, rows in tables.items():
            names = [f"`{name}`" for name in _COLUMNS[table].split()]
            unchanged = f" ON DUPLICATE KEY UPDATE {names[0]} = {names[0]}" if table in _KEPT else ""
            marks = ", ".join(["%s"] * len(names))
            cursor.executemany(
                f"INSERT INTO `{table}` ({', '.join(names)}) VALUES ({marks}){unchanged}", rows
            )
    connection.commit()
    return {table: len(rows) for table, rows in tables.items()}


def _known(start_s: int, end_s: int, now_s: int) -> Iterator[tuple[datetime, datetime]]:
    """A period as it is known now: nothing of the future, and no end that has not come yet."""
    if start_s <= now_s:
        yield naive_utc(start_s), naive_utc(end_s if end_s <= now_s else OPEN_END_S)


def _locations() -> Iterator[Row]:
    for site in SITES.values():
        for position in site.positions:
            latitude, longitude, height_m = wgs84(position)
            yield (
                site.name,
                naive_utc(position.start_s),
                naive_utc(position.end_s),
                position.easting_m,
                position.northing_m,
                position.height_m,
                round(latitude, 7),
                round(longitude, 7),
                round(height_m, 2),
                site.canton,
                site.network,
                site.site_type,
                "sandbox",
            )


def _exclusions(units: list[Unit], now_s: int) -> Iterator[Row]:
    by_id = {unit.unit_id: unit for unit in units}
    for exclusion in EXCLUSIONS:
        if exclusion.unit_id in by_id:
            unit = by_id[exclusion.unit_id]
            mounted = next(m for m in unit.sensors if m.start_s <= exclusion.start_s < m.end_s)
            for period in _known(exclusion.start_s, exclusion.end_s, now_s):
                yield unit.sensor_type, mounted.model.serial, unit.unit_id, *period, exclusion.reason


def _cylinders(fills: list[Cylinder], now_s: int) -> Iterator[Row]:
    for cylinder_id in {fill.cylinder_id for fill in fills}:
        first_s = min(fill.start_s for fill in fills if fill.cylinder_id == cylinder_id) - _FILLED_BEFORE_S
        if first_s <= now_s:
            yield cylinder_id, naive_utc(first_s), naive_utc(OPEN_END_S), 5.0, datetime(2032, 1, 1), "EMPA"  # noqa: DTZ001


def _analyses(fills: list[Cylinder], now_s: int) -> Iterator[Row]:
    for cylinder_id in sorted({fill.cylinder_id for fill in fills}):
        mine = [fill for fill in fills if fill.cylinder_id == cylinder_id]
        filled_s = [fill.start_s - _FILLED_BEFORE_S for fill in mine]
        for fill, (start_s, end_s) in zip(mine, pairwise([*filled_s, OPEN_END_S]), strict=True):
            # a refill closes the fill before: two fills never cover the same moment
            for fill_from, fill_to in _known(start_s, end_s, now_s):
                analysed = naive_utc(start_s + _ANALYSED_AFTER_S)
                number = f"{fill_from:%y%m%d}"
                yield (
                    cylinder_id, analysed, fill_from, fill_to, number, fill.co2_ppm, 0.03, 0.0, 0.0, 150.0, "EMPA"
                )  # fmt: skip
