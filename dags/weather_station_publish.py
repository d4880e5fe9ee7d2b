"""### Weather stations, from logger files to observations and GeoStreams

**Produces** per station and day: rows of `observation` (bins of 5 or 15 minutes with flags) in the database
`weather`, a NetCDF file and a picture below the data root, and the same bins as datapoints in GeoStreams. One asset
partition per station and day (`weather_observations`, `STATION|YYYY-MM-DD`).

**From** the files that the loggers leave in each station's inbox: a folder, or a folder behind SFTP
(`include/config/weather/stations/`).

**When** new files have arrived in an inbox (an asset watcher looks every minute), and every six hours anyway. A
day is made when it is complete: 99.9 % of its rows are here and a later row has been seen; or six hours after
its end with what there is. A file that comes later makes its day again and replaces the bins that differ.

**Needs** the connections `weather_db`, `weather_geostreams`, `weather_sftp`, the pools `weather_sftp` and
`weather_geostreams`, the folder named by `SKYLEDGER_DATA`, and the tables made by `skyledger db upgrade weather`.

**Run again**: clear the run or one of its tasks in the grid; or start it with the form below for any days and
stations. Both give the same rows; what is stored and unchanged is left alone, what is published is compared with the
server and only differences are sent. Nothing has to be cleaned up before.

**A failure costs** that day's observations of the station named in the error; other stations and days go on. Nothing
is lost: files stay in the inbox and in the raw store, and the next run takes the day up again.

**Example** of a configuration for the form, which makes a week of one station again whatever the ledger says:

    {"first_day": "2026-03-01", "last_day": "2026-03-07", "stations": ["UA-MAC"], "mode": "all", "dry_run": false}
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import (
    AssetAny,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    TriggerRule,
    dag,
    get_current_context,
    task,
    task_group,
)

from flows import weather
from flows.assets import WEATHER_INBOXES, WEATHER_OBSERVATIONS
from flows.defaults import WEATHER_GEOSTREAMS_POOL, WEATHER_SFTP_POOL, alerts
from flows.forms import day_fields, mode_fields, station_field
from operators.publish_to_geostreams import PublishToGeostreamsOperator

FORM = {
    **day_fields(clock="day of the station", empty="every day that is missing or has changed"),
    "stations": station_field(weather.STATIONS),
    **mode_fields("Only print the plan into the log of plan_days; make and publish nothing."),
}


@dag(
    schedule=AssetOrTimeSchedule(
        # Ten past the end of the grace at Maricopa, and every six hours in case a watcher is down
        timetable=CronTriggerTimetable("10 1,7,13,19 * * *", timezone="UTC"),
        assets=AssetAny(*WEATHER_INBOXES),
    ),
    start_date=datetime(2016, 1, 1, tzinfo=UTC),
    catchup=False,  # a run looks at all days
    max_active_runs=1,  # a second run would find the same work
    max_active_tasks=8,
    doc_md=__doc__,
    tags=["weather", "ingest", "publish"],
    params=FORM,
    **alerts(
        late_after=timedelta(hours=2),
        consequence="observations of these stations and days are missing in the database and in GeoStreams",
        first_look="the error in the log of the failed task; if all stations fail, whether the SFTP server, MariaDB "
        "and GeoStreams answer (Admin > Connections > weather_sftp, weather_db, weather_geostreams)",
    ),
)
def weather_station_publish():
    @task(pool=WEATHER_SFTP_POOL, map_index_template="{{ station }}")
    def register_files(station: str):
        context = get_current_context()
        context["station"] = station
        return weather.register_files(station, context)

    @task(trigger_rule=TriggerRule.ALL_DONE)  # one inbox that cannot be reached stops no other station
    def plan_days():
        return weather.plan_days(get_current_context())

    @task_group
    def station_day(station: str, day: str):
        @task(outlets=[WEATHER_OBSERVATIONS], map_index_template="{{ station_day }}")
        def process_day(station: str, day: str):
            context = get_current_context()
            context["station_day"] = f"{station} {day}"
            return weather.process_day(station, day, context)

        # A day that was made before may still have to be drawn or published: `process_day` is skipped then
        @task(map_index_template="{{ station_day }}", trigger_rule=TriggerRule.NONE_FAILED)
        def draw_quick_look(station: str, day: str):
            get_current_context()["station_day"] = f"{station} {day}"
            return weather.draw_quick_look(station, day)

        publish = PublishToGeostreamsOperator(
            task_id="publish_to_geostreams",
            station=station,
            day=day,
            pool=WEATHER_GEOSTREAMS_POOL,
            trigger_rule=TriggerRule.NONE_FAILED,
            map_index_template="{{ task.station }} {{ task.day }}",
        )
        process_day(station, day) >> [publish, draw_quick_look(station, day)]

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def report_run():
        return weather.report_run(get_current_context())

    registered = register_files.expand(station=weather.STATIONS)
    planned = plan_days()
    days = station_day.expand_kwargs(planned)
    complete = EmptyOperator(task_id="complete", trigger_rule=TriggerRule.NONE_FAILED)
    registered >> planned >> days >> report_run()
    [registered, days] >> complete  # the run's state: the report goes on after a failure, it does not


weather_station_publish()
