"""InfluxDB 1.x: InfluxQL over HTTP, answered in chunked JSON.

One document per line, CHUNK_POINTS points at most, so memory stays bounded whatever the window.
"""

import io
import itertools
import logging
import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import urllib3

from skyledger.connections import Connection
from skyledger.errors import ConfigError, SourceError, SourceUnavailable
from skyledger.influx.common import (
    HTTP_PORT,
    INVENTORY_SCHEMA,
    Points,
    day_keys,
    fingerprint,
    kind_of_refusal,
    midnight_s,
    pattern,
    refuse_short,
    secrets_of,
)
from skyledger.mapping import Source
from skyledger.web import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    base_url,
    broken_off,
    kind_of,
    masked,
    verify_tls,
)

log = logging.getLogger(__name__)

CHUNK_POINTS = 10_000
READ_BYTES = 256 * 1024


class _Series(msgspec.Struct):
    values: list[list[Any]] = []
    tags: dict[str, str] = {}


class _Result(msgspec.Struct):
    series: list[_Series] = []
    partial: bool = False
    error: str = ""


class _Answer(msgspec.Struct):
    results: list[_Result] = []
    error: str = ""


_answers = msgspec.json.Decoder(_Answer)


class InfluxV1:
    """InfluxQL over HTTP, also behind a path prefix such as a Grafana data-source proxy."""

    def __init__(self, connection: Connection) -> None:
        if not connection.schema:
            raise ConfigError(f"connection {connection.conn_id!r} names no database: fill in its schema")
        self._conn_id = connection.conn_id
        self._database = connection.schema
        self._url = f"{base_url(connection, HTTP_PORT)}/query"
        read_timeout_s = float(connection.extra.get("timeout_s") or READ_TIMEOUT_S)
        self._http = urllib3.PoolManager(
            # a broken connection is tried again at once; anything slower is left to the task's retry
            retries=urllib3.Retry(connect=2, read=0, status=0, redirect=0, other=0, backoff_factor=0.2),
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=read_timeout_s),
            cert_reqs="CERT_REQUIRED" if verify_tls(connection) else "CERT_NONE",
            ca_certs=connection.extra.get("ca_file") or None,
        )
        # gzip pays on a real line, and costs more than it saves on the same machine
        self._headers = urllib3.make_headers(accept_encoding=self._url.startswith("https"))
        self._headers["Accept"] = "application/json"
        token = connection.extra.get("token")
        if token:
            self._headers["Authorization"] = f"{connection.extra.get('token_scheme') or 'Bearer'} {token}"
        elif connection.login:
            credentials = f"{connection.login}:{connection.password or ''}"
            self._headers.update(urllib3.make_headers(basic_auth=credentials))
        self._secrets = secrets_of(connection)

    def ping(self) -> str:
        """Ask for the measurements of the database: proves address, credentials and database in one."""
        count = sum(
            len(series.values) for series in self._series("SHOW MEASUREMENTS ON " + _name(self._database))
        )
        return f"InfluxDB answers at {self._url}: database {self._database!r} has {count} measurement(s)"

    def inventory(
        self,
        source: Source,
        quantities: Sequence[str],
        members: Sequence[str],
        first_day: date,
        last_day: date,
    ) -> pa.Table:
        """See TelegramSource."""
        columns: dict[str, list[Any]] = {name: [] for name in INVENTORY_SCHEMA.names}
        statement = (
            f"SELECT count(value), sum(value) FROM {_name(source.measurement)} "  # noqa: S608 - escaped
            f"WHERE {_one_of(source.member_tag, members)} AND {_conditions(source, quantities)} "
            f"AND {_window(first_day, last_day)} GROUP BY time(1d), {_name(source.member_tag)} fill(none)"
        )
        for series in self._series(statement):
            times, counts, sums = zip(*series.values, strict=True)
            columns["member"] += [series.tags[source.member_tag]] * len(times)
            columns["partition_key"] += day_keys(times)
            columns["source_rows"] += counts
            columns["source_digest"] += map(fingerprint, sums)
        return pa.table(columns, schema=INVENTORY_SCHEMA)

    def quantities(self, source: Source, members: Sequence[str]) -> dict[str, set[str]]:
        """See TelegramSource."""
        statement = (
            f"SHOW SERIES ON {_name(self._database)} FROM {_name(source.measurement)} "
            f"WHERE {_one_of(source.member_tag, members)} AND {_exclusions(source)}"
        )
        found: dict[str, set[str]] = {}
        for series in self._series(statement):
            for (key,) in series.values:
                tags = dict(_tag_pairs(key))
                found.setdefault(tags.get(source.member_tag, ""), set()).add(
                    tags.get(source.quantity_tag, "")
                )
        return found

    def read(
        self, source: Source, quantities: Sequence[str], member: str, first_day: date, last_day: date
    ) -> Points:
        """See TelegramSource."""
        counted = self._count(source, quantities, member, first_day, last_day)
        statement = select_points("value", source, quantities, member, first_day, last_day)
        codes: dict[str, int] = {}
        blocks = [np.empty((0, 2))]
        indices = [np.empty(0, dtype=np.int64)]
        for series in self._series(statement):
            flat = itertools.chain.from_iterable(series.values)
            blocks.append(np.fromiter(flat, np.float64, 2 * len(series.values)).reshape(-1, 2))
            code = codes.setdefault(series.tags[source.quantity_tag], len(codes))
            indices.append(np.full(len(series.values), code, dtype=np.int64))
        points = np.concatenate(blocks)
        refuse_short(self._conn_id, member, len(points), counted)
        return Points(
            quantities=tuple(codes),
            time_s=points[:, 0].astype(np.int64),
            quantity=np.concatenate(indices),
            value=np.ascontiguousarray(points[:, 1]),
        )

    def _count(
        self, source: Source, quantities: Sequence[str], member: str, first_day: date, last_day: date
    ) -> int:
        statement = select_points("count(value)", source, quantities, member, first_day, last_day)
        return sum(count for series in self._series(statement) for _, count in series.values)

    def _series(self, statement: str) -> Iterator[_Series]:
        """Run one statement; yield the series of its answer, chunk by chunk."""
        answered = partial = False
        for line in self._lines(statement):
            try:
                answer = _answers.decode(line)
            except msgspec.DecodeError as error:
                if not answered and (isinstance(error, msgspec.ValidationError) or line[:1] != b"{"):
                    raise self._not_influx(line) from error
                raise SourceUnavailable(
                    f"{self._conn_id}: the answer breaks off: {error}, in {self._shown(line, 80)!r}"
                ) from error
            if not (answer.results or answer.error):
                raise self._not_influx(line)  # InfluxDB says even "nothing found" with a result
            answered = True
            self._refuse_error(answer.error)
            for result in answer.results:
                self._refuse_error(result.error)
                partial = result.partial
                yield from result.series
        if not answered:
            raise SourceUnavailable(f"{self._conn_id}: the answer is empty")
        if partial:
            raise SourceUnavailable(f"{self._conn_id}: the answer ends although more was announced")

    def _lines(self, statement: str) -> Iterator[bytes]:
        fields = {
            "db": self._database,
            "epoch": "s",
            "chunked": "true",
            "chunk_size": str(CHUNK_POINTS),
            "q": statement,
        }
        log.debug("%s: %s", self._conn_id, statement)
        try:
            response = self._http.request(
                "GET", self._url, fields=fields, headers=self._headers, preload_content=False, redirect=False
            )
            try:
                if response.status != 200:
                    raise self._status_error(response)
                # the reader wants to see the end of the stream itself
                response.auto_close = False  # type: ignore[attr-defined]
                yield from io.BufferedReader(response, READ_BYTES)
            finally:
                response.close()  # after a full read the connection is back in its pool already
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise broken_off(f"{self._conn_id}: InfluxDB at {self._url}", error) from error

    def _shown(self, said: bytes | str, length: int = 500) -> str:
        """What the server said, for a message. A server may quote our request: secrets are masked."""
        return masked(said, self._secrets)[:length].strip()

    def _not_influx(self, line: bytes) -> SourceError:
        return SourceError(
            f"{self._conn_id}: this is not InfluxDB's answer: {self._shown(line, 80)!r} "
            "(check host, path prefix and token of the connection: is it a login page?)"
        )

    def _status_error(self, response: urllib3.BaseHTTPResponse) -> Exception:
        text = self._shown(response.read(10_000))
        message = f"{self._conn_id}: InfluxDB answered HTTP {response.status}: {text}"
        if response.status in (401, 403):
            return SourceError(f"{message} (check token or login and password of the connection)")
        return kind_of(response.status)(message)

    def _refuse_error(self, text: str) -> None:
        if text:
            raise kind_of_refusal(text)(f"{self._conn_id}: InfluxDB refused the query: {self._shown(text)}")


