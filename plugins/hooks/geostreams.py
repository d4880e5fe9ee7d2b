"""GeoStreams (Clowder) as a place to publish datapoints."""

from typing import TYPE_CHECKING

from hooks.remote import RemoteHook

if TYPE_CHECKING:
    from skyledger.geostreams import Geostreams


class GeostreamsHook(RemoteHook):
    """Sensors, streams and datapoints: `get_conn()` gives skyledger's client.

    :param conn_id: Airflow connection of type `geostreams`: host, port, password (the API key), and in the extra
        `key_in` (`header` or `query`), `path_prefix` and TLS options.
    """

    conn_name_attr = "geostreams_conn_id"
    default_conn_name = "weather_geostreams"
    conn_type = "geostreams"
    hook_name = "GeoStreams"

    def get_conn(self) -> "Geostreams":
        """Make the client; nothing is sent before the first question."""
        from skyledger.geostreams import Geostreams

        return Geostreams(self.resolve())

    def ask(self) -> str:
        """Search for a sensor: proves the address, and the key where reading needs one."""
        return self.get_conn().ping()
