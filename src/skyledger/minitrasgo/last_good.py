"""The calibration that a file with too few hits borrows from: by the time of the files, not of the work.

Only what a file's own hits say is lent, so the result does not depend on the order in which files are reduced: a
predecessor that is not reduced yet is calibrated for the purpose, and its calibration kept.
"""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from skyledger.errors import FormatError
from skyledger.minitrasgo.calibrate import NEEDED, Calibration, Origin
from skyledger.minitrasgo.calibrations import calibration_from_dict, store_calibration
from skyledger.minitrasgo.file_product import moment
from skyledger.minitrasgo.raw_store import read_registered
from skyledger.minitrasgo.rawfile import RawFile
from skyledger.minitrasgo.reduce import reduce
from skyledger.minitrasgo.registry import RawFileRow, files_between
from skyledger.minitrasgo.stations import MingoStation, Recipe, recipe
from skyledger.minitrasgo.store import file_id
from skyledger.warehouse import Session

log = logging.getLogger(__name__)

MOST_FILES = 20
LONGEST = timedelta(days=7)


class Lent(NamedTuple):
    """A calibration and the file it was made of."""

    calibration: Calibration
    basename: str


def last_good(
    session: Session, station: MingoStation, file: RawFileRow, own: Calibration, data_root: Path
) -> Lent | None:
    """The nearest earlier file of the same recipe that has all that `own` lacks; else the one that has most of it.

    None when no file within MOST_FILES and LONGEST has any of it.
    """
    lacking = [
        (name, strip)
        for name in NEEDED
        for strip, origin in enumerate(own.origin[name])
        if origin != Origin.OWN and own.hits[strip]  # a dead strip has nothing to be calibrated
    ]
    best, most = None, 0
    for lent in _predecessors(session, station, file, data_root) if lacking else ():
        gives = sum(lent.calibration.origin[name][strip] == Origin.OWN for name, strip in lacking)
        if gives > most:
            best, most = lent, gives
        if gives == len(lacking):
            break
    return best


def _predecessors(
    session: Session, station: MingoStation, file: RawFileRow, data_root: Path
) -> Iterator[Lent]:
    """Calibrations by own hits of the files before this one, nearest first."""
    wanted = recipe(station, file.begin)
    earliest = file.begin - LONGEST
    files = [
        other
        for other in files_between(session, station.station, earliest.date(), file.begin.date())
        if other.state == "arrived"
        and other.begin >= earliest
        and (other.begin, other.basename) < (file.begin, file.basename)
        and recipe(station, other.begin).digest == wanted.digest
    ]
    stored = _stored(session, station.station, wanted.digest, files)
    found = 0
    for other in reversed(files):
        calibration = stored.get((other.basename, other.sha256))
        if calibration is None:
            try:
                calibration = _calibrate(session, other, wanted, data_root)
            except FormatError:
                continue  # it cannot be used: its own reduction says why
        yield Lent(calibration, other.basename)
        found += 1
        if found == MOST_FILES:
            return


def _stored(
    session: Session, station: str, config_digest: str, files: list[RawFileRow]
) -> dict[tuple[str, str], Calibration]:
    if not files:
        return {}
    rows = session.query(
        "SELECT basename, sha256, own FROM calibration "
        "WHERE station = %s AND config_digest = %s AND basename IN %s",
        (station, config_digest, tuple(file.basename for file in files[-2 * MOST_FILES :])),
    )
    return {(name, sha256): calibration_from_dict(json.loads(own)) for name, sha256, own in rows}


def _calibrate(session: Session, file: RawFileRow, wanted: Recipe, data_root: Path) -> Calibration:
    """Calibrate a file that is not reduced yet, and keep the calibration."""
    log.info("%s %s: calibrated ahead of its reduction", file.station, file.basename)
    raw = read_registered(data_root, file)
    own = reduce(raw, wanted).calibrated.calibration
    row = calibration_row(session, file, wanted, raw)
    session.commit(lambda: store_calibration(session, row, own, None))
    return own


def calibration_row(session: Session, file: RawFileRow, wanted: Recipe, raw: RawFile) -> dict[str, object]:
    """What table calibration says besides the calibration itself."""
    return {
        "file_id": file_id(session, file.station, file.basename),
        "station": file.station,
        "basename": file.basename,
        "sha256": file.sha256,
        "config_digest": wanted.digest,
        "run_hash": wanted.run.row_hash,
        "valid_from_utc": moment(raw.first_s),
        "valid_to_utc": moment(raw.last_s),
        "borrowed_from": None,
    }
