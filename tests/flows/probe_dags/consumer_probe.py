"""A DAG as calibration will be: one run per day of which LP8 telegrams have arrived."""

from airflow.sdk import PartitionedAssetTimetable, dag, get_current_context, task

from flows.assets import CARBOSENSE_TELEGRAMS
from flows.days import data_days


@dag(schedule=PartitionedAssetTimetable(assets=CARBOSENSE_TELEGRAMS["LP8"]), catchup=False)
def consumer_probe():
    @task
    def say_days():
        return [day.isoformat() for day in data_days(get_current_context())]

    say_days()


consumer_probe()
