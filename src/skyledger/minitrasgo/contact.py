"""Whether the stations answer and since when not, and which of their files wait."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

import pyarrow as pa

from skyledger.errors import SourceError, SourceUnavailable
from skyledger.minitrasgo.choose import Left, Seen
from skyledger.minitrasgo.content import LONGEST_MESSAGE
from skyledger.minitrasgo.registry import naive, statement, with_zone
from skyledger.warehouse import Session

LONGEST_REASON = 500  # characters


class Contact(NamedTuple):
    """A source of a station, as the last runs met it. Times are UTC."""

    station: str
    source: str
    last_ok: datetime | None
    failing_since: datetime | None  # None: it answers
    message: str | None
    waiting: int  # files listed and not taken
    waiting_since: datetime | None


def contacts(session: Session) -> list[Contact]:
    """All sources that were ever asked, by station."""
    return [Contact(*with_zone(row)) for row in session.query(statement("contacts"))]


class Source(NamedTuple):
    """The source of a station in the tables."""

    session: Session
    station: str
    source: str  # station or archive
    now: datetime

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Note it when the source fails in the block. Raises the same kind of error, with the time since when."""
        try:
            yield
        except (SourceUnavailable, SourceError) as error:
            self._note(message=str(error)[:LONGEST_MESSAGE])
            known = next(c for c in contacts(self.session) if (c.station, c.source) == self[1:3])
            since = f"{known.failing_since:%Y-%m-%d %H:%M} UTC"
            raise type(error)(
                f"{self.station}: no files from its {self.source} since {since}: {error}"
            ) from error

    def answered(self, files: int) -> None:
        """It listed so many files."""
        self._note(files_listed=files)

    def _note(self, message: str | None = None, files_listed: int | None = None) -> None:
        values = self._key() | {"now": naive(self.now), "message": message, "files_listed": files_listed}
        self.session.commit(lambda: self.session.execute(statement("note_contact"), values))

    def seen(self) -> dict[str, Seen]:
        """Files that were listed before and not taken, by name."""
        rows = self.session.query(statement("waiting_files"), self._key())
        return {name: Seen(*values) for name, *values in rows}

    def note_waiting(self, left: Sequence[Left]) -> None:
        """These, and no others, are listed and not taken."""
        rows = pa.table(
            {
                "name": [entry.name for entry, _ in left],
                "bytes": pa.array([entry.size for entry, _ in left], pa.int64()),
                "modified_utc": [
                    str(datetime.fromtimestamp(entry.modified_us // 1_000_000, UTC).replace(tzinfo=None))
                    for entry, _ in left
                ],
                "reason": [reason[:LONGEST_REASON] for _, reason in left],
            }
        )
        columns = (
            "name VARCHAR(200) NOT NULL PRIMARY KEY",
            "bytes BIGINT UNSIGNED NOT NULL",
            "modified_utc DATETIME NOT NULL",
            f"reason VARCHAR({LONGEST_REASON}) NOT NULL",
        )
        self.session.stage("waiting", columns, rows)
        values = self._key() | {"now": naive(self.now)}

        def write() -> None:
            for name in ("forget_waiting", "note_waiting"):
                self.session.execute(statement(name), values)

        self.session.commit(write)

    def taken(self, names: Collection[str]) -> None:
        """These wait no more."""
        sql = "DELETE FROM source_file WHERE station = %s AND source = %s AND name IN %s"
        if names:
            self.session.commit(lambda: self.session.execute(sql, (self.station, self.source, tuple(names))))

    def _key(self) -> dict[str, str]:
        return {"station": self.station, "source": self.source}
