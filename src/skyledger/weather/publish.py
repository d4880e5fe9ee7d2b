"""Publishes the stored bins of a station's day to GeoStreams, and makes sure that they are there.

What the server says it has is the truth, and nothing is kept here about batches: each batch of a day is read back,
compared with the bins, corrected, and read back again before it counts. So a second run sends nothing, a run after a
crash goes on with the batch that failed, a post of unknown fate is no special case, and changed bins replace just the
points that differ. The ledger says stored when every batch of the day has been seen to be right.

Of the original's marker document on a Clowder data set there is none: the ledger takes its place.
"""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, NamedTuple

import pyarrow as pa

from skyledger import ledger
from skyledger.config import SQL_DIR, digest
from skyledger.errors import FormatError, PermanentError, SkyledgerError, SourceUnavailable
from skyledger.geostreams import Geostreams, UnknownStreamError
from skyledger.ledger import Item, Mode, Outcome, Plan, Reason, State
from skyledger.warehouse import Session, Warehouse
from skyledger.weather.bins import Bins
from skyledger.weather.points import Provenance, compare, coordinates, datapoints, rows_between, windows
from skyledger.weather.stations import Geostreams as GeostreamsConfig
from skyledger.weather.stations import Period, Station
from skyledger.weather.store import read_bins
from skyledger.wire import ConnectionLost

log = logging.getLogger(__name__)

DATASET = "weather.geostreams"
INVENTORY = pa.schema([*ledger.PARTITIONS, ("source_rows", pa.int64()), ("source_digest", pa.string())])
DIGITS_OF_VERSION = 12  # of the configuration's digest: enough to tell versions apart

Progress = Callable[[str, int, int], None]  # product, batches done, batches in all


class StoredProduct(NamedTuple):
    """What table station_day says of one product of one day."""

    product: str
    bins: int
    content_digest: str
    input_digest: str
    config_digest: str


@dataclass(slots=True)
class PublishSummary:
    """What publishing a day did. Without a reason there was nothing to do, and nobody was asked."""

    station: str
    day: str
    reason: str | None = None
    points: int = 0  # on the server in the end, all of them as they should be
    posted: int = 0
    deleted: int = 0
    batches: int = 0  # posts
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for XCom and reports."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}

    def describe(self) -> str:
        """Say in a line what was sent."""
        if not (self.posted or self.deleted):
            return f"nothing to send: all {self.points} points are there"
        batches = "batch" if self.batches == 1 else "batches"
        return f"{self.posted} posted, {self.deleted} deleted in {self.batches} {batches}"


def plan_publishing(
    session: Session, station: Station, first_day: date, last_day: date, *, everything: bool = False
) -> Plan:
    """Find the days whose stored bins, or how they are to be published, are not what was published last.

    With `everything`, all days that have bins. Reads the database only.
    """
    settings = _settings(station)
    stored = _stored_products(session, station, first_day, last_day)
    days = {key: products for key, products in stored.items() if station.on(date.fromisoformat(key))}
    inventory = {
        "member": [station.station] * len(days),
        "partition_key": list(days),
        # a day that has lost all its bins is something to publish as well: what is there must go
        "source_rows": [max(1, sum(p.bins for p in products)) for products in days.values()],
        "source_digest": [_wanted_digest(station, key, products) for key, products in days.items()],
    }
    planned = ledger.plan(
        session,
        DATASET,
        expected=ledger.partitions((station.station, key) for key in days),
        find=lambda: pa.table(inventory, schema=INVENTORY),
        # the destination is not asked here: what was seen there last counts
        present_sql=(
            "SELECT member, partition_key, COALESCE(rows_stored, 0) FROM ledger "
            "WHERE dataset = %s AND member = %s AND partition_key BETWEEN %s AND %s"
        ),
        present_parameters=(DATASET, station.station, first_day.isoformat(), last_day.isoformat()),
        config_digest=digest(settings),
        mode=Mode.ALL,
    )
    items = tuple(item for item in planned.items if everything or item.reason != Reason.REQUESTED)
    return replace(planned, items=items)


