"""The database of one network (MariaDB or MySQL)."""

from typing import TYPE_CHECKING

from hooks.remote import RemoteHook

if TYPE_CHECKING:
    from skyledger.warehouse import Warehouse


class WarehouseHook(RemoteHook):
    """Tables and ledger of a network: `get_conn()` gives skyledger's warehouse.

    :param conn_id: Airflow connection of type `mariadb`: host, port, login, password, schema (the
        database), and in the extra `unix_socket` or `ssl_ca`.
    """

    conn_name_attr = "db_conn_id"
    default_conn_name = "carbosense_db"
    conn_type = "mariadb"
    hook_name = "MariaDB warehouse"

    def get_conn(self) -> "Warehouse":
        """Make the warehouse; connections open when work begins."""
        from skyledger.warehouse import Warehouse  # pyarrow: not while DAG files are parsed

        return Warehouse(self.resolve())

    def ask(self) -> str:
        """Ask for server version and user."""
        with self.get_conn().session() as session:
            version, user = session.query("SELECT VERSION(), CURRENT_USER()")[0]
        return f"{version} as {user}"
