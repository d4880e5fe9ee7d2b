"""The map of the data flow: every asset that one DAG writes and another may wait for.

An asset event carries the data day as its partition key (`YYYY-MM-DD`) and means: rows of this day have
arrived or changed. Who consumes it with `PartitionedAssetTimetable` gets one run per day.
"""

from airflow.sdk import Asset, AssetWatcher

from skyledger.weather.stations import stations
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

INBOX_POLL_S = 30.0

# Folders in which loggers' files arrive. The event is only a wake-up: the run looks itself for what is new
WEATHER_INBOXES = [
    Asset(
        name=f"weather_inbox_{station.station.lower().replace('-', '_')}",
        uri=f"x-inbox://weather/{station.station}",
        group="weather",
        watchers=[
            AssetWatcher(
                name=f"new files of {station.station}",
                trigger=NewFilesTrigger(
                    conn_id=station.inbox.connection,
                    path=station.inbox.path,
                    pattern=station.inbox.pattern,
                    poll_interval=INBOX_POLL_S,
                    settle=station.inbox.settle_s,
                ),
            )
        ],
    )
    for station in stations().values()
]

# A day of a station as observations: `STATION|YYYY-MM-DD`, the station's day
WEATHER_OBSERVATIONS = Asset(
    name="weather_observations",
    uri="x-mariadb://weather/observation",
    group="weather",
    extra={"partition": "STATION|YYYY-MM-DD, day of the station"},
)
