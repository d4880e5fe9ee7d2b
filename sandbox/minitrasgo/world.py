"""A miniTRASGO station of the sandbox: makes the files of any span of time, and knows the truth about them."""

import gzip
import hashlib
import io
import os
import tarfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np

from sandbox.minitrasgo.atmosphere import Atmosphere
from sandbox.minitrasgo.dirt import DIRT, rejected, soil
from sandbox.minitrasgo.files import Dialect, lines
from sandbox.minitrasgo.muons import Tracks, acceptance, tracks, triggered
from sandbox.minitrasgo.response import Channels, Electronics, Signals, channels
from sandbox.minitrasgo.unpack import pack
from sandbox.noise import BoolArray, FloatArray, IntArray, key, uniform
from skyledger.minitrasgo.detector import PLANES, channel
from skyledger.minitrasgo.stations import MingoStation, Run

EFFICIENCIES = {
    1: (0.952, 0.940, 0.949, 0.933),
    2: (0.936, 0.921, 0.942, 0.936),
    3: (0.944, 0.951, 0.928, 0.939),
    4: (0.925, 0.933, 0.946, 0.950),
}
DEAD = {2: ((3, 2),)}  # plane and strip, by station number
SELF_TRIGGER_HZ = 0.3
CADENCE_S = 3600
PAUSE_S = 5  # between a file and the next one


