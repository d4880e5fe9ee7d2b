"""Telegrams of sensor units from InfluxDB into the raw tables of a network."""

import time
from collections.abc import Callable, Sequence
from logging import Logger
from typing import Any

from airflow.sdk import BaseOperator

from flows.days import data_days, day_range, parse_day
from hooks.influx import InfluxHook
from hooks.warehouse import WarehouseHook

SECONDS_BETWEEN_PROGRESS_LINES = 5.0


class InfluxToMySQLOperator(BaseOperator):
    """Load what the ledger says is to do for some units and days of one sensor type.

    Reads the source's inventory, compares it with the ledger, and per unit reads, maps and stores whole
    days, each in one transaction with its ledger row. A unit that fails does not stop the others; the task
    fails at the end and names it. A task that is killed leaves its open days marked as running, and the next
    run takes them up.

    :param mapping: sensor type, the name of a file in include/config/carbosense/telegrams
    :param members: unit numbers; none means all units deployed on the days
    :param first_day: first data day, YYYY-MM-DD; without it the days are those of the run (flows.days)
    :param last_day: last data day, included; without it `first_day`
    :param mode: missing, backfill, all or stale (skyledger.ledger.Mode)
    :param backfill_days: how far mode backfill goes back from today
    :param plan_only: log and return what would be done, and do nothing
    :param influx_conn_id: the source
    :param db_conn_id: the destination and its ledger
    """

    template_fields: Sequence[str] = (
        "mapping",
        "members",
        "first_day",
        "last_day",
        "mode",
        "backfill_days",
        "plan_only",
        "influx_conn_id",
        "db_conn_id",
    )
    ui_color = "#d9ead3"

    def __init__(
        self,
        *,
        mapping: str,
        members: Sequence[int] | None = None,
        first_day: str | None = None,
        last_day: str | None = None,
        mode: str = "missing",
        backfill_days: int = 10,
        plan_only: bool = False,
        influx_conn_id: str = InfluxHook.default_conn_name,
        db_conn_id: str = WarehouseHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mapping = mapping
        self.members = members
        self.first_day = first_day
        self.last_day = last_day
        self.mode = mode
        self.backfill_days = backfill_days
        self.plan_only = plan_only
        self.influx_conn_id = influx_conn_id
        self.db_conn_id = db_conn_id

    @property
    def label(self) -> str:
        """What the grid shows for this batch: `LP8 1010-1024`."""
        if not self.members:
            return self.mapping
        first, last = min(self.members), max(self.members)
        return f"{self.mapping} {first}" if first == last else f"{self.mapping} {first}-{last}"

    def execute(self, context: Any) -> dict[str, Any]:
        """Plan and load; return the summary."""
        from skyledger.carbosense.telegram_plan import plan_telegrams
        from skyledger.carbosense.telegrams import ingest_telegrams, load_mapping
        from skyledger.ledger import Mode

        if self.first_day:
            days = day_range(
                parse_day(self.first_day, "first_day"), parse_day(self.last_day or self.first_day, "last_day")
            )
        else:
            days = data_days(context)
        warehouse = WarehouseHook(self.db_conn_id).get_conn()
        source = InfluxHook(self.influx_conn_id).get_conn()
        what = (
            load_mapping(self.mapping),
            days[0],
            days[-1],
            self.members,
            Mode(self.mode),
            self.backfill_days,
        )
        if self.plan_only:
            with warehouse.session() as session:
                plan = plan_telegrams(session, source, *what)
            self.log.info("dry run, nothing is stored: %s", plan.describe())
            return {"sensor_type": self.mapping, "plan": plan.describe(), "partitions": len(plan)}
        summary = ingest_telegrams(
            warehouse, source, *what, run_id=context["run_id"], progress=progress_lines(self.log, self.label)
        )
        summary.raise_for_failures()
        return summary.as_dict()


def progress_lines(log: Logger, label: str) -> Callable[[str, int, int, int], None]:
    """Progress as a log line every few seconds, and one at the end."""
    last = time.monotonic()

    def tell(unit: str, done: int, planned: int, records: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done == planned or now - last >= SECONDS_BETWEEN_PROGRESS_LINES:
            last = now
            log.info(
                "%s: %d of %d unit-days done, at unit %s, %d records", label, done, planned, unit, records
            )

    return tell
