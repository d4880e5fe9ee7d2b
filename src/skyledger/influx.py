"""Readers of InfluxDB 1.x (InfluxQL over HTTP) and 2.x (Flux): telegrams as arrays, days as an inventory.

Both readers answer the same two questions. `inventory`: how many points of which fingerprint does the
source hold per member and UTC day? `read`: which points of one member lie in a window? Version 1 has no
maintained client library, so its reader is ours; version 2 uses influxdb-client.

InfluxQL answers come as *chunked* JSON: one document per line, `chunk_size` points at most, so memory
stays bounded whatever the window. An answer that stops early, or holds fewer points than a count() of the
same window, is an error and never a short day.
"""

import base64
import io
import itertools
import json
import logging
import re
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

import msgspec
import numpy as np
import pyarrow as pa
import urllib3
from numpy.typing import NDArray

from skyledger.connections import Connection
from skyledger.errors import ConfigError, FormatError, SkyledgerError, SourceError, SourceUnavailable
from skyledger.mapping import Source

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0  # without a single byte
CHUNK_POINTS = 10_000
READ_BYTES = 256 * 1024
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


def open_source(connection: Connection) -> "InfluxV1 | InfluxV2":
    """Reader for a connection; its extra `api` says which (`v1`, the default, or `v2`)."""
    api = connection.extra.get("api") or "v1"
    if api == "v1":
        return InfluxV1(connection)
    if api == "v2":
        return InfluxV2(connection)
    raise ConfigError(f"connection {connection.conn_id!r}: api is {api!r}, expected 'v1' or 'v2'")


