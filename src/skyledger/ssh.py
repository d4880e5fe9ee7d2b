"""SSH connections: what they must say, and clients that obey nothing else.

Host keys are always checked against the one that the connection states. No file of the user who runs us plays a part:
no keys, agent, known hosts or configuration. A machine behind a gateway names the gateway's connection in its extra
`jump`; the gateway's own host key is checked in the same way.

Extras: `host_key` (always), `key_file` or `private_key` with `private_key_passphrase` (else the password), `jump`, and
`root`: a folder of that machine below which the configured paths lie, for a mounted or played station.
"""

import errno
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import asyncssh

from skyledger.connections import Connection
from skyledger.errors import ConfigError, SourceError, SourceUnavailable

CONN_TYPES = ("ssh", "sftp")
CONNECT_TIMEOUT_S = 15.0
LOGIN_TIMEOUT_S = 30.0
KEEPALIVE_S = 15.0  # three unanswered ones, and the connection counts as lost
DEFAULT_PORT = 22
HOST_KEY_ALGORITHMS = (
    *("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    *("rsa-sha2-512", "rsa-sha2-256"),
)
ANOTHER_HOST_KEY = (
    "the machine that answers has another host key than the connection says. If the station was set up anew, compare"
    " the new key with the station's own and put it into the extra host_key"
)
LOGIN_REFUSED = "login refused; check login and key, and authorized_keys at the station"
NO_FORWARDING = "the gateway does not pass connections on; allow it there (AllowTcpForwarding)"

# Extras that we act on, and those of Airflow's own form that make no difference to us
_USED = frozenset(("host_key", "key_file", "private_key", "private_key_passphrase", "jump", "root"))
_HARMLESS = frozenset(("compress", "look_for_keys", "conn_timeout", "cmd_timeout", "timeout"))
_HOST = re.compile(r"[A-Za-z0-9_.:][A-Za-z0-9_.:-]*")
_LOGIN = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.@+-]*")


class VanishedError(SourceError):
    """There is nothing of this name."""


def gateway_id(connection: Connection) -> str | None:
    """Name of the connection to the gateway in front of a machine, if there is one."""
    return connection.extra.get("jump") or None


def path_there(connection: Connection, path: str) -> str:
    """Where a configured path lies on the machine."""
    root = connection.extra.get("root")
    return str(PurePosixPath(root, path.lstrip("/"))) if root else path


