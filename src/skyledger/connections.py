"""Where the remote systems are: host, port, login, password, extras.

Inside Airflow a hook makes a `Connection` from Airflow's own; on the command line it is read from
the same environment variables that Airflow reads (`AIRFLOW_CONN_<ID>`, JSON or URI), so that a
deployment states each address once.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from skyledger.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Connection:
    """Address and credentials of one remote system. Secrets are left out of its repr.

    `schema` is the database (as in Airflow's form); `extra` holds the options of the kind of system.
    """

    conn_id: str
    conn_type: str
    host: str
    port: int | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


def from_environment(conn_id: str, environ: Mapping[str, str] = os.environ) -> Connection:
    """Read connection `conn_id` from `AIRFLOW_CONN_<CONN_ID>`.

    Raises ConfigError (without the value: it holds a password) when it is absent or malformed.
    """
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    text = environ.get(variable)
    if not text:
        raise ConfigError(
            f"connection {conn_id!r} is not defined: set {variable} (JSON as in .env.example, or a URI)"
        )
    try:
        return _from_json(conn_id, text) if text.lstrip().startswith("{") else _from_uri(conn_id, text)
    except (ValueError, TypeError, AttributeError):
        # `from None`: the cause quotes the text, and the text holds the password
        raise ConfigError(
            f"{variable} is not a valid connection: expected JSON "
            '{"conn_type": ..., "host": ..., "login": ..., "password": ..., "schema": ..., "extra": {...}} '
            "or a URI type://login:password@host:port/schema"
        ) from None


def to_environment(connection: Connection) -> tuple[str, str]:
    """Name and value of the environment variable that states a connection: the reverse of from_environment."""
    fields = ("conn_type", "host", "port", "login", "password", "schema")
    value = {name: getattr(connection, name) for name in fields} | {"extra": dict(connection.extra)}
    return f"AIRFLOW_CONN_{connection.conn_id.upper()}", json.dumps(value)


def _from_json(conn_id: str, text: str) -> Connection:
    fields = json.loads(text)
    extra = fields.get("extra") or {}
    if isinstance(extra, str):
        extra = json.loads(extra)
    port = fields.get("port")
    return Connection(
        conn_id=conn_id,
        conn_type=fields.get("conn_type", ""),
        host=fields.get("host") or "",
        port=int(port) if port is not None else None,
        login=fields.get("login"),
        password=fields.get("password"),
        schema=fields.get("schema"),
        extra=dict(extra),
    )


def _from_uri(conn_id: str, text: str) -> Connection:
    parts = urlsplit(text)
    if not parts.scheme or not parts.hostname:
        raise ValueError
    return Connection(
        conn_id=conn_id,
        conn_type=parts.scheme,
        host=unquote(parts.hostname),
        port=parts.port,
        login=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        schema=unquote(parts.path.lstrip("/")) or None,
        extra=dict(parse_qsl(parts.query)),
    )
