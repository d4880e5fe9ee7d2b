"""Whether what is kept can still be derived: from the raw file, the calibrations as they were known then, the stored
configuration of quality control and the flags of people come the same data, bit for bit, and the same product files.

Only reads. A difference means that something changed behind our back: a file, a row, or the code without its version.
What was made with another version of the software may rightly differ, and is told apart.
"""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from skyledger.config import SQL_DIR
from skyledger.errors import PermanentError, StorageError, StorageUnavailable
from skyledger.iagos import series
from skyledger.iagos.assess import assess
from skyledger.iagos.assess.by_hand import manual_flags
from skyledger.iagos.assess.findings import ManualFlags
from skyledger.iagos.assess.runs import kept_config
from skyledger.iagos.flight import FlightData, Key
from skyledger.iagos.formats import raw
from skyledger.iagos.instruments import load_instrument
from skyledger.iagos.metadata.calibrations import CalibrationSet, Choice, calibration_set
from skyledger.iagos.metadata.flights import flight
from skyledger.iagos.names import Level, Version
from skyledger.iagos.release.products import as_released, files_of, intact
from skyledger.iagos.release.recorded import decisions
from skyledger.iagos.release.versions import Product, products
from skyledger.iagos.science.importer import SOFTWARE, make_l0, make_l2
from skyledger.iagos.states import held
from skyledger.iagos.transfer.offered import raw_bytes, source_file
from skyledger.warehouse import Session, Warehouse
from skyledger.wire import ConnectionLost

AT_MOST = 200  # flights of one night: about five minutes
_TELLS_SOFTWARE = ("software", "steps")  # of provenance


