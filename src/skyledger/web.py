"""What clients of web services share: addresses, certificates, errors of the right kind, secrets masked in messages."""

import ssl
from collections.abc import Sequence

from skyledger.connections import Connection
from skyledger.errors import ConfigError, SkyledgerError, SourceError, SourceUnavailable

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0  # without a single byte


def base_url(connection: Connection, http_port: int) -> str:
    """Scheme, host, port and path prefix of a service, whose port without TLS is `http_port` unless stated."""
    scheme = connection.extra.get("scheme") or "https"
    if scheme not in ("http", "https"):
        raise ConfigError(
            f"connection {connection.conn_id!r}: scheme is {scheme!r}, expected 'http' or 'https'"
        )
    port = connection.port or (443 if scheme == "https" else http_port)
    prefix = (connection.extra.get("path_prefix") or "").strip("/")
    return f"{scheme}://{connection.host}:{port}" + (f"/{prefix}" if prefix else "")


def verify_tls(connection: Connection) -> bool:
    """Whether the server's certificate is checked."""
    verify = connection.extra.get("verify_tls", True)
    return verify if isinstance(verify, bool) else str(verify).lower() not in ("false", "0", "no")


def broken_off(what: str, error: BaseException) -> SkyledgerError:
    """Error for an exchange that broke off: waiting heals it, unless nobody vouches for the server."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, ssl.SSLCertVerificationError):
            return SourceError(
                f"{what}: {link.verify_message or link}: its certificate is not trusted "
                "(name the authority that signed it in the extra field ca_file of the connection)"
            )
        link = getattr(link, "reason", None) or link.__cause__ or link.__context__
        link = link if isinstance(link, BaseException) else None
    return SourceUnavailable(f"{what}: {_cause(error)}")


def _cause(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return f"{type(reason or error).__name__}: {reason or error}"


def kind_of(status: int) -> type[SkyledgerError]:
    """Which error an HTTP status is."""
    return SourceUnavailable if status in (408, 429) or status >= 500 else SourceError


def masked(said: bytes | str, secrets: Sequence[str]) -> str:
    """What a server said, as text without the secrets: it may quote our request."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
