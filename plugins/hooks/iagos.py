"""The data centre of IAGOS: raw files of flights from it, products to it."""

from typing import TYPE_CHECKING

from hooks.remote import RemoteHook

if TYPE_CHECKING:
    from skyledger.iagos.transfer.client import IagosClient


class IagosHook(RemoteHook):
    """Files, acknowledgements and products: `get_conn()` gives skyledger's client.

    :param conn_id: Airflow connection of type `iagos`: host, port, login (name of the credential), password (its
        passphrase), and in the extra `token` (`hmac` or `sha256`), `path_prefix` and TLS options.
    """

    conn_name_attr = "iagos_conn_id"
    default_conn_name = "iagos_data_centre"
    conn_type = "iagos"
    hook_name = "IAGOS data centre"

    def get_conn(self) -> "IagosClient":
        """Make the client; nothing is sent before the first question."""
        from skyledger.iagos.transfer.client import IagosClient  # not while DAG files are parsed

        return IagosClient(self.resolve())

    def ask(self) -> str:
        """List one file: proves address, clock and credential."""
        return self.get_conn().ping()
