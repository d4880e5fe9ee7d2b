"""InfluxDB 1.x and 2.x as a source of telegrams."""

from typing import TYPE_CHECKING

from hooks.remote import RemoteHook

if TYPE_CHECKING:
    from skyledger.influx import InfluxV1, InfluxV2


class InfluxHook(RemoteHook):
    """Reader of telegrams: `get_conn()` gives skyledger's streaming reader.

    :param conn_id: Airflow connection of type `influxdb`: host, port, schema (the database), login and
        password or a token, and in the extra `api` (`v1` or `v2`), `path_prefix` and TLS options.
    """

    conn_name_attr = "influx_conn_id"
    default_conn_name = "carbosense_influx"
    conn_type = "influxdb"
    hook_name = "InfluxDB telegrams"

    def get_conn(self) -> "InfluxV1 | InfluxV2":
        """Open the reader; nothing is sent before the first question."""
        from skyledger.influx import open_source  # pyarrow and numpy: not while DAG files are parsed

        return open_source(self.resolve())

    def ask(self) -> str:
        """Ask for the measurements: proves address, login and database in one."""
        return self.get_conn().ping()
