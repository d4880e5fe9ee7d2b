"""Signatures of requests to the data centre: the secret never travels, and a signature serves one request only.

Variant B (`hmac`) signs method, path, query, time, a nonce and the body with HMAC-SHA-256. Variant A (`sha256`) is the
literal reading of the original, a plain hash of passphrase and time: it is bound to no request, can be lengthened and
replayed, and is here only for servers that know nothing else.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

from skyledger.errors import FormatError

SCHEME = "IAGOS-HMAC-SHA256"
LONGEST_SKEW_S = 300  # between the clocks of client and server
NONCE_KEPT_S = 600  # for which a server remembers a nonce

_HEADER = re.compile(
    SCHEME + r" Credential=(?P<credential>[A-Za-z0-9._-]{1,64}), *"
    r"Timestamp=(?P<timestamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ), *"
    r"Nonce=(?P<nonce>[0-9a-f]{16,64}), *Signature=(?P<signature>[0-9a-f]{64})"
)

Query = Iterable[tuple[str, str]]  # names and values, decoded, in any order


class Authorization(NamedTuple):
    """What the header Authorization says."""

    credential: str  # names the passphrase
    timestamp: str
    nonce: str
    signature: str


def token_a(passphrase: str, timestamp: str) -> str:
    """Token of variant A: hex SHA-256 of passphrase and timestamp."""
    return hashlib.sha256((passphrase + timestamp).encode()).hexdigest()


def mac(passphrase: str, text: str) -> str:
    """Hex HMAC-SHA-256 of a text, keyed with the passphrase."""
    return hmac.new(passphrase.encode(), text.encode(), hashlib.sha256).hexdigest()


def query_text(query: Query) -> str:
    """A query as it is signed and sent: percent-encoded by RFC 3986, sorted by name and value."""
    return "&".join(f"{name}={value}" for name, value in sorted((_encoded(n), _encoded(v)) for n, v in query))


def canonical(method: str, path: str, query: Query, timestamp: str, nonce: str, body: bytes) -> str:
    """What is signed. `path` is that of the address, percent-encoded as it is sent."""
    digest = hashlib.sha256(body).hexdigest()
    return "\n".join((method.upper(), path, query_text(query), timestamp, nonce, digest))


def authorization(
    credential: str,
    passphrase: str,
    method: str,
    path: str,
    query: Query,
    body: bytes,
    *,
    timestamp: str,
    nonce: str,
) -> str:
    """The header Authorization of a request."""
    signature = mac(passphrase, canonical(method, path, query, timestamp, nonce, body))
    return f"{SCHEME} Credential={credential}, Timestamp={timestamp}, Nonce={nonce}, Signature={signature}"


def parse(header: str) -> Authorization:
    """Read the header Authorization. Raises FormatError, which does not quote it."""
    found = _HEADER.fullmatch(header.strip())
    if not found:
        raise FormatError(
            f"header Authorization: expected '{SCHEME} Credential=..., Timestamp=YYYY-MM-DDThh:mm:ssZ, "
            "Nonce=<16 to 64 hex digits>, Signature=<64 hex digits>'"
        )
    return Authorization(**found.groupdict())


def verify(said: Authorization, passphrase: str, method: str, path: str, query: Query, body: bytes) -> bool:
    """Whether a request was signed with this passphrase, in constant time. Time and nonce are the server's to judge."""
    expected = mac(passphrase, canonical(method, path, query, said.timestamp, said.nonce, body))
    return hmac.compare_digest(expected, said.signature)


def timestamp_text(moment: datetime) -> str:
    """A time as it is signed and sent: UTC to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _encoded(text: str) -> str:
    return quote(text, safe="")