def midnight_s(day: date) -> int:
    """Unix time of 00:00:00 UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def fingerprint(total: float) -> str:
    """Fingerprint of one day: the sum of all its values (the number of points is compared beside it)."""
    return f"{total:.{FINGERPRINT_DIGITS - 1}e}"


def _days(time_s: Sequence[float]) -> list[str]:
    days = np.asarray(time_s, dtype=np.int64) // SECONDS_PER_DAY
    return list(np.datetime_as_string(days.astype("datetime64[D]")))


def _base_url(connection: Connection) -> str:
    scheme = connection.extra.get("scheme") or "https"
    if scheme not in ("http", "https"):
        raise ConfigError(
            f"connection {connection.conn_id!r}: scheme is {scheme!r}, expected 'http' or 'https'"
        )
    port = connection.port or (443 if scheme == "https" else 8086)
    prefix = (connection.extra.get("path_prefix") or "").strip("/")
    return f"{scheme}://{connection.host}:{port}" + (f"/{prefix}" if prefix else "")


def _verify_tls(connection: Connection) -> bool:
    verify = connection.extra.get("verify_tls", True)
    return verify if isinstance(verify, bool) else str(verify).lower() not in ("false", "0", "no")


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
        self._url = f"{_base_url(connection)}/query"
        read_timeout_s = float(connection.extra.get("timeout_s") or READ_TIMEOUT_S)
        self._http = urllib3.PoolManager(
            # a broken connection is tried again at once; anything slower is left to the task's retry
            retries=urllib3.Retry(connect=2, read=0, status=0, redirect=0, other=0, backoff_factor=0.2),
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=read_timeout_s),
            cert_reqs="CERT_REQUIRED" if _verify_tls(connection) else "CERT_NONE",
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
        self._secrets = _secrets(connection)

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
            columns["partition_key"] += _days(times)
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
        _refuse_short(self._conn_id, member, len(points), counted)
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
            raise _broken(f"{self._conn_id}: InfluxDB at {self._url}", error) from error

    def _shown(self, said: bytes | str, length: int = 500) -> str:
        """What the server said, for a message. A server may quote our request: secrets are masked."""
        return _masked(said, self._secrets)[:length].strip()

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
        return _kind_of(response.status)(message)

    def _refuse_error(self, text: str) -> None:
        if text:
            kind = SourceUnavailable if _PASSING_ERRORS.search(text) else SourceError
            raise kind(f"{self._conn_id}: InfluxDB refused the query: {self._shown(text)}")


_PASSING_ERRORS = re.compile(r"time.?out|engine|busy|shut|interrupted|aborted|killed|max-concurrent")


def select_points(
    what: str, source: Source, quantities: Sequence[str], member: str, first_day: date, last_day: date
) -> str:
    """InfluxQL for `what` (value or count(value)) of one member between two days, both included."""
    return (
        f"SELECT {what} FROM {_name(source.measurement)} "  # noqa: S608 - escaped
        f"WHERE {_name(source.member_tag)} = {_text(member)} AND {_conditions(source, quantities)} "
        f"AND {_window(first_day, last_day)} GROUP BY {_name(source.quantity_tag)}"
    )


def _cause(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return f"{type(reason or error).__name__}: {reason or error}"


def _broken(what: str, error: BaseException) -> SkyledgerError:
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


def _refuse_short(conn_id: str, member: str, read: int, counted: int) -> None:
    """Refuse an answer with fewer points than the source has just counted: it was cut off on the way."""
    if read < counted:
        raise SourceUnavailable(
            f"{conn_id}: unit {member}: the answer holds {read} points, the source counted {counted}: "
            "it was cut off, or points were deleted meanwhile. Rerun."
        )


def _kind_of(status: int) -> type[SkyledgerError]:
    return SourceUnavailable if status in (408, 429) or status >= 500 else SourceError


def _secrets(connection: Connection) -> tuple[str, ...]:
    """Everything that may stand in for a password, as it travels."""
    basic = f"{connection.login}:{connection.password or ''}".encode()
    encoded = base64.b64encode(basic).decode() if connection.login else ""
    return tuple(filter(None, (connection.extra.get("token"), encoded, connection.password)))


def _masked(said: bytes | str, secrets: Sequence[str]) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


# InfluxQL has no bound parameters for names and patterns: everything is quoted here.


def _name(identifier: str) -> str:
    return '"' + identifier.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _pattern(expression: str) -> str:
    return "/" + expression.replace("/", "\\/") + "/"


def _one_of(tag: str, values: Sequence[str]) -> str:
    """Anchored, escaped alternatives: 445 matches neither 1445 nor 4450."""
    alternatives = "|".join(re.escape(value) for value in values)
    return f"{_name(tag)} =~ {_pattern(f'^({alternatives})$')}"


def _exclusions(source: Source) -> str:
    return " AND ".join(f"{_name(tag)} !~ {_pattern(text)}" for tag, text in source.exclude.items()) or "true"


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


class InfluxV2:
    """Flux over the official client, for a source that has moved to InfluxDB 2."""

    def __init__(self, connection: Connection) -> None:
        from influxdb_client.client.influxdb_client import InfluxDBClient

        bucket = connection.extra.get("bucket") or connection.schema
        if not bucket:
            raise ConfigError(
                f"connection {connection.conn_id!r} names no bucket: fill in the extra field bucket"
            )
        self._conn_id = connection.conn_id
        self._bucket = bucket
        self._client = InfluxDBClient(
            url=_base_url(connection),
            token=connection.extra.get("token") or connection.password or "",
            org=connection.extra.get("org") or "",
            timeout=int(1000 * float(connection.extra.get("timeout_s") or READ_TIMEOUT_S)),
            verify_ssl=_verify_tls(connection),
            ssl_ca_cert=connection.extra.get("ca_file") or None,
            enable_gzip=True,
        )

    def ping(self) -> str:
        """Ask for one measurement of the bucket: proves address, token and bucket in one."""
        flux = f'import "influxdata/influxdb/schema" schema.measurements(bucket: {_flux(self._bucket)})'
        count = sum(1 for _ in self._rows(flux))
        return f"InfluxDB 2 answers: bucket {self._bucket!r} has {count} measurement(s)"

    def inventory(
        self,
        source: Source,
        quantities: Sequence[str],
        members: Sequence[str],
        first_day: date,
        last_day: date,
    ) -> pa.Table:
        """See TelegramSource."""
        data = self._data(source, quantities, members, first_day, last_day)
        group = f"group(columns: [{_flux(source.member_tag)}])"
        window = 'aggregateWindow(every: 1d, fn: {}, createEmpty: false, timeSrc: "_start")'
        found: dict[tuple[str, str], dict[str, float]] = {}
        for name in ("count", "sum"):
            for row in self._rows(f"{data} |> {group} |> {window.format(name)}"):
                key = (row[source.member_tag], row["_time"].astimezone(UTC).date().isoformat())
                found.setdefault(key, {})[name] = row["_value"]
        return pa.table(
            {
                "member": [member for member, _ in found],
                "partition_key": [day for _, day in found],
                "source_rows": [int(values["count"]) for values in found.values()],
                "source_digest": [fingerprint(values["sum"]) for values in found.values()],
            },
            schema=INVENTORY_SCHEMA,
        )

    def quantities(self, source: Source, members: Sequence[str]) -> dict[str, set[str]]:
        """See TelegramSource."""
        found: dict[str, set[str]] = {}
        for member in members:
            rows = self._rows(
                'import "influxdata/influxdb/schema" '
                f"schema.tagValues(bucket: {_flux(self._bucket)}, tag: {_flux(source.quantity_tag)}, "
                f"predicate: (r) => r[{_flux(source.member_tag)}] == {_flux(member)}, start: 0)"
            )
            found[member] = {row["_value"] for row in rows}
        return found

    def read(
        self, source: Source, quantities: Sequence[str], member: str, first_day: date, last_day: date
    ) -> Points:
        """See TelegramSource."""
        keep = f'keep(columns: ["_time", "_value", {_flux(source.quantity_tag)}])'
        data = self._data(source, quantities, [member], first_day, last_day)
        counted = sum(int(row["_value"]) for row in self._rows(f"{data} |> group() |> count()"))
        codes: dict[str, int] = {}
        times: list[int] = []
        indices: list[int] = []
        values: list[float] = []
        for row in self._rows(f"{data} |> group() |> {keep}"):
            times.append(int(row["_time"].timestamp()))
            indices.append(codes.setdefault(row[source.quantity_tag], len(codes)))
            values.append(row["_value"])
        _refuse_short(self._conn_id, member, len(times), counted)
        return Points(
            quantities=tuple(codes),
            time_s=np.array(times, dtype=np.int64),
            quantity=np.array(indices, dtype=np.int64),
            value=np.array(values, dtype=np.float64),
        )

    def _data(
        self,
        source: Source,
        quantities: Sequence[str],
        members: Sequence[str],
        first_day: date,
        last_day: date,
    ) -> str:
        stop = last_day + timedelta(days=1)
        excluded = "".join(
            f" and (not exists r[{_flux(tag)}] or r[{_flux(tag)}] !~ {_pattern(text)})"
            for tag, text in source.exclude.items()
        )
        return (
            f"from(bucket: {_flux(self._bucket)}) "
            f"|> range(start: {first_day.isoformat()}T00:00:00Z, stop: {stop.isoformat()}T00:00:00Z) "
            f'|> filter(fn: (r) => r._measurement == {_flux(source.measurement)} and r._field == "value" '
            f"and contains(value: r[{_flux(source.member_tag)}], set: [{', '.join(map(_flux, members))}]) "
            f"and contains(value: r[{_flux(source.quantity_tag)}], set: [{', '.join(map(_flux, quantities))}])"
            f"{excluded})"
        )

    def _rows(self, flux: str) -> Iterator[dict[str, Any]]:
        from influxdb_client.rest import ApiException

        log.debug("%s: %s", self._conn_id, flux)
        try:
            for record in self._client.query_api().query_stream(flux):
                yield record.values
        except ApiException as error:
            message = (
                f"{self._conn_id}: InfluxDB answered HTTP {error.status}: {error.message or error.reason}"
            )
            if error.status in (408, 429) or (error.status or 500) >= 500:
                raise SourceUnavailable(message) from error
            raise SourceError(message) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise SourceUnavailable(f"{self._conn_id}: {_cause(error)}") from error
        except (KeyError, ValueError, TypeError) as error:
            raise FormatError(f"{self._conn_id}: the answer is not Flux CSV: {error}") from error


def _flux(text: str) -> str:
    return json.dumps(text).replace("${", "\\${")
