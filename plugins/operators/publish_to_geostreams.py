"""Stored bins of a weather station's day to GeoStreams."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from flows.days import parse_day
from hooks.geostreams import GeostreamsHook
from hooks.warehouse import WarehouseHook

WEATHER_DB = "weather_db"


class PublishToGeostreamsOperator(BaseOperator):
    """Make GeoStreams have just the stored bins of one station and day, and see that it does.

    Only what differs is sent, so a second run sends nothing and a run after a crash goes on where it broke off. A
    day that was published as it is stored is left alone. Skipped for a station that is not published.

    :param station: name of the station, as in include/config/weather/stations
    :param day: day of the station, YYYY-MM-DD
    :param force: ask the server also when the ledger says that all is there
    :param geostreams_conn_id: the server; without it the one that the station's configuration names
    :param db_conn_id: database with the bins and the ledger
    """

    template_fields: Sequence[str] = ("station", "day", "force", "geostreams_conn_id", "db_conn_id")
    ui_color = "#d0e0e3"

    def __init__(
        self,
        *,
        station: str,
        day: str,
        force: bool = False,
        geostreams_conn_id: str | None = None,
        db_conn_id: str = WEATHER_DB,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.station = station
        self.day = day
        self.force = force
        self.geostreams_conn_id = geostreams_conn_id
        self.db_conn_id = db_conn_id

    @property
    def label(self) -> str:
        """What the grid shows: `UA-MAC 2016-08-30`."""
        return f"{self.station} {self.day}"

    def execute(self, context: Any) -> dict[str, Any]:
        """Publish; return the summary."""
        from skyledger.weather.publish import publish_day
        from skyledger.weather.stations import load_station

        station, day = load_station(self.station), parse_day(self.day)
        if station.geostreams is None:
            raise AirflowSkipException(f"{self.station} is not published: no section geostreams in its file")
        client = GeostreamsHook(self.geostreams_conn_id or station.geostreams.connection).get_conn()
        summary = publish_day(
            WarehouseHook(self.db_conn_id).get_conn(),
            client,
            station,
            day,
            run_id=context["run_id"],
            force=self.force,
            progress=lambda product, done, batches: self.log.info(
                "%s: %s: batch %d of %d is there", self.label, product, done, batches
            ),
        )
        return summary.as_dict()
