"""What both readers of InfluxDB share: the answers they give, and which refusals waiting heals."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from skyledger.connections import Connection
from skyledger.errors import SkyledgerError, SourceError, SourceUnavailable
from skyledger.mapping import Source

HTTP_PORT = 8086  # where InfluxDB listens without TLS
SECONDS_PER_DAY = 86_400
FINGERPRINT_DIGITS = 12  # of the sum of a day's values: beyond the noise of summation order

INVENTORY_SCHEMA = pa.schema(
    [
        ("member", pa.string()),
        ("partition_key", pa.string()),
        ("source_rows", pa.int64()),
        ("source_digest", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one member, in no particular order.

    time_s: (n,) Unix seconds; quantity: (n,) index into `quantities`; value: (n,)
    """

    quantities: tuple[str, ...]
    time_s: NDArray[np.int64]
    quantity: NDArray[np.int64]
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.time_s)


class TelegramSource(Protocol):
    """What the ingest needs of a source of telegrams."""

    def ping(self) -> str:
        """Return a sentence about the server; raise SourceError or SourceUnavailable."""

    def inventory(
        self,
        source: Source,
        quantities: Sequence[str],
        members: Sequence[str],
        first_day: date,
        last_day: date,
    ) -> pa.Table:
        """Points per member and UTC day, both days included, as INVENTORY_SCHEMA; no row for an empty day."""

    def quantities(self, source: Source, members: Sequence[str]) -> dict[str, set[str]]:
        """Names of all quantities that the source has ever held, per member."""

    def read(
        self, source: Source, quantities: Sequence[str], member: str, first_day: date, last_day: date
    ) -> Points:
        """All points of one member from first_day 00:00:00 UTC to the end of last_day."""


def midnight_s(day: date) -> int:
    """Unix time of 00:00:00 UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def fingerprint(total: float) -> str:
    """Fingerprint of one day: the sum of all its values (the number of points is compared beside it)."""
    return f"{total:.{FINGERPRINT_DIGITS - 1}e}"


def day_keys(time_s: Sequence[float]) -> list[str]:
    days = np.asarray(time_s, dtype=np.int64) // SECONDS_PER_DAY
    return list(np.datetime_as_string(days.astype("datetime64[D]")))


def refuse_short(conn_id: str, member: str, read: int, counted: int) -> None:
    """Refuse an answer with fewer points than the source has just counted: it was cut off on the way."""
    if read < counted:
        raise SourceUnavailable(
            f"{conn_id}: unit {member}: the answer holds {read} points, the source counted {counted}: "
            "it was cut off, or points were deleted meanwhile. Rerun."
        )


def kind_of_refusal(text: str) -> type[SkyledgerError]:
    """Which error a query is that the server accepted and then gave up, from its words."""
    return SourceUnavailable if _PASSING.search(text) else SourceError


_PASSING = re.compile(r"time.?out|engine|busy|shut|interrupted|aborted|killed|max-concurrent|panic|cancel")


def secrets_of(connection: Connection) -> tuple[str, ...]:
    """Everything that may stand in for a password, as it travels."""
    basic = f"{connection.login}:{connection.password or ''}".encode()
    encoded = base64.b64encode(basic).decode() if connection.login else ""
    return tuple(filter(None, (connection.extra.get("token"), encoded, connection.password)))


def pattern(expression: str) -> str:
    """A regular expression as both query languages write it."""
    return "/" + expression.replace("/", "\\/") + "/"
