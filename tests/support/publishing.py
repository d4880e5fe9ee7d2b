"""A station whose stored bins go to a receiver, in this process or in a child that may be killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from typing import Any

from sandbox.geostreams import GeostreamsReceiver
from skyledger import migrations
from skyledger.connections import Connection
from skyledger.errors import SkyledgerError
from skyledger.geostreams import Geostreams
from skyledger.warehouse import Warehouse
from skyledger.weather.bins import Bins
from skyledger.weather.publish import DATASET, PublishSummary, publish_day
from skyledger.weather.stations import Station
from skyledger.weather.store import DayRecord, content_digest, store_bins
from tests.support.runs import CONTEXT
from tests.support.weather import DAY

# what tests.support.runs wants, this module, and pandas, which pyarrow imports when it meets the first array
CONTEXT.set_forkserver_preload(["tests.support.runs", "influxdb_client", __name__, "pandas"])
STREAM = "UA-MAC Weather (5 min bins)"
TABLES = ("observation", "observation_statistic", "station_day", "ledger", "run_record")


class Publishing:
    """One database with bins, one receiver; `publish` brings a day from the one to the other."""

    def __init__(self, database: Connection, receiver: GeostreamsReceiver) -> None:
        self.database = database
        self.receiver = receiver
        self.warehouse = Warehouse(database)

    def store(self, station: Station, bins: Bins, day: date = DAY, config_digest: str = "c" * 64) -> None:
        """Store a day's bins as processing does."""
        record = DayRecord(
            coverage=1.0,
            input_digest="f" * 64,
            content_digest=content_digest(bins),
            config_digest=config_digest,
            netcdf_path=None,
            netcdf_sha256=None,
            report={},
        )
        with self.warehouse.session() as session, session.transaction():
            store_bins(session, station.station, day, station.bounds(day), bins, record)

    def publish(self, station: Station, day: date = DAY, **options: Any) -> PublishSummary:
        """Publish a day, without pauses between tries."""
        client = Geostreams(
            options.pop("connection", self.receiver.connection), sleep=options.pop("sleep", lambda _: None)
        )
        return publish_day(
            self.warehouse, client, station, day, run_id=options.pop("run_id", "test"), **options
        )

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one SELECT."""
        with self.warehouse.session() as session:
            return session.query(sql, values)

    def ledger(self) -> tuple[Any, ...]:
        """State, rows stored and message of the one published day."""
        ((*row,),) = self.query("SELECT state, rows_stored, message FROM ledger WHERE dataset = %s", DATASET)
        return tuple(row)

    def wipe(self) -> None:
        """Nothing is stored, nothing is published, no request was counted."""
        with self.warehouse.session() as session, session.transaction():
            for table in TABLES:
                session.execute(f"DELETE FROM {table}")
        self.receiver.clear()


@contextmanager
def publishing_on(database: Connection, receiver: GeostreamsReceiver) -> Iterator[Publishing]:
    """Tables in an empty database, and a receiver that runs."""
    publishing = Publishing(database, receiver)
    migrations.upgrade("weather", publishing.warehouse.url)
    with receiver:
        yield publishing


class Child:
    """One publication in a process of its own: `begin` lets it, `kill` ends it, `result` is how it ended."""

    def __init__(self, publishing: Publishing, station: Station, run_id: str) -> None:
        self.pipe, theirs = CONTEXT.Pipe()
        arguments = (theirs, publishing.database, publishing.receiver.connection, station, run_id)
        self.process: BaseProcess = CONTEXT.Process(target=_publish, args=arguments, daemon=True)
        self.process.start()
        theirs.close()
        assert self.pipe.poll(60), "the child did not start"
        assert self.pipe.recv() == "ready"

    def begin(self) -> None:
        """Let the publication begin."""
        self.pipe.send("go")

    def result(self, timeout_s: float = 60) -> dict[str, Any] | SkyledgerError:
        """Summary, or the error that ended it."""
        assert self.pipe.poll(timeout_s), "the child did not end"
        result: dict[str, Any] | SkyledgerError = self.pipe.recv()
        self.process.join()
        return result

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.join()


def _publish(pipe: Pipe, database: Connection, server: Connection, station: Station, run_id: str) -> None:
    client = Geostreams(server)
    pipe.send("ready")
    pipe.recv()
    try:
        pipe.send(publish_day(Warehouse(database), client, station, DAY, run_id=run_id).as_dict())
    except SkyledgerError as error:
        error.__cause__ = None  # a driver's error need not survive the pipe
        pipe.send(error)
