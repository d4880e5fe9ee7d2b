"""InfluxDB 2.x: Flux over the official client, for a source that has moved."""

import json
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import urllib3

from skyledger.connections import Connection
from skyledger.errors import ConfigError, SourceError, SourceUnavailable
from skyledger.influx.common import (
    HTTP_PORT,
    INVENTORY_SCHEMA,
    Points,
    fingerprint,
    kind_of_refusal,
    pattern,
    refuse_short,
    secrets_of,
)
from skyledger.mapping import Source
from skyledger.web import (
    READ_TIMEOUT_S,
    base_url,
    broken_off,
    kind_of,
    masked,
    verify_tls,
)

log = logging.getLogger(__name__)


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
        self._url = base_url(connection, HTTP_PORT)
        self._secrets = secrets_of(connection)
        self._client = InfluxDBClient(
            url=self._url,
            token=connection.extra.get("token") or connection.password or "",
            org=connection.extra.get("org") or "",
            timeout=int(1000 * float(connection.extra.get("timeout_s") or READ_TIMEOUT_S)),
            verify_ssl=verify_tls(connection),
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
        both = {key: values for key, values in found.items() if len(values) == 2}  # not: begun in between
        return pa.table(
            {
                "member": [member for member, _ in both],
                "partition_key": [day for _, day in both],
                "source_rows": [int(values["count"]) for values in both.values()],
                "source_digest": [fingerprint(values["sum"]) for values in both.values()],
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
        refuse_short(self._conn_id, member, len(times), counted)
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
            f" and (not exists r[{_flux(tag)}] or r[{_flux(tag)}] !~ {pattern(text)})"
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
        from influxdb_client.client.flux_csv_parser import FluxCsvParserException, FluxQueryException
        from influxdb_client.rest import ApiException

        log.debug("%s: %s", self._conn_id, flux)
        answered = False
        try:
            for record in self._client.query_api().query_stream(flux):
                answered = True
                yield record.values
        except ApiException as error:
            said = masked(str(error.message or error.reason), self._secrets)
            message = f"{self._conn_id}: InfluxDB answered HTTP {error.status}: {said[:500]}"
            if error.status in (401, 403):  # `from None`: the client's errors quote the whole answer
                raise SourceError(f"{message} (check the token of the connection)") from None
            raise kind_of(error.status or 500)(message) from None
        except FluxQueryException as error:
            said = masked(str(error.message), self._secrets)
            raise kind_of_refusal(said)(
                f"{self._conn_id}: InfluxDB refused the query: {said[:500]}"
            ) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise broken_off(f"{self._conn_id}: InfluxDB at {self._url}", error) from error
        except (FluxCsvParserException, LookupError, ValueError, TypeError) as error:
            if answered:
                raise SourceUnavailable(f"{self._conn_id}: the answer breaks off ({error})") from error
            raise SourceError(
                f"{self._conn_id}: this is not InfluxDB's answer: no annotated CSV "
                "(check host, path prefix and token of the connection: is it a login page?)"
            ) from error


def _flux(text: str) -> str:
    return json.dumps(text).replace("${", "\\${")
