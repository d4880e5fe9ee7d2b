"""Who may ask the data centre: signatures of requests, the clock, and nonces that were seen."""

import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from sandbox.iagos.exchange import RefusedError
from skyledger.errors import FormatError
from skyledger.iagos.transfer.signature import LONGEST_SKEW_S, NONCE_KEPT_S, parse, token_a, verify

if TYPE_CHECKING:
    from sandbox.iagos.exchange import Request


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
            self._check_token(headers["X-Token"], headers.get("X-Timestamp", ""))
            return
        try:
            said = parse(headers.get("Authorization", ""))
        except FormatError as error:
            raise RefusedError(401, "bad_signature", str(error)) from error
        secret = self._credentials.get(said.credential)
        if secret is None:
            raise RefusedError(401, "unknown_credential", f"credential {said.credential!r} is not known")
        query = parse_qsl(request.raw_query, keep_blank_values=True)
        if not verify(said, secret, request.method, request.address, query, request.body):
            raise RefusedError(401, "bad_signature", "the signature is not right")
        self._check_clock(said.timestamp)
        now = self._now().timestamp()
        self._seen = {key: at for key, at in self._seen.items() if now - at <= NONCE_KEPT_S}
        if (said.credential, said.nonce) in self._seen:
            raise RefusedError(401, "replay", "this nonce was seen before")
        self._seen[said.credential, said.nonce] = now

    def _check_token(self, token: str, timestamp: str) -> None:
        right = [token_a(secret, timestamp) for secret in self._credentials.values()]
        if not any(hmac.compare_digest(token, one) for one in right):
            raise RefusedError(401, "bad_signature", "the token is not right")
        self._check_clock(timestamp)

    def _check_clock(self, timestamp: str) -> None:
        try:
            moment = datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError as error:
            raise RefusedError(401, "bad_signature", f"timestamp {timestamp!r} is none") from error
        late_s = (self._now() - moment).total_seconds()
        if abs(late_s) > LONGEST_SKEW_S:
            code = "expired" if late_s > 0 else "clock_skew"
            raise RefusedError(401, code, f"the timestamp is {abs(late_s):.0f} s off the server's clock")
