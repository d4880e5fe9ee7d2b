"""Read what the quick look shows of a joined day from the database."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from skyledger.minitrasgo.detector import CHANNELS, PLANES, TRACK_TOPOLOGIES, IntArray, channel
from skyledger.minitrasgo.plan import statement
from skyledger.minitrasgo.quicklook.day import (
    BORROWED,
    DUPLICATE,
    INCOMPLETE,
    OWN,
    UNUSABLE,
    WAITING,
    DayView,
    Files,
    Minutes,
    Planes,
    is_dead,
    short,
)
from skyledger.minitrasgo.registry import RawFileRow, files_between
from skyledger.minitrasgo.stations import MingoStation, Run
from skyledger.minitrasgo.store import DayRecord, FileRecord, files_of_day, read_day, read_minutes
from skyledger.warehouse import Session


def read_view(session: Session, station: MingoStation, day: date) -> DayView | None:
    """What is stored of a UTC day; None when it was not joined."""
    record = read_day(session, station.station, day)
    reduced = files_of_day(session, station.station, day)
    if record is None or not reduced:
        return None
    begin = datetime.combine(day, datetime.min.time(), UTC)
    runs = _runs(session, station.station, reduced)
    origins = _origins(session, station.station, day, reduced)
    return DayView(
        station=station.station,
        title=station.title,
        day=day,
        minutes=_minutes(session, station.station, begin),
        files=_files(reduced, origins.kinds(), _not_reduced(session, station.station, day, record), begin),
        planes=Planes(
            hits=_counts(plane.hits for plane in record.planes),
            streamers=_counts(plane.streamers for plane in record.planes),
            fired=_counts(plane.telescope_fired for plane in record.planes),
            crossed=_counts(plane.telescope_accepted for plane in record.planes),
        ),
        histograms=record.histograms,
        borrowed_charge=(origins.charges > 1).sum(axis=0),
        borrowed_t_dif=(origins.time_differences > 1).sum(axis=0),
        streamer_q_min_ns=station.reduction_at(_aware(reduced[-1].begin_utc)).planes.streamer_q_min_ns,
        phi_north_deg=runs[-1].phi_north_deg,
        crt_ps=np.nan if record.crt_ps is None else record.crt_ps,
        run=_in_words(runs),
        run_in_force=all(file.run_in_force for file in reduced),
        input_digest=record.input_digest,
        provenance=_provenance(session, reduced),
    )


def _minutes(session: Session, station: str, begin: datetime) -> Minutes:
    table = read_minutes(session, station, begin, begin + timedelta(days=1))
    since_begin = table["minute_utc"].to_numpy() - np.datetime64(begin.replace(tzinfo=None), "s")
    return Minutes(
        minute=since_begin.astype("timedelta64[m]").astype(np.int64),
        live_s=table["live_s"].to_numpy(),
        triggers=table["triggers"].to_numpy(),
        good=table["good"].to_numpy(),
        topologies=np.stack([table[f"n_{code}"].to_numpy() for code in TRACK_TOPOLOGIES], axis=1),
    )


def _not_reduced(
    session: Session, station: str, day: date, record: DayRecord
) -> list[tuple[RawFileRow, str]]:
    """Files that begin on the day and are not in it, with what became of them when the day was joined."""
    unused = {file["file"]: file["state"] for file in record.report["unused"]}
    kinds = {"packed": WAITING, "duplicate": DUPLICATE}
    found = {name: kinds.get(state, UNUSABLE) for name, state in unused.items()}
    found |= dict.fromkeys(record.report["waiting"], WAITING)
    files = files_between(session, station, day, day)
    return [(file, found[file.basename]) for file in files if file.basename in found]


def _files(
    reduced: Sequence[FileRecord],
    kinds: Sequence[str],
    others: Sequence[tuple[RawFileRow, str]],
    begin: datetime,
) -> Files:
    """All files by start. A file that waits to be reduced again counts with what it gave before."""
    names = {file.basename for file in reduced}
    rows: list[dict[str, Any]] = [
        {
            "start": _aware(file.first_event_utc),
            "end": _aware(file.last_event_utc),
            "kind": kind,
            "fired": [plane.telescope_fired for plane in file.planes],
            "crossed": [plane.telescope_accepted for plane in file.planes],
            **{name: getattr(file, name) for name in ("live_s", "accepted", "rejected", "events", "kept")},
        }
        for file, kind in zip(reduced, kinds, strict=True)
    ]
    nothing = {"fired": [0] * PLANES, "crossed": [0] * PLANES, "live_s": 0.0}
    nothing |= dict.fromkeys(("accepted", "rejected", "events", "kept"), 0)
    for file, kind in others:
        if file.basename not in names:
            start = file.first_event or file.begin
            rows.append({"start": start, "end": file.last_event or start, "kind": kind, **nothing})
    rows.sort(key=lambda row: row["start"])
    hours = {
        name: np.array([(row[name] - begin) / timedelta(hours=1) for row in rows])
        for name in ("start", "end")
    }
    counts = {
        name: np.array([row[name] for row in rows], dtype=np.int64) for name in nothing if name != "live_s"
    }
    return Files(
        start_h=hours["start"],
        end_h=hours["end"],
        kind=tuple(row["kind"] for row in rows),
        live_s=np.array([row["live_s"] for row in rows], dtype=np.float64),
        **counts,
    )


class _Origins(NamedTuple):
    """Where calibrations come from: 1 own hits, 2 last good calibration, more: neither. (f, 16)"""

    hits: IntArray
    charges: IntArray
    time_differences: IntArray
    furthest: IntArray

    def kinds(self) -> list[str]:
        """What became of each file; strips that are dead in it do not count, they are told apart."""
        alive = ~is_dead(self.hits)
        furthest = np.where(alive, self.furthest, 1).max(axis=1)
        return [{1: OWN, 2: BORROWED}.get(origin, INCOMPLETE) for origin in furthest.tolist()]


def _origins(session: Session, station: str, day: date, files: Sequence[FileRecord]) -> _Origins:
    rows = {file.file_id: row for row, file in enumerate(files)}
    found = _Origins(*(np.zeros((len(files), CHANNELS), dtype=np.int64) for _ in _Origins._fields))
    key = {"station": station, "day": day.isoformat()}
    for file_id, plane, strip, *values in session.query(statement("reports/calibration_origins"), key):
        for array, value in zip(found, values, strict=True):
            array[rows[file_id], channel(plane, strip)] = value
    return found


def _runs(session: Session, station: str, files: Sequence[FileRecord]) -> list[Run]:
    """Rows of the run dictionary that the files were reduced with, in their order."""
    hashes = tuple(dict.fromkeys(file.run_hash for file in files))
    rows = session.query(
        "SELECT row_hash, content FROM run_dictionary WHERE station = %s AND row_hash IN %s",
        (station, hashes),
    )
    content = dict(rows)
    return [Run.model_validate_json(content[row_hash]) for row_hash in hashes]


def _in_words(runs: Sequence[Run]) -> str:
    run = runs[-1]
    until = f" to {run.valid_to}" if run.valid_to else ""
    last = f" (last of {len(runs)} rows)" if len(runs) > 1 else ""
    heights = ", ".join(f"{z:g}" for z in run.plane_z_mm)
    return (
        f"run dictionary: conf {run.conf:g}{last}, from {run.valid_from}{until}, z {heights} mm, "
        f"triggers {', '.join(run.triggers)}"
    )


def _provenance(session: Session, files: Sequence[FileRecord]) -> dict[str, str]:
    versions = session.query(
        "SELECT DISTINCT code_version FROM event_file WHERE file_id IN %s ORDER BY code_version",
        (tuple(file.file_id for file in files),),
    )
    return {
        "skyledger": ", ".join(version for (version,) in versions),
        "configuration": ", ".join(dict.fromkeys(short(file.config_digest) for file in files)),
        "row of the run dictionary": ", ".join(dict.fromkeys(short(file.run_hash) for file in files)),
    }


def _counts(values: Any) -> IntArray:
    return np.array(list(values), dtype=np.int64)


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
