"""The map of the data flow: every asset that one DAG writes and another may wait for.

An asset event carries the data day as its partition key (`YYYY-MM-DD`) and means: rows of this day have
arrived or changed. Who consumes it with `PartitionedAssetTimetable` gets one run per day.
"""

from airflow.sdk import Asset

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