def unpublished_days(session: Session, station: Station, first_day: date, last_day: date) -> list[date]:
    """Days to publish by `plan_publishing`; none for a station that is not published."""
    if station.geostreams is None:
        return []
    work = plan_publishing(session, station, first_day, last_day)
    return [date.fromisoformat(item.partition_key) for item in work.items]


def publish_day(
    warehouse: Warehouse,
    client: Geostreams,
    station: Station,
    day: date,
    *,
    run_id: str,
    force: bool = False,
    progress: Progress | None = None,
) -> PublishSummary:
    """Make the server have just the stored bins of a station's day, each once, and see that it does.

    A day whose bins were published as they are is left alone without asking the server, unless `force`.

    Raises StorageUnavailable when another run publishes the day and does not end, SourceUnavailable when the server
    is away or does not have what was sent, SourceError when it refuses; the ledger then says failed and why.
    """
    started = time.monotonic()
    summary = PublishSummary(station.station, day.isoformat())
    settings = _settings(station)
    with warehouse.session() as session, session.lock([f"{DATASET}:{station.station}:{day}"]):
        work = plan_publishing(session, station, day, day, everything=force)
        if not work.items:
            log.info("%s %s: nothing to publish", station.station, day)
            return summary
        item = work.items[0]
        summary.reason = item.reason
        key = (item.member, item.partition_key)
        products = _stored_products(session, station, day, day)[item.partition_key]
        bins = {p.product: read_bins(session, station.station, day, p.product) for p in products}
        ledger.open_attempts(session, DATASET, [(*key, item.reason)], run_id=run_id)

        def tell(product: str, done: int, batches: int) -> None:
            message = f"{product}: uploaded batch {done} of {batches}"
            _tell(session, item, message)
            if progress:
                progress(product, done, batches)

        try:
            for product in products:
                job = _Job(client, station, settings, day, product, bins[product.product], summary, tell)
                summary.points += job.publish()
        except ConnectionLost:
            raise  # nothing can be recorded any more; the next run finds the attempt interrupted
        except SkyledgerError as error:
            try:
                _close(session, item, settings, Outcome(*key, State.FAILED, message=str(error)))
            except ConnectionLost:
                raise error from None  # the session died of it
            raise
        n = summary.points
        _close(session, item, settings, Outcome(*key, State.STORED, n, n, 0, summary.describe()))
    summary.seconds = time.monotonic() - started
    log.info("%s %s (%s): %s", station.station, day, summary.reason, summary.describe())
    return summary


