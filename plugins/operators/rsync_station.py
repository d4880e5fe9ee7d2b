"""Raw files of a miniTRASGO station, or of its archive, into the raw store."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from airflow.sdk import BaseOperator

from flows.days import parse_day
from hooks.rsync import RsyncHook
from hooks.warehouse import WarehouseHook

MINITRASGO_DB = "minitrasgo_db"
NOTHING = (None, "", "None")  # also as a template shows it


class RsyncStationOperator(BaseOperator):
    """Bring what is new: list, transfer by rsync (by SFTP where there is none), register.

    What is here already is not brought again, and a transfer that broke off goes on where it stopped. Nothing is
    changed at the station. One that does not answer fails the task with the time since when.

    :param station: name of the station, as in include/config/minitrasgo/stations
    :param source: `station`, `archive`, or `raw`: only what is here, nothing is brought
    :param names: only these files, whatever their size and gap
    :param first_day: only files that begin on this UTC day or later, YYYY-MM-DD
    :param last_day: only files that begin on this UTC day or earlier; without it first_day alone
    :param order: `newest` or `oldest` first
    :param max_files: files of one run, at most
    :param plan_only: only count
    :param ssh_conn_id: the machine; without it the one that the station's configuration names
    :param db_conn_id: database with the registry of files
    """

    template_fields: Sequence[str] = (
        "station",
        "source",
        "names",
        "first_day",
        "last_day",
        "order",
        "max_files",
        "plan_only",
        "ssh_conn_id",
        "db_conn_id",
    )
    ui_color = "#e8dff5"

    def __init__(
        self,
        *,
        station: str,
        source: str = "station",
        names: Sequence[str] | None = None,
        first_day: str | None = None,
        last_day: str | None = None,
        order: str = "newest",
        max_files: int | str | None = None,
        plan_only: bool | str = False,
        ssh_conn_id: str | None = None,
        db_conn_id: str = MINITRASGO_DB,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.station = station
        self.source = source
        self.names = names
        self.first_day = first_day
        self.last_day = last_day
        self.order = order
        self.max_files = max_files
        self.plan_only = plan_only
        self.ssh_conn_id = ssh_conn_id
        self.db_conn_id = db_conn_id
        self._killed = False

    def execute(self, context: Any) -> dict[str, Any]:
        """Bring and register; return the summary."""
        from skyledger.config import DATA_ROOT
        from skyledger.minitrasgo.acquire import acquire_station, source_of
        from skyledger.minitrasgo.choose import Wanted
        from skyledger.minitrasgo.stations import load_station

        if self.source == "raw":
            self.log.info("%s: nothing is brought, the files that are here will do", self.station)
            return {"station": self.station, "source": "raw"}
        station = load_station(self.station)
        place = source_of(station, self.source)
        folder = RsyncHook(self.ssh_conn_id or place.connection).folder(place)
        days = None
        if self.first_day not in NOTHING:
            first = parse_day(self.first_day, "first_day")
            days = (first, first if self.last_day in NOTHING else parse_day(self.last_day, "last_day"))
        summary = acquire_station(
            WarehouseHook(self.db_conn_id).get_conn(),
            station,
            self.source,
            folder.listing,
            partial(folder.bring, progress=self.log.info, cancelled=lambda: self._killed),
            data_root=DATA_ROOT,
            now=datetime.now(UTC),
            run_id=context["run_id"],
            wanted=Wanted(
                self.names, days, self.order, None if self.max_files in NOTHING else int(self.max_files)
            ),
            dry_run=str(self.plan_only) == "True",
            progress=self.log.info,
        ).as_dict()
        self.log.info("%s: %s", self.station, _told(summary))
        return summary

    def on_kill(self) -> None:
        """End the transfer within a second; the next run goes on with what has come."""
        self._killed = True


def _told(summary: dict[str, Any]) -> str:
    """A summary as a sentence: what was there, and what of it counts."""
    counts = {name: value for name, value in summary.items() if isinstance(value, int) and value}
    said = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in counts.items()) or "nothing there"
    days = f"; days {', '.join(summary['days'])}" if summary["days"] else ""
    return f"{said}{days}; {summary['seconds']:.1f} s"
