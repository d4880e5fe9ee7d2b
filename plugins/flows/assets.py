"""The map of the data flow: every asset that one DAG writes and another may wait for.

An asset event carries the data day as its partition key (`YYYY-MM-DD`) and means: rows of this day have
arrived or changed. Who consumes it with `PartitionedAssetTimetable` gets one run per day.
"""

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


def _inbox(network: str, station: str, trigger: NewFilesTrigger) -> Asset:
    """A folder in which a station's files arrive. The event is only a wake-up: the run looks itself for what is new."""
    return Asset(
        name=f"{network}_inbox_{station.lower().replace('-', '_')}",
        uri=f"x-inbox://{network}/{station}",
        group=network,
        watchers=[AssetWatcher(name=f"new files of {station}", trigger=trigger)],
    )


WEATHER_INBOXES = [
    _inbox(
        "weather",
        station.station,
        NewFilesTrigger(
            conn_id=station.inbox.connection,
            path=station.inbox.path,
            pattern=station.inbox.pattern,
            poll_interval=WEATHER_POLL_S,
            settle=station.inbox.settle_s,
        ),
    )
    for station in weather_stations().values()
]

# A day of a station as observations: `STATION|YYYY-MM-DD`, the station's day
WEATHER_OBSERVATIONS = Asset(
    name="weather_observations",
    uri="x-mariadb://weather/observation",
    group="weather",
    extra={"partition": "STATION|YYYY-MM-DD, day of the station"},
)

MINITRASGO_INBOXES = [
    _inbox(
        "minitrasgo",
        station.station,
        NewFilesTrigger(
            conn_id=station.source.connection,
            path=station.source.path,
            pattern=station.source.pattern,
            poll_interval=MINITRASGO_POLL_S,
            subfolders=False,
            settle=station.source.settle_s,
        ),
    )
    for station in minitrasgo_stations().values()
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