@dataclass(slots=True)
class _Job:
    """One product of one day."""

    client: Geostreams
    station: Station
    settings: GeostreamsConfig
    day: date
    stored: StoredProduct
    bins: Bins | None
    summary: PublishSummary
    tell: Progress

    @property
    def stream(self) -> str:
        """Name of the product's stream."""
        return self.settings.streams[self.stored.product]

    @property
    def period(self) -> Period:
        """What held at the station on the day."""
        return _period(self.station, self.day)

    def publish(self) -> int:
        """Publish batch by batch; return the number of points that are there."""
        width_s = self.station.products[self.stored.product].width_s
        start, end = self.station.bounds(self.day)
        self._check_bins(start, end, width_s)
        parts = list(windows(start, end, width_s, self.settings.batch_size))
        stream_id = self._resolve()
        done, resolved_again, points = 0, False, 0
        while done < len(parts):
            try:
                points += self._publish_window(stream_id, *parts[done])
            except UnknownStreamError as error:
                if resolved_again:
                    raise
                log.warning("%s: looking the stream up again", error)
                stream_id, done, resolved_again, points = self._resolve(), 0, True, 0
                continue
            done += 1
            self.tell(self.stored.product, done, len(parts))
        return points

    def _check_bins(self, start: datetime, end: datetime, width_s: int) -> None:
        """Refuse bins that the windows of the day would not hold: they could not be read back."""
        if self.bins is None or not len(self.bins):
            return
        first, last = int(self.bins.start_s[0]), int(self.bins.start_s[-1]) + self.bins.width_s
        if self.bins.width_s != width_s or first < start.timestamp() or last > end.timestamp():
            found = f"{datetime.fromtimestamp(first, UTC)} to {datetime.fromtimestamp(last, UTC)}"
            raise FormatError(
                f"{self.station.station} {self.day}: the stored bins of {self.stored.product} reach from {found} in "
                f"steps of {self.bins.width_s} s, expected {start} to {end} in steps of {width_s} s: process it anew"
            )

    def _resolve(self) -> str:
        """Id of the stream; sensor and stream are created when they are not there."""
        place = coordinates(self.period.position)
        name = self.settings.sensor_name
        sensor_id = self.client.ensure_sensor(
            name,
            coordinates=place,
            properties={
                "popupContent": name,
                "name": name,
                "region": self.settings.region,
                "type": self.settings.sensor_type,
            },
        )
        return self.client.ensure_stream(self.stream, sensor_id=sensor_id, coordinates=place)

    def _publish_window(self, stream_id: str, start: datetime, end: datetime) -> int:
        wanted = []
        if self.bins is not None:
            provenance = Provenance(
                source=f"{self.station.station}/{self.day}",
                source_file=self.stored.input_digest,
                config_version=self.stored.config_digest[:DIGITS_OF_VERSION],
            )
            rows = rows_between(self.bins, start, end)
            wanted = datapoints(self.bins, rows, self.stream, self.period, provenance)
        changes = compare(wanted, self.client.points(stream_id, start, end), self.stored.product)
        if changes:
            for remote in changes.delete:  # first: the server takes no second point of a key
                self.client.delete_point(remote.id)
                self.summary.deleted += 1
            self.summary.batches += self.client.post_points(stream_id, changes.post)
            self.summary.posted += len(changes.post)
            left = compare(wanted, self.client.points(stream_id, start, end), self.stored.product)
            if left:
                raise SourceUnavailable(
                    f"stream {self.stream!r}, {start} to {end}: read back after sending, {len(left.reasons)} of "
                    f"{len(wanted)} points are not as sent; the first: {left.reasons[0]}. Rerun; if it stays, look at "
                    "the server."
                )
        return len(wanted)


def _settings(station: Station) -> GeostreamsConfig:
    if station.geostreams is None:
        raise PermanentError(
            f"station {station.station} is not published: its configuration has no section geostreams"
        )
    return station.geostreams


def _period(station: Station, day: date) -> Period:
    period = station.on(day)
    if period is None:
        raise PermanentError(f"station {station.station} has no period that holds on {day}")
    return period


def _stored_products(
    session: Session, station: Station, first_day: date, last_day: date
) -> dict[str, list[StoredProduct]]:
    """Stored products that have a stream, by day."""
    streams = _settings(station).streams
    rows = session.query(
        _statement("stored_products"),
        {
            "station": station.station,
            "first_day": first_day.isoformat(),
            "last_day": last_day.isoformat(),
        },
    )
    found: dict[str, list[StoredProduct]] = {}
    for key, *values in rows:
        if (stored := StoredProduct(*values)).product in streams:
            found.setdefault(key, []).append(stored)
    return found


def _wanted_digest(station: Station, key: str, products: list[StoredProduct]) -> str:
    """Digest of all that the points of a day say but for their provenance."""
    period = _period(station, date.fromisoformat(key))
    streams = _settings(station).streams
    parts = [f"{p.product}|{streams[p.product]}|{p.content_digest}" for p in products]
    text = "\n".join([*parts, period.position.model_dump_json(), period.clock])
    return hashlib.sha256(text.encode()).hexdigest()


def _tell(session: Session, item: Item, message: str) -> None:
    where = {"dataset": DATASET, "member": item.member, "partition_key": item.partition_key}
    session.commit(lambda: session.execute(_statement("tell_progress"), {**where, "message": message}))


def _close(session: Session, item: Item, settings: GeostreamsConfig, outcome: Outcome) -> None:
    session.commit(lambda: ledger.close(session, DATASET, [outcome], [item], config_digest=digest(settings)))


@cache
def _statement(name: str) -> str:
    return (SQL_DIR / "weather" / "publish" / f"{name}.sql").read_text(encoding="utf-8")