@asynccontextmanager
async def ssh_client(
    connection: Connection, jump: Connection | None = None
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """Log in, through the gateway if there is one.

    Raises ConfigError for a connection that is incomplete or would weaken the check, SourceError when the host is not
    the one with that key or does not let us in, SourceUnavailable when it does not answer.
    """
    _check_gateway(connection, jump)
    tunnel = None
    async with AsyncExitStack() as stack:
        for hop in (jump, connection):
            if hop is not None:
                options = _options(_checked(hop))
                with translated(f"{hop.conn_id} ({hop.host})"):
                    tunnel = await stack.enter_async_context(asyncssh.connect(**options, tunnel=tunnel))
        assert tunnel is not None  # noqa: S101 - for mypy: the second hop is always there
        yield tunnel


@asynccontextmanager
async def sftp_client(
    connection: Connection, jump: Connection | None = None
) -> AsyncIterator[asyncssh.SFTPClient]:
    """Log in and start SFTP. Errors as in `ssh_client`."""
    async with AsyncExitStack() as stack:
        ssh = await stack.enter_async_context(ssh_client(connection, jump))
        with translated(f"{connection.conn_id} ({connection.host})"):
            # a name that is no UTF-8 must not hide the others; it is refused later
            client = await stack.enter_async_context(ssh.start_sftp_client(path_errors="surrogateescape"))
        yield client


def why_no_system_client(connection: Connection, jump: Connection | None) -> str | None:
    """Why the system's `ssh` cannot log in unattended with these connections, if so. Raises ConfigError."""
    _check_gateway(connection, jump)
    for hop in (jump, connection):
        if hop is not None:
            checked = _checked(hop)
            if checked.key is None:
                return f"connection {hop.conn_id!r} has no key"
            if checked.has_passphrase:
                return f"the key of connection {hop.conn_id!r} has a passphrase"
    return None


def write_system_config(folder: Path, connection: Connection, jump: Connection | None) -> None:
    """Write what `ssh -F config station` needs, with `folder` as its working directory.

    `folder` must be empty and closed to others. A key from the connection itself is written there as well, so the
    folder has to be removed after use; a key file stays where it is. Raises ConfigError.
    """
    hops = {"station": connection} | ({"gateway": jump} if jump else {})
    blocks, known = [], []
    for name, hop in hops.items():
        checked, port = _checked(hop), hop.port or DEFAULT_PORT
        for what, value, form in (("host", hop.host, _HOST), ("login", hop.login or "", _LOGIN)):
            if not form.fullmatch(value):
                raise ConfigError(
                    f"connection {hop.conn_id!r}: {what} {value!r} cannot be given to ssh; expected {form.pattern}"
                )
        host = hop.host.lower() if port == DEFAULT_PORT else f"[{hop.host.lower()}]:{port}"
        known.append(f"{host} {checked.host_key.export_public_key().decode().strip()}")
        blocks.append(
            f"Host {name}\nHostName {hop.host}\nPort {port}\nUser {hop.login}\nIdentityFile {name}_key"
        )
        key = folder / f"{name}_key"
        if checked.key_file:
            key.symlink_to(checked.key_file)
        elif checked.key:
            _write_private(key, checked.key.export_private_key())
    if jump:
        blocks[0] += "\nProxyJump gateway"
        blocks[1] += "\nLogLevel INFO"  # else it does not say why it passes nothing on
    (folder / "known_hosts").write_text("\n".join(known) + "\n")
    (folder / "config").write_text("\n".join((*blocks, _SYSTEM_OPTIONS)))


# File names are relative: so no path has to be quoted
_SYSTEM_OPTIONS = f"""Host *
UserKnownHostsFile known_hosts
GlobalKnownHostsFile none
StrictHostKeyChecking yes
UpdateHostKeys no
IdentitiesOnly yes
IdentityAgent none
PreferredAuthentications publickey
BatchMode yes
ConnectTimeout {CONNECT_TIMEOUT_S:.0f}
ServerAliveInterval {KEEPALIVE_S:.0f}
ServerAliveCountMax 3
ClearAllForwardings yes
LogLevel ERROR
"""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn errors of the file system and of SSH into ours."""
    try:
        yield
    except (FileNotFoundError, asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
        raise VanishedError(f"{what}: does not exist; check the inbox's path, or make the folder") from error
    except (PermissionError, asyncssh.SFTPPermissionDenied) as error:
        raise SourceError(f"{what}: we may not read it; give our user the right") from error
    except asyncssh.HostKeyNotVerifiable as error:
        raise SourceError(f"{what}: {ANOTHER_HOST_KEY}") from error
    except asyncssh.PermissionDenied as error:
        raise SourceError(f"{what}: {LOGIN_REFUSED}") from error
    except (asyncssh.Error, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.ELOOP:
            raise VanishedError(f"{what}: is a symbolic link now") from error
        if (
            isinstance(error, asyncssh.ChannelOpenError)
            and error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED
        ):
            raise SourceError(f"{what}: {NO_FORWARDING}") from error
        why = str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
        raise SourceUnavailable(f"{what}: {why}") from error


@dataclass(frozen=True, slots=True)
class _Checked:
    """A connection that says all it must. `key_file` is where `key` came from, unless from the connection itself."""

    connection: Connection
    host_key: asyncssh.SSHKey
    key: asyncssh.SSHKey | None
    key_file: Path | None
    has_passphrase: bool


def _checked(connection: Connection) -> _Checked:
    extra = {k: v for k, v in connection.extra.items() if v not in (None, "", False, "false", "False")}
    where = f"connection {connection.conn_id!r}"
    if unknown := sorted(extra.keys() - _USED - _HARMLESS):
        raise ConfigError(
            f"{where}: extra {', '.join(unknown)} is not supported; expected {', '.join(sorted(_USED))}"
            " (host keys are always checked)"
        )
    if connection.conn_type not in CONN_TYPES:
        raise ConfigError(
            f"{where} is of type {connection.conn_type!r}; expected {' or '.join(map(repr, CONN_TYPES))}"
        )
    if not connection.host or not connection.login:
        raise ConfigError(f"{where}: expected a host and a login")
    if not PurePosixPath(extra.get("root", "/")).is_absolute():
        raise ConfigError(f"{where}: extra root is {extra['root']!r}; expected an absolute path")
    if len(str(extra.get("host_key", "")).split()) < 2:
        raise ConfigError(
            f"{where}: its extra lacks host_key; expected the line that `ssh-keyscan HOST` prints, without the host,"
            " such as 'ssh-ed25519 AAAA...', after comparing it with the station's own"
        )
    if "key_file" in extra and "private_key" in extra:
        raise ConfigError(f"{where}: extra has both key_file and private_key; expected one of them")
    passphrase = extra.get("private_key_passphrase")
    key = file = None
    try:
        host_key = asyncssh.import_public_key(" ".join(str(extra["host_key"]).split()[:2]))
        if "key_file" in extra:
            file = Path(extra["key_file"]).expanduser().absolute()
            key = asyncssh.read_private_key(file, passphrase)
        elif "private_key" in extra:
            key = asyncssh.import_private_key(str(extra["private_key"]), passphrase)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, OSError) as error:
        raise ConfigError(f"{where}: unusable key in its extra: {error}") from error
    return _Checked(connection, host_key, key, file, passphrase is not None)


def _check_gateway(connection: Connection, jump: Connection | None) -> None:
    wanted = gateway_id(connection)
    if wanted != (jump and jump.conn_id):
        raise ConfigError(
            f"connection {connection.conn_id!r}: its gateway (extra jump) is {wanted!r}, and "
            f"{jump.conn_id if jump else None!r} was given"
        )
    if jump and gateway_id(jump):
        raise ConfigError(f"connection {jump.conn_id!r}: a gateway behind a gateway is not supported")


def _options(checked: _Checked) -> dict[str, Any]:
    connection, host_key = checked.connection, checked.host_key
    return {
        "host": connection.host,
        "port": connection.port or DEFAULT_PORT,
        "username": connection.login,
        "password": connection.password,
        "known_hosts": ([host_key], [], []),
        # this kind of key first, then any other: so a stranger is told from a machine that hangs up
        "server_host_key_algs": sorted(
            HOST_KEY_ALGORITHMS, key=lambda name: name.encode() not in host_key.sig_algorithms
        ),
        "client_keys": [checked.key] if checked.key else None,
        "agent_path": None,
        "config": None,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "login_timeout": LOGIN_TIMEOUT_S,
        "keepalive_interval": KEEPALIVE_S,
    }


def _write_private(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
