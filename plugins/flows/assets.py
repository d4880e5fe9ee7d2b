"""The map of the data flow: every asset that one DAG writes and another may wait for.

An asset event carries the data day as its partition key (`YYYY-MM-DD`) and means: rows of this day have
arrived or changed. Who consumes it with `PartitionedAssetTimetable` gets one run per day.
"""

from typing import Protocol

from airflow.sdk import Asset, AssetWatcher

from skyledger.minitrasgo.stations import stations as minitrasgo_stations
from skyledger.weather.stations import stations as weather_stations
from triggers.new_files import NewFilesTrigger

# Raw telegrams, apart by sensor type: calibration differs by type, and must not wait for the other types
CARBOSENSE_TELEGRAMS = {
    sensor_type: Asset(
        name=f"carbosense_telegrams_{sensor_type.lower()}",
        uri=f"x-mariadb://carbosense/{sensor_type.lower()}_data",
        group="carbosense",
        extra={"sensor_type": sensor_type, "partition": "YYYY-MM-DD, UTC"},
    )
    for sensor_type in ("LP8", "HPP", "Vaisala", "Licor")
}

WEATHER_POLL_S = 30.0
MINITRASGO_POLL_S = 15.0


class Place(Protocol):
    """What a station's configuration says of the folder in which its files arrive."""

    @property
    def connection(self) -> str | None: ...
    @property
    def path(self) -> str: ...
    @property
    def pattern(self) -> str: ...
    @property
    def settle_s(self) -> float: ...


def _inbox(network: str, station: str, place: Place, poll_s: float, *, subfolders: bool = True) -> Asset:
    """A folder in which a station's files arrive. The event is only a wake-up: the run looks itself for what is new."""
    trigger = NewFilesTrigger(
        conn_id=place.connection,
        path=place.path,
        pattern=place.pattern,
        poll_interval=poll_s,
        subfolders=subfolders,
        settle=place.settle_s,
    )
    return Asset(
        name=f"{network}_inbox_{station.lower().replace('-', '_')}",
        uri=f"x-inbox://{network}/{station}",
        group=network,
        watchers=[AssetWatcher(name=f"new files of {station}", trigger=trigger)],
    )


WEATHER_INBOXES = [
    _inbox("weather", name, station.inbox, WEATHER_POLL_S) for name, station in weather_stations().items()
]

# A day of a station as observations: `STATION|YYYY-MM-DD`, the station's day
WEATHER_OBSERVATIONS = Asset(
    name="weather_observations",
    uri="x-mariadb://weather/observation",
    group="weather",
    extra={"partition": "STATION|YYYY-MM-DD, day of the station"},
)

MINITRASGO_INBOXES = [
    _inbox("minitrasgo", name, station.source, MINITRASGO_POLL_S, subfolders=False)
    for name, station in minitrasgo_stations().items()
]

# Raw detector files of a station and day that wait to be reduced: `STATION|YYYY-MM-DD`, UTC day of the file's start
MINITRASGO_RAW_FILES = Asset(
    name="minitrasgo_raw_files",
    uri="x-mariadb://minitrasgo/raw_file",
    group="minitrasgo",
    extra={"partition": "STATION|YYYY-MM-DD, UTC"},
)

# Rates per minute of a station and day: `STATION|YYYY-MM-DD`, UTC
MINITRASGO_RATES = Asset(
    name="minitrasgo_rates",
    uri="x-mariadb://minitrasgo/minute",
    group="minitrasgo",
    extra={"partition": "STATION|YYYY-MM-DD, UTC"},
)

# A flight of an instrument with something to process: `FLIGHT|TYPE`
IAGOS_RAW_FLIGHTS = Asset(
    name="iagos_raw_flights",
    uri="x-mariadb://iagos/source_file",
    group="iagos",
    extra={"partition": "FLIGHT|TYPE"},
)

# A flight that waits for its PI, with a report: `FLIGHT|TYPE|LEVEL`
IAGOS_REPORTS = Asset(
    name="iagos_reports",
    uri="x-mariadb://iagos/report",
    group="iagos",
    extra={"partition": "FLIGHT|TYPE|LEVEL"},
)

# A flight whose products are with the data centre: `FLIGHT|TYPE|LEVEL`
IAGOS_RELEASES = Asset(
    name="iagos_releases",
    uri="x-mariadb://iagos/product",
    group="iagos",
    extra={"partition": "FLIGHT|TYPE|LEVEL"},
)
