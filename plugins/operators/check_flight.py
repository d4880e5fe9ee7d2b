"""Quality control and report of one IAGOS flight, with a link to the report in the Airflow UI."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.configuration import conf

from hooks.warehouse import WarehouseHook

IAGOS_DB = "iagos_db"
PAGES = "/skyledger/iagos/reports"  # of plugins/network_page


def base_url() -> str:
    """Address of the Airflow UI."""
    return str(conf.get("api", "base_url", fallback="")).rstrip("/")


def report_url(path: str) -> str:
    """Address of a report in the Airflow UI; `path` is <TYPE>/<flight_id>/<name>."""
    return f"{base_url()}{PAGES}/{path}"


class ReportLink(BaseOperatorLink):
    """Button on the task that leads to the report it made."""

    name = "Report"  # type: ignore[assignment]

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """Address of the report; the task keeps it when it has ended."""
        return operator.report and report_url(operator.report)


class CheckFlightOperator(BaseOperator):
    """Judge the newest series of a flight, write the report, make the flight wait for its decision.

    A Level 2 candidate is computed first, from the stored Level 0 and both calibrations. What is judged already, with
    the same data and configuration, is not judged again.

    :param flight: `FLIGHT|TYPE|REVISION`
    :param db_conn_id: database of the network
    """

    template_fields: Sequence[str] = ("flight", "db_conn_id")
    operator_extra_links = (ReportLink(),)
    ui_color = "#dfeaf5"

    def __init__(self, *, flight: str, db_conn_id: str = IAGOS_DB, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.flight = flight
        self.db_conn_id = db_conn_id
        self.report = ""

    def execute(self, context: Any) -> dict[str, Any]:
        """Judge and report; return the summary."""
        from skyledger.config import DATA_ROOT
        from skyledger.iagos.flight import Key
        from skyledger.iagos.process import check_flight

        summary = check_flight(
            WarehouseHook(self.db_conn_id).get_conn(),
            Key.parse(self.flight),
            data_root=DATA_ROOT,
            run_id=context["run_id"],
        )
        self.report = summary.report or ""
        self.log.info("%s: %s", summary.key, summary.told())
        return summary.as_dict()