def select_points(
    what: str, source: Source, quantities: Sequence[str], member: str, first_day: date, last_day: date
) -> str:
    """InfluxQL for `what` (value or count(value)) of one member between two days, both included."""
    return (
        f"SELECT {what} FROM {_name(source.measurement)} "  # noqa: S608 - escaped
        f"WHERE {_name(source.member_tag)} = {_text(member)} AND {_conditions(source, quantities)} "
        f"AND {_window(first_day, last_day)} GROUP BY {_name(source.quantity_tag)}"
    )


# InfluxQL has no bound parameters for names and patterns: everything is quoted here.


def _name(identifier: str) -> str:
    return '"' + identifier.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _one_of(tag: str, values: Sequence[str]) -> str:
    """Anchored, escaped alternatives: 445 matches neither 1445 nor 4450."""
    alternatives = "|".join(re.escape(value) for value in values)
    return f"{_name(tag)} =~ {pattern(f'^({alternatives})$')}"


def _exclusions(source: Source) -> str:
    return " AND ".join(f"{_name(tag)} !~ {pattern(text)}" for tag, text in source.exclude.items()) or "true"


def _conditions(source: Source, quantities: Sequence[str]) -> str:
    wanted = _one_of(source.quantity_tag, quantities)
    return f"{wanted} AND {_exclusions(source)}" if source.exclude else wanted


def _window(first_day: date, last_day: date) -> str:
    return f"time >= {midnight_s(first_day)}s AND time < {midnight_s(last_day + timedelta(days=1))}s"


def _tag_pairs(series_key: str) -> Iterator[tuple[str, str]]:
    """Split a series key (`measurement,tag=value,...`); backslashes escape commas, spaces, equal signs."""
    for part in re.split(r"(?<!\\),", series_key)[1:]:
        tag, _, value = part.partition("=")
        yield re.sub(r"\\([,= ])", r"\1", tag), re.sub(r"\\([,= ])", r"\1", value)
