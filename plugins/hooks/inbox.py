"""Where files arrive: a local folder, or one of a station over SFTP (Airflow's connection type `sftp` or `ssh`).

Airflow's own SFTP hooks are not used: they also take keys, known hosts and proxies from files of the user that runs
the worker, can be told to skip the host key, and sync and async ones differ in what they take. Ours does for tasks,
for the watcher and for the command line what the connection says, and nothing else. Its extra needs `host_key`, and
`key_file` or `private_key` unless there is a password; a machine behind a gateway names its connection in `jump`.
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from airflow.sdk import BaseHook

from hooks.remote import as_ours
from skyledger import config
from skyledger.connections import Connection

if TYPE_CHECKING:
    from skyledger.inbox import Inbox, Listing


class Place(Protocol):
    """What a station's configuration says of its inbox."""

    @property
    def connection(self) -> str | None: ...
    @property
    def path(self) -> str: ...


def open_inbox(place: Place) -> "AbstractContextManager[Inbox]":
    """Open an inbox for reading, in a task. Without a connection it is a folder of this machine."""
    from skyledger import inbox  # asyncssh: not while DAG files are parsed

    found, jump = with_gateway(place.connection) if place.connection else (None, None)
    return inbox.open_inbox(found, place.path, config.DATA_ROOT, jump=jump)


def with_gateway(conn_id: str) -> tuple[Connection, Connection | None]:
    """Look up a connection over SSH, and that of the gateway which it names, if any."""
    from skyledger.ssh import gateway_id

    found = as_ours(conn_id, BaseHook.get_connection(conn_id))
    gateway = gateway_id(found)
    return found, as_ours(gateway, BaseHook.get_connection(gateway)) if gateway else None


async def list_inbox(conn_id: str | None, path: str, pattern: str, subfolders: bool) -> "Listing":
    """Open an inbox, list it and close it, in a trigger. Arguments as in `open_inbox`."""
    from skyledger import inbox
    from skyledger.ssh import gateway_id

    found = jump = None
    if conn_id:
        found = as_ours(conn_id, await BaseHook.aget_connection(conn_id))
        if gateway := gateway_id(found):
            jump = as_ours(gateway, await BaseHook.aget_connection(gateway))
    return await inbox.list_inbox(
        found, path, config.DATA_ROOT, pattern, jump=jump, depth=inbox.DEPTH if subfolders else 0
    )