@dataclass(slots=True)
class Verified:
    """What was derived again, and what came out otherwise."""

    flights: int = 0
    series: int = 0
    files: int = 0  # of products
    older: int = 0  # series made with another version of the software
    differences: list[str] = field(default_factory=list)
    by_software: list[str] = field(default_factory=list)  # older ones that come out otherwise now
    left_out: list[str] = field(default_factory=list)  # another run holds the flight

    def told(self) -> str:
        """For the log."""
        parts = (
            (len(self.differences), "differences"),
            (self.older, "series of another software version"),
            (len(self.by_software), "of these with other values now"),
            (len(self.left_out), "flights left out"),
        )
        told = [f"{self.flights} flights, {self.series} series and {self.files} product files derived again"]
        return ", ".join([*told, *(f"{n} {what}" for n, what in parts if n)])

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for XCom and reports."""
        return {name: getattr(self, name) for name in self.__slots__}

    def raise_for_differences(self) -> None:
        """Raise StorageError when anything came out otherwise."""
        if self.differences:
            raise StorageError("\n".join(self.differences))


class _Kept(NamedTuple):
    """A file of series, and what it was made of."""

    level: Level
    version: Version | None
    digest: str
    as_of: datetime | None  # UTC, of calibrations
    product: Product | None
    config: tuple[str, int]  # of quality control: name, version
    flags: int  # how many of people were known

    def named(self, key: Key) -> str:
        """For people."""
        return f"{key} {self.level}" + (f" {self.version}" if self.version else "")


def sample(keys: Sequence[Key], night: date, at_most: int) -> list[Key]:
    """The share of a night, at most so many: every one comes within as many nights as that takes."""
    nights = max(1, -(-len(keys) // at_most))
    return list(keys[night.toordinal() % nights :: nights])


def verify(
    warehouse: Warehouse,
    *,
    data_root: Path,
    night: date,
    flights: Collection[str] = (),
    at_most: int = AT_MOST,
    progress: Callable[[str], None] = lambda told: None,
) -> Verified:
    """Derive the sample of a night again, or all deliveries of named flights, and compare.

    Raises PermanentError for a flight of which nothing is kept. What differs is in the result.
    """
    with warehouse.session() as session:
        rows = session.query(_statement("flights_kept"), {"flight_ids": ",".join(flights) or None})
    keys = [Key(flight_id, instrument, int(revision)) for flight_id, instrument, revision in rows]
    if unknown := set(flights) - {key.flight_id for key in keys}:
        raise PermanentError(f"flight {', '.join(sorted(unknown))}: no series are kept")
    found = Verified()
    for key in keys if flights else sample(keys, night, at_most):
        before = len(found.differences)
        try:
            with warehouse.session() as session, held(session, key.flight_id, key.instrument_type):
                _verify_flight(session, key, data_root, found)
        except ConnectionLost:
            raise
        except StorageUnavailable as error:
            found.left_out.append(f"{key}: {error}")
        for told in found.differences[before:]:
            progress(told)
    return found


def _verify_flight(session: Session, key: Key, data_root: Path, found: Verified) -> None:
    found.flights += 1
    everything = list(_everything(session, key))
    again = None
    try:
        again = _Again(session, key, data_root, everything)
    except PermanentError as error:
        found.differences.append(f"{key}, raw file: {error}")
    for one in everything:
        what = one.named(key)
        try:
            data = series.load(session, data_root, key, one.level, one.version)
        except PermanentError as error:
            found.differences.append(f"{what}: {error}")
            continue
        if data.digest() != one.digest:
            found.differences.append(
                f"{what}: the kept data have digest {data.digest()[:8]}, the database says {one.digest[:8]}"
            )
        for path, sha256 in files_of(one.product, data_root) if one.product else ():
            if not intact(path, sha256):
                found.differences.append(f"{what}: {path} is lost, or not the file that was written")
        if again is None:
            continue
        found.series += 1
        if older := _software(data) - {SOFTWARE}:
            found.older += 1
            if told := _compare(again, one, data, found, same_software=False):
                made_with = ", ".join(sorted(older))
                found.by_software.append(f"{what}: made with {made_with}, now {SOFTWARE}: {'; '.join(told)}")
        elif told := _compare(again, one, data, found, same_software=True):
            found.differences.append(f"{what}: derived again it differs: {'; '.join(told)}")


def _compare(
    again: "_Again", one: _Kept, data: FlightData, found: Verified, *, same_software: bool
) -> list[str]:
    """What is otherwise when it is derived again."""
    try:
        judged = again.judged(one, data)
        # where the flight began and ended may have been corrected since: no value depends on it
        made = replace(judged, departure=data.departure, arrival=data.arrival)
        if one.product:
            made = as_released(made, one.product)
        told = differing(data, made, left_out=() if same_software else _TELLS_SOFTWARE)
    except (
        PermanentError,
        ValueError,
    ) as error:  # ValueError: a stored configuration that is not valid any more
        return [f"cannot be derived: {error}"]
    if one.product and same_software and not told:
        if judged.digest() != one.product.data_digest:
            told.append(
                f"digest of the judged data is {judged.digest()[:8]}, decided was about {one.product.data_digest[:8]}"
            )
        told += _files_differing(made, one.product, again.data_root)
        found.files += 2
    return told


def differing(kept: FlightData, made: FlightData, left_out: Collection[str] = ()) -> list[str]:
    """What two flights differ in, in words; `left_out` are keys of provenance."""
    told = []
    if not np.array_equal(kept.time_s, made.time_s):
        return [f"times ({len(kept)} rows, now {len(made)})"]
    for name in dict.fromkeys((*kept.series, *made.series)):
        if name not in kept.series or name not in made.series:
            told.append(f"{name} is not in both")
            continue
        for part in ("value", "uncertainty", "validity"):
            told += _rows(
                f"{name} {part}", getattr(kept.series[name], part), getattr(made.series[name], part)
            )
    for name in sorted({*kept.channels, *made.channels}):
        told += _rows(f"channel {name}", kept.channels.get(name), made.channels.get(name))
    for name in sorted({*kept.provenance, *made.provenance} - set(left_out)):
        if _json(kept.provenance.get(name)) != _json(made.provenance.get(name)):
            told.append(f"provenance: {name}")
    if not told and not left_out and kept.digest() != made.digest():
        told.append("level, process flag or interval")
    return told


class _Again:
    """A flight file derived again. Reading it checks that the raw file is the one that came."""

    def __init__(self, session: Session, key: Key, data_root: Path, everything: Sequence[_Kept]) -> None:
        self.session, self.key, self.data_root = session, key, data_root
        file = source_file(session, key)
        if file is None:
            raise PermanentError("is not known")
        self.file, self.content = file, raw_bytes(file, data_root)
        self.as_ofs = [one.as_of for one in everything if one.level is not Level.L2]
        chosen = (one.calibrations for one in decisions(session, key) if one.calibrations)
        self.choices: dict[Choice, None] = dict.fromkeys(["default", *chosen])  # of calibrations, by the PI
        self.l0s: dict[tuple[datetime | None, Choice], FlightData] = {}

    def judged(self, one: _Kept, data: FlightData) -> FlightData:
        """What was kept, or what a release was decided about."""
        made = self._level_2(one, data) if one.level is Level.L2 else self._level_0(one.as_of, _choice(data))
        if one.product is None:
            return made
        config = kept_config(self.session, *one.config)
        known = ManualFlags(manual_flags(self.session, self.key).flags[: one.flags])
        return assess(made, config, known).data

    def _level_0(self, as_of: datetime | None, choice: Choice) -> FlightData:
        if (as_of, choice) not in self.l0s:
            self.l0s[as_of, choice] = make_l0(
                raw.read(self.content, self.file.name),
                load_instrument(self.key.instrument_type),
                self._calibrations(as_of, choice),
                flight(self.session, self.key.flight_id),
                self.key,
                source={"name": self.file.name, "sha256": self.file.sha256 or ""},
            )
        return self.l0s[as_of, choice]

    def _level_2(self, one: _Kept, data: FlightData) -> FlightData:
        """From the Level 0 that it was made from: there may be another one by now."""
        origin = next(step["from"] for step in data.provenance["steps"] if step["level"] == str(Level.L2))
        known = [self._level_0(as_of, choice) for as_of in self.as_ofs for choice in self.choices]
        base = next((l0 for l0 in known if l0.digest() == origin), known[0])
        instrument = load_instrument(self.key.instrument_type)
        return make_l2(base, instrument, self._calibrations(one.as_of, _choice(data)))

    def _calibrations(self, as_of: datetime | None, choice: Choice) -> CalibrationSet:
        return calibration_set(self.session, self.key.flight_id, self.key.instrument_type, as_of, choice)


def _choice(data: FlightData) -> Choice:
    """Which calibrations the PI had chosen."""
    found: Choice = data.provenance.get("calibration_choice", "default")
    return found


def _everything(session: Session, key: Key) -> Iterator[_Kept]:
    """All that is kept of a flight file, Level 0 first."""
    released = {
        one.product_id: one
        for one in products(session, flight_id=key.flight_id, instrument_type=key.instrument_type)
    }
    for level, version, digest, as_of, product_id, *judged in session.query(
        _statement("made_of"), key._asdict()
    ):
        name, number, flags = judged
        yield _Kept(
            Level(level),
            Version.parse(version) if version else None,
            digest,
            as_of and as_of.replace(tzinfo=UTC),
            released.get(product_id),
            (name or "", int(number or 0)),
            int(flags or 0),
        )


def _files_differing(data: FlightData, product: Product, data_root: Path) -> list[str]:
    """Files of a product that are written otherwise now."""
    from skyledger.iagos.formats import netcdf
    from skyledger.iagos.formats.nasa_ames import writer

    told = []
    with TemporaryDirectory() as folder:
        for (path, sha256), write in zip(
            files_of(product, data_root), (netcdf.write_flight, writer.write_flight), strict=True
        ):
            if write(data, Path(folder, path.name), created=product.released_at) != sha256:
                told.append(f"{path.name} is written with other bytes (another version of a library?)")
    return told


def _rows(what: str, kept: Any, made: Any) -> list[str]:
    """How many rows of two arrays differ, bit by bit."""
    if kept is None or made is None:
        return [] if kept is made else [f"{what} is not in both"]
    bits = f"u{kept.dtype.itemsize}"
    other = np.ascontiguousarray(kept).view(bits) != np.ascontiguousarray(made, kept.dtype).view(bits)
    return [f"{what} ({np.count_nonzero(other)} of {len(kept)} rows)"] if other.any() else []


def _software(data: FlightData) -> set[str]:
    """All versions that had a part in the data."""
    told = data.provenance
    return {str(told["software"]), *(str(step["software"]) for step in told.get("steps", ()))}


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


@cache
def _statement(name: str) -> str:
    return (SQL_DIR / "iagos" / "series" / f"{name}.sql").read_text(encoding="utf-8")
