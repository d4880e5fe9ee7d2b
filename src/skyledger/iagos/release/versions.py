"""Versions of products: x.y.z is format or names of variables, science, details. A version never changes; a newer one
takes its place, and the old one stays readable.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from skyledger.iagos import series
from skyledger.iagos.flight import FlightData, Key
from skyledger.iagos.names import FIRST_VERSION, Level, Version
from skyledger.iagos.release.sql import DATA_LEVEL, naive_now, statement
from skyledger.iagos.variables import variables
from skyledger.warehouse import Session

FORMAT = 1  # of product files: raise it with whatever a reader of them would notice

Change = Literal["x", "y", "z"]
ProductState = Literal["pending", "written", "pushed", "failed", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Product:
    """One version of a flight of an instrument at a level."""

    product_id: int
    key: Key  # delivery that it is made from
    level: Level
    version: Version
    report_id: int
    data_digest: str
    decision_id: int | None  # None: NRT
    made_with: Mapping[str, Any]
    reason: str
    diff_summary: str | None
    superseded_by: int | None
    state: ProductState
    netcdf_path: str | None  # below the data root
    netcdf_sha256: str | None
    nasa_ames_path: str | None
    nasa_ames_sha256: str | None
    tries: int
    message: str
    released_at: datetime  # UTC

    def __str__(self) -> str:
        return f"{self.key.flight_id} {self.key.instrument_type} {self.level} {self.version}"


def products(
    session: Session,
    *,
    flight_id: str | None = None,
    instrument_type: str | None = None,
    level: Level | None = None,
    among: Iterable[ProductState] = (),
) -> list[Product]:
    """Versions of all deliveries, oldest first; all of them unless restricted."""
    rows = session.query(
        statement("products"),
        {
            "flight_id": flight_id,
            "instrument_type": instrument_type,
            "level_name": level and str(level),
            "among": ",".join(among) or None,
        },
    )
    return [_product(row) for row in rows]


def unwritten(session: Session, key: Key) -> bool:
    """Whether files of a release of a delivery are still to be written: its data must not change before."""
    found = products(
        session, flight_id=key.flight_id, instrument_type=key.instrument_type, among=("pending",)
    )
    return any(one.key == key and one.decision_id is not None for one in found)


def versions_of(session: Session, key: Key, level: Level) -> list[Product]:
    """Versions of a flight at a level, of all deliveries, oldest first."""
    return products(session, flight_id=key.flight_id, instrument_type=key.instrument_type, level=level)


def next_version(session: Session, key: Key, level: Level, change: Change) -> Version:
    """The version that follows the highest one of any delivery; the first one when there is none."""
    found = versions_of(session, key, level)
    if not found:
        return FIRST_VERSION
    x, y, z = found[-1].version
    return {"x": Version(x + 1, 0, 0), "y": Version(x, y + 1, 0), "z": Version(x, y, z + 1)}[change]


def change_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> Change:
    """Which part of the version rises."""
    differing = {name for name in after if before.get(name) != after[name]}
    if differing & {"format", "variables"}:
        return "x"
    return "y" if differing else "z"


def add_product(
    session: Session,
    key: Key,
    level: Level,
    report_id: int,
    data_digest: str,
    *,
    why: str,
    run_id: str,
    decision_id: int | None = None,
    l1_product_id: int | None = None,
    chosen: tuple[str, ...] | None = None,
) -> tuple[Product, bool]:
    """Note the next version, to be written, in the caller's transaction; whether it is new.

    The same data of the same variables as in the version that counts are that version. `chosen` are variables of the
    instrument, None all of them; `why` is added to the reason. The caller holds the flight.
    """
    made_with = _made_with(session, key, level, report_id, chosen)
    existing = versions_of(session, key, level)
    last = existing[-1] if existing else None
    if last and last.state != "withdrawn" and _same(last, key, data_digest, made_with):
        return last, False
    version = next_version(session, key, level, change_between(last.made_with, made_with) if last else "z")
    values = {
        **key._asdict(),
        "level_name": str(level),
        **version._asdict(),
        "report_id": report_id,
        "data_digest": data_digest,
        "decision_id": decision_id,
        "l1_product_id": l1_product_id,
        "made_with": json.dumps(made_with),
        "reason": _reason(last, made_with, why),
        "now": naive_now(),
        "run_id": run_id,
    }
    session.execute(statement("add_product"), values)
    found = versions_of(session, key, level)[-1]
    session.execute(statement("supersede"), {**values, "product_id": found.product_id})
    return found, True


def released_before(
    session: Session, data_root: Path, key: Key, level: Level, than: Version | None = None
) -> FlightData | None:
    """What to compare data of a level with: the version before, else the Level 1 that a first Level 2 follows.

    Of any delivery, and not withdrawn. `than`: earlier than this version. None when nothing was released before.
    """
    found = [one for one in _written(session, key, level) if than is None or one.version < than]
    if not found and level is Level.L2:
        found = _written(session, key, Level.L1)
    if not found:
        return None
    return series.load(session, data_root, found[-1].key, found[-1].level, found[-1].version)


def _written(session: Session, key: Key, level: Level) -> list[Product]:
    """Versions that are there to be read, oldest first."""
    return [one for one in versions_of(session, key, level) if one.state not in ("pending", "withdrawn")]


def _made_with(
    session: Session, key: Key, level: Level, report_id: int, chosen: tuple[str, ...] | None
) -> dict[str, Any]:
    rows = session.query(
        statement("made_with"), {"report_id": report_id, "data_level": str(DATA_LEVEL[level])}
    )
    calibrations, software, source_sha256, quality, _ = rows[0]
    names = [row[-1] for row in rows]
    return {
        "format": FORMAT,
        "variables": [
            name
            for name in names
            if chosen is None or name in chosen or variables()[name].kind != "instrument"
        ],
        "delivery": key.revision,
        "raw file": source_sha256[:12],
        "calibrations": calibrations,
        "software": software,
        "quality control": quality,
    }


def _same(last: Product, key: Key, data_digest: str, made_with: Mapping[str, Any]) -> bool:
    return (last.key, last.data_digest) == (key, data_digest) and last.made_with == made_with


def _reason(last: Product | None, made_with: Mapping[str, Any], why: str) -> str:
    if last is None:
        told = "first release"
    else:
        changes = [
            f"{name} {_shown(last.made_with.get(name))} -> {_shown(made_with[name])}"
            for name in made_with
            if last.made_with.get(name) != made_with[name]
        ]
        told = "; ".join(changes) or "flags or metadata"
    return f"{told}: {why}" if why else told


def _shown(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _product(row: tuple[Any, ...]) -> Product:
    number, flight_id, instrument_type, revision, level, x, y, z, *about = row
    report_id, digest, decision_id, made_with, reason, diff, superseded_by, state, *delivery = about
    netcdf_path, netcdf_sha256, nasa_ames_path, nasa_ames_sha256, tries, message, released_at = delivery
    return Product(
        product_id=int(number),
        key=Key(flight_id, instrument_type, int(revision)),
        level=Level(level),
        version=Version(x, y, z),
        report_id=int(report_id),
        data_digest=digest,
        decision_id=decision_id,
        made_with=json.loads(made_with),
        reason=reason,
        diff_summary=diff,
        superseded_by=superseded_by,
        state=state,
        netcdf_path=netcdf_path,
        netcdf_sha256=netcdf_sha256,
        nasa_ames_path=nasa_ames_path,
        nasa_ames_sha256=nasa_ames_sha256,
        tries=int(tries),
        message=message,
        released_at=released_at.replace(tzinfo=UTC),
    )