@dataclass(frozen=True, slots=True)
class Written:
    """A file and the truth about it. Arrays run over its coincidence events, in the order of the file."""

    path: Path
    start: datetime
    seconds: int
    dialect: Dialect
    tracks: Tracks
    fired: BoolArray  # (n, 4)
    self_triggers: int
    dirt: Counter[str]  # damaged lines by kind

    @property
    def end(self) -> datetime:
        """When it was closed."""
        return self.start + timedelta(seconds=self.seconds)

    @property
    def events(self) -> int:
        """Coincidences."""
        return len(self.tracks)

    @property
    def rejected(self) -> dict[str, int]:
        """Lines that a reader must reject, by reason."""
        return rejected(self.dirt)

    @property
    def trigger(self) -> dict[str, int]:
        """Accepted events by trigger type."""
        return {"1": self.events, "2": self.self_triggers, "other": self._counted_as("other")}

    @property
    def comments(self) -> int:
        """Comments and blank lines."""
        return self._counted_as("comment") + (self.dialect == "simulator")

    @property
    def lines(self) -> int:
        """All lines of the file."""
        events = sum(self.trigger.values()) - self.dirt["lost line end"]  # two events in one line
        return events + sum(self.rejected.values()) + self.comments

    def per_minute(self) -> dict[int, int]:
        """Coincidences by start of the minute, Unix seconds."""
        minutes, counts = np.unique(self.tracks.time_s // 60, return_counts=True)
        return {int(m) * 60: int(n) for m, n in zip(minutes, counts, strict=True)}

    def _counted_as(self, what: str) -> int:
        return sum(n for name, n in self.dirt.items() if DIRT[name].counts_as == what)


class MuonStation:
    """A station with a known truth; the same arguments always give the same events, whatever span is asked for.

    efficiencies: of planes 1 to 4; dead: (plane, strip) without signals in the file (the trigger still sees them);
    noise_share: noise hits per event and plane; dirt: damaged lines of each kind in a file
    """

    def __init__(
        self,
        station: MingoStation,
        seed: int = 1,
        *,
        efficiencies: Sequence[float] | None = None,
        dead: Collection[tuple[int, int]] | None = None,
        streamer_share: float = 0.03,
        noise_share: float = 0.004,
        self_trigger_hz: float = SELF_TRIGGER_HZ,
        dirt: int = 1,
        cadence_s: int = CADENCE_S,
    ) -> None:
        self.station = station
        self.seed = seed
        self.efficiencies = tuple(efficiencies or EFFICIENCIES.get(station.number, EFFICIENCIES[1]))
        self.dead = tuple(DEAD.get(station.number, ()) if dead is None else dead)
        self.self_trigger_hz = self_trigger_hz
        self.dirt = dirt
        self.cadence_s = cadence_s
        self.atmosphere = Atmosphere(seed, station.station)
        self.channels: Channels = channels(
            seed, station.station, station.number, [channel(*strip) for strip in self.dead]
        )
        self._series = (seed, station.station, "muons")
        self._electronics = Electronics(
            self._series, self.channels, streamer_share=streamer_share, noise_share=noise_share
        )

    # truth

    def run_at(self, moment: datetime) -> Run:
        """How the detector stands."""
        return self.station.run_at(moment).run

    def usual_rate_hz(self, moment: datetime) -> tuple[float, float]:
        """Rate of triggers at reference pressure and temperature, with the error of its integration."""
        run = self.run_at(moment)
        return acceptance(run.plane_z_mm).trigger_hz(self.efficiencies, run.triggers)

    def expected_rate_hz(self, time_s: IntArray | FloatArray) -> FloatArray:
        """Rate of triggers at (n,) Unix seconds within one run of the run dictionary."""
        rate, _ = self.usual_rate_hz(datetime.fromtimestamp(float(np.min(time_s)), UTC))
        return rate * self.atmosphere.modulation(time_s)

    def events(self, start: datetime, seconds: int) -> tuple[Tracks, BoolArray]:
        """Tracks that trigger, and which planes they fire."""
        run, start_s = self.run_at(start), int(start.timestamp())
        found = tracks(self._series, start_s, start_s + seconds, self.atmosphere.modulation, run.plane_z_mm)
        number = found.number[:, None] * PLANES + np.arange(PLANES)
        fired = found.crossed & (uniform(key(*self._series, "fired"), number) < np.array(self.efficiencies))
        chosen = triggered(fired, run.triggers)
        return found.take(chosen), fired[chosen]

    # files

    def starts(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """When files begin, from one moment until another (excluded)."""
        phase_s = 17 + 7 * self.station.number
        k = -(-(int(since.timestamp()) - phase_s) // self.cadence_s)
        while (start_s := k * self.cadence_s + phase_s) < until.timestamp():
            yield datetime.fromtimestamp(start_s, UTC)
            k += 1

    def basename(self, start: datetime) -> str:
        """Name of the file that begins then, without its ending."""
        return f"mi0{self.station.number}{start.astimezone(UTC):%y%j%H%M%S}"

    def write_file(
        self,
        folder: Path,
        start: datetime,
        seconds: int | None = None,
        dialect: Dialect = "daq",
        *,
        modified: datetime | None = None,
    ) -> Written:
        """Write a file of so many seconds (else until just before the next one begins) into the folder.

        It appears complete, with the time of its end as time of modification (or another)
        """
        data, written = self._make(folder, start, seconds, dialect)
        _put(written.path, data, modified or written.end)
        return written

    def write_part(
        self, folder: Path, start: datetime, seconds: int | None = None, *, share: float
    ) -> Written:
        """Write only the beginning of a DAQ file, under its final name and dated now: a file still growing."""
        data, written = self._make(folder, start, seconds, "daq")
        _put(written.path, data[: int(len(data) * share)], datetime.now(UTC))
        return written

    def write_archive(
        self, folder: Path, start: datetime, seconds: int | None = None, kind: Literal["dat", "hld"] = "hld"
    ) -> Written:
        """Write `<name>.hld.tar.gz`, as the archive keeps it, or `<name>.dat.tar.gz`, as the station packs old files.

        The truth is that of the .dat file within, or of the one that `unpack` makes
        """
        data, written = self._make(folder, start, seconds, "daq")
        member = tarfile.TarInfo(f"media/externalDisk/{kind}/{written.path.stem}.{kind}")
        content = data if kind == "dat" else pack(data)
        member.size, member.mtime = len(content), int(written.end.timestamp())
        packed = io.BytesIO()
        with (
            gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w") as archive,
        ):
            archive.addfile(member, io.BytesIO(content))
        written = replace(written, path=folder / f"{written.path.stem}.{kind}.tar.gz")
        _put(written.path, packed.getvalue(), written.end)
        return written

    def _make(
        self, folder: Path, start: datetime, seconds: int | None, dialect: Dialect
    ) -> tuple[bytes, Written]:
        seconds = self.cadence_s - PAUSE_S if seconds is None else seconds
        found, fired = self.events(start, seconds)
        run = self.run_at(start)
        simulated = dialect == "simulator"
        signals = self._electronics.coincidences(
            found, fired, run.plane_z_mm, timed_below_threshold=simulated
        )
        second = self._self_triggers(start, 0 if simulated else seconds)
        time_s = np.concatenate([found.time_s.astype(np.int64), second])
        trigger = np.repeat(np.array([1, 2], np.uint8), [len(found), len(second)])
        order = np.argsort(time_s, kind="stable")
        both = [signals.all(), self._electronics.self_triggers(second).all()]
        merged = Signals(*(np.concatenate(pair)[order] for pair in zip(*both, strict=True)))
        for swap in run.swapped_strips:
            pair = [channel(swap.plane, strip) for strip in swap.strips]
            for values in merged.all():
                values[:, pair] = values[:, pair[::-1]]
        text = lines(dialect, time_s[order], trigger[order], merged)
        data, dirt = soil((*self._series, self.basename(start)), text, self.dirt)
        if simulated:
            what = f"{self.station.station} {self.seed} {run.row_hash} {self.efficiencies}"
            data = b"# param_hash=" + hashlib.sha256(what.encode()).hexdigest().encode() + b"\n" + data
        path = folder / f"{self.basename(start)}.dat"
        return data, Written(path, start, seconds, dialect, found, fired, len(second), dirt)

    def _self_triggers(self, start: datetime, seconds: int) -> IntArray:
        """Seconds with a self trigger, which are also their numbers: at most one each."""
        second = int(start.timestamp()) + np.arange(seconds)
        drawn = uniform(key(*self._series, "self trigger"), second) < self.self_trigger_hz
        return second[drawn]


def _put(path: Path, data: bytes, modified: datetime) -> None:
    """Let a file appear at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    os.utime(part, (modified.timestamp(), modified.timestamp()))
    part.replace(path)
