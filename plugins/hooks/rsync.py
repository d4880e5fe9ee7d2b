"""Files of another machine by rsync over ssh, or by SFTP where there is no rsync."""

from typing import TYPE_CHECKING, Protocol

from hooks.inbox import with_gateway
from hooks.remote import RemoteHook
from skyledger.connections import Connection

if TYPE_CHECKING:
    from skyledger.rsync import RemoteFolder


class Place(Protocol):
    """What a station's configuration says of a folder there."""

    @property
    def path(self) -> str: ...
    @property
    def pattern(self) -> str: ...
    @property
    def timeout_s(self) -> int: ...
    @property
    def bandwidth_kib_s(self) -> int | None: ...


class RsyncHook(RemoteHook):
    """A machine whose files are listed and copied: `folder(place)` gives skyledger's folder.

    :param conn_id: Airflow connection of type `ssh`: host, port, login, and in the extra `host_key` with `key_file` or
        `private_key`; `jump` names the connection of a gateway, `root` a folder below which all paths lie.
    """

    conn_name_attr = "ssh_conn_id"
    default_conn_name = "mingo01_ssh"
    conn_type = "ssh"
    hook_name = "SSH"

    def get_conn(self) -> tuple[Connection, Connection | None]:
        """Resolve the connection and its gateway's; nothing is sent."""
        return with_gateway(self.conn_id)

    def folder(self, place: Place) -> "RemoteFolder":
        """Make the folder; nothing is sent before the first question."""
        from skyledger.rsync import RemoteFolder  # asyncssh: not while DAG files are parsed

        return RemoteFolder(
            *self.get_conn(), place.path, place.pattern, place.timeout_s, place.bandwidth_kib_s
        )

    def ask(self) -> str:
        """Log in, and say whether there is rsync."""
        from skyledger.rsync import rsync_there

        connection, jump = self.get_conn()
        protocol = rsync_there(connection, jump, "/")
        by = f"rsync (protocol {protocol})" if protocol else "SFTP: there is no rsync for us"
        through = f" through {jump.conn_id}" if jump else ""
        return f"{connection.login} on {connection.host}{through}: files come by {by}"
