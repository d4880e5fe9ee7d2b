"""Who may ask the data centre: signatures of requests, the clock, and nonces that were seen."""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from sandbox.iagos.exchange import RefusedError

if TYPE_CHECKING:
    from sandbox.iagos.exchange import Request

WINDOW_S = 300.0
NONCE_KEPT_S = 600.0
SCHEME = "IAGOS-HMAC-SHA256 "


class Access:
    """Checks requests. credentials: passphrases by name, looked up anew each time; now: the server's clock."""

    def __init__(self, credentials: Mapping[str, str], now: Callable[[], datetime]) -> None:
        self._credentials = credentials
        self._now = now
        self._seen: dict[tuple[str, str], float] = {}

    def check(self, request: "Request") -> None:
        """Raises RefusedError (401) unless the request is signed by somebody known, now, and for the first time."""
        headers = request.handler.headers
        if headers.get("X-Token"):
            self._check_clock(timestamp := headers.get("X-Timestamp", ""))
            tokens = [
                hashlib.sha256((secret + timestamp).encode()).hexdigest()
                for secret in self._credentials.values()
            ]
            if not any(hmac.compare_digest(headers["X-Token"], token) for token in tokens):
                raise RefusedError(401, "bad_signature", "the token is not right")
            return
        given = headers.get("Authorization", "")
        fields = dict(re.findall(r"(\w+)=([^,\s]+)", given.removeprefix(SCHEME)))
        if not given.startswith(SCHEME) or fields.keys() != {"Credential", "Timestamp", "Nonce", "Signature"}:
            raise RefusedError(401, "bad_signature", "the Authorization header is not as agreed")
        name, timestamp, nonce = fields["Credential"], fields["Timestamp"], fields["Nonce"]
        secret = self._credentials.get(name)
        if secret is None:
            raise RefusedError(401, "unknown_credential", f"credential {name!r} is not known")
        if not re.fullmatch(r"[0-9a-f]{16,64}", nonce):
            raise RefusedError(401, "bad_signature", "a nonce has 16 to 64 hex digits")
        canonical = "\n".join(
            [
                request.method,
                request.address,
                _sorted(request.raw_query),
                timestamp,
                nonce,
                hashlib.sha256(request.body).hexdigest(),
            ]
        )
        right = hmac.new(secret.encode(), canonical.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(fields["Signature"], right):
            raise RefusedError(401, "bad_signature", "the signature is not right")
        self._check_clock(timestamp)
        now = self._now().timestamp()
        self._seen = {key: at for key, at in self._seen.items() if now - at <= NONCE_KEPT_S}
        if (name, nonce) in self._seen:
            raise RefusedError(401, "replay", "this nonce was seen before")
        self._seen[name, nonce] = now

    def _check_clock(self, timestamp: str) -> None:
        try:
            moment = datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError as error:
            raise RefusedError(401, "bad_signature", f"timestamp {timestamp!r} is none") from error
        late_s = (self._now() - moment).total_seconds()
        if abs(late_s) > WINDOW_S:
            code = "expired" if late_s > 0 else "clock_skew"
            raise RefusedError(401, code, f"the timestamp is {abs(late_s):.0f} s off the server's clock")


def _sorted(query: str) -> str:
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
