"""Files of released flights: what was decided about, as NetCDF, NASA Ames and Parquet, under its version.

The files are on disk before the database says so, and equal data give equal bytes: a run that was killed anywhere is
made good by the next one. What is written never changes. Loads netCDF4 when files are written.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skyledger.errors import PermanentError, StorageError
from skyledger.iagos import series, states
from skyledger.iagos.assess.runs import load_run
from skyledger.iagos.flags import Process
from skyledger.iagos.flight import FlightData, Key
from skyledger.iagos.names import Level, product_name
from skyledger.iagos.release.reports import report_of
from skyledger.iagos.release.sql import DATA_LEVEL, naive_now, statement
from skyledger.iagos.release.versions import Product, released_before, versions_of
from skyledger.iagos.science.importer import SOFTWARE
from skyledger.warehouse import Session, Warehouse

_PROCESS = {Level.NRT: Process.RAW, Level.L1: Process.INTERMEDIATE, Level.L2: Process.FINAL}


@dataclass(frozen=True, slots=True)
class Made:
    """Which versions of a flight are there as files."""

    key: Key
    level: Level
    written: tuple[str, ...] = ()  # versions whose files were not there before
    versions: tuple[str, ...] = ()  # all of this delivery

    def told(self) -> str:
        """One sentence."""
        if self.written:
            return f"wrote {self.level} {', '.join(self.written)}"
        return f"{self.level} {', '.join(self.versions)} is written already"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for XCom and reports."""
        return {
            "flight": self.key.text,
            "level": str(self.level),
            "written": list(self.written),
            "versions": list(self.versions),
        }


def make_products(warehouse: Warehouse, key: Key, level: Level, *, data_root: Path, run_id: str) -> Made:
    """Write the files of a released flight that are not there yet, or not any more.

    Raises PermanentError when nothing was released, StorageError when the data are not those that were decided about,
    or when a file that was lost cannot be written as it was.
    """
    with warehouse.session() as session, states.held(session, key.flight_id, key.instrument_type):
        found = [
            one for one in versions_of(session, key, level) if one.key == key and one.state != "withdrawn"
        ]
        if not found:
            raise PermanentError(f"{key} {level}: nothing has been released")
        written = [one for one in found if _write(session, one, data_root, run_id)]
    return Made(
        key, level, tuple(str(one.version) for one in written), tuple(str(one.version) for one in found)
    )


def files_of(product: Product, data_root: Path) -> tuple[tuple[Path, str | None], ...]:
    """Files of a product with the SHA-256 that they must have (None: not written yet): NetCDF, NASA Ames."""
    key = product.key
    folder = data_root / "iagos" / "products" / key.instrument_type / key.flight_id
    checksums = {"nc4": product.netcdf_sha256, "txt": product.nasa_ames_sha256}
    return tuple(
        (folder / product_name(key.flight_id, product.level, product.version, suffix), sha256)
        for suffix, sha256 in checksums.items()
    )


def intact(path: Path, sha256: str | None) -> bool:
    """Whether a file is what was written."""
    if sha256 is None or not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _write(session: Session, product: Product, data_root: Path, run_id: str) -> bool:
    """Write the files of a product, unless they are there."""
    from skyledger.iagos.formats import netcdf
    from skyledger.iagos.formats.nasa_ames import writer

    files = files_of(product, data_root)
    if all(intact(*file) for file in files):
        return False
    pending = product.state == "pending"
    if pending:
        data = released_data(session, product, data_root)
    else:
        data = series.load(session, data_root, product.key, product.level, product.version)
    made = []
    for (path, expected), write in zip(files, (netcdf.write_flight, writer.write_flight), strict=True):
        beside = path if pending else path.with_name(f".{path.name}")
        sha256 = write(data, beside, created=product.released_at)
        if not pending:
            _put_back(beside, path, sha256, expected)
        made.append((str(path.relative_to(data_root)), sha256))
    if pending:
        (netcdf_path, netcdf_sha256), (nasa_ames_path, nasa_ames_sha256) = made
        before = released_before(session, data_root, product.key, product.level, product.version)
        judged = series.kept(session, product.key, DATA_LEVEL[product.level])

        def note() -> None:
            series.keep(session, data, data_root, run_id=run_id, as_of=judged and judged.as_of)
            session.execute(
                statement("note_written"),
                {
                    "product_id": product.product_id,
                    "netcdf_path": netcdf_path,
                    "netcdf_sha256": netcdf_sha256,
                    "nasa_ames_path": nasa_ames_path,
                    "nasa_ames_sha256": nasa_ames_sha256,
                    "diff_summary": difference(data, before) if before else None,
                    "now": naive_now(),
                    "run_id": run_id,
                },
            )

        session.commit(note)
    return True


def _put_back(beside: Path, path: Path, sha256: str, expected: str | None) -> None:
    """A file that was lost comes back as it was, or not at all."""
    if sha256 == expected:
        beside.replace(path)
        return
    beside.unlink()
    raise StorageError(
        f"{path}: was lost or changed, and cannot be written as it was (SHA-256 {sha256[:8]}, expected"
        f" {str(expected)[:8]}): bring it back from the backup"
    )


def released_data(session: Session, product: Product, data_root: Path) -> FlightData:
    """The data that were decided about, under their level, version and process flag.

    Raises StorageError when they are not there as they were.
    """
    level, key = product.level, product.key
    report = report_of(session, key, Level.L1 if level is Level.NRT else level, product.report_id)
    stored = series.load(session, data_root, key, DATA_LEVEL[level])
    judged = load_run(session, report.qc_run_id, data_root).applied_to(stored)
    if judged.digest() != product.data_digest:
        raise StorageError(
            f"{product}: the data have digest {judged.digest()[:8]}, decided was about {product.data_digest[:8]}"
        )
    return as_released(judged, product)


def as_released(judged: FlightData, product: Product) -> FlightData:
    """Judged data as a product holds them: its variables, level, version and process flag."""
    level, key = product.level, product.key
    by = "automatic" if product.decision_id is None else f"PI of {key.instrument_type}"
    told = {
        **judged.provenance,
        "steps": [
            *judged.provenance.get("steps", ()),
            {"level": str(level), "software": SOFTWARE, "from": product.data_digest},
        ],
        "release": {
            "version": str(product.version),
            "at": product.released_at.isoformat(),
            "by": by,
            "decision": product.decision_id,
            "reason": product.reason,
        },
    }
    names = product.made_with["variables"]
    return replace(
        judged,
        level=level,
        version=product.version,
        process=_PROCESS[level],
        series={name: one for name, one in judged.series.items() if name in names},
        channels={},
        provenance=told,
    )


def difference(data: FlightData, before: FlightData) -> str:
    """What changed since a version, in words."""
    from skyledger.iagos.report.comparison import compare

    found = compare(data, before)
    told = [f"compared with {found.label}"]
    if found.identical:
        return f"{told[0]}: nothing changed"
    told += [
        f"{n} rows {word}" for n, word in ((found.only_here, "added"), (found.only_before, "removed")) if n
    ]
    told += [f"{name} added" for name in found.added] + [f"{name} removed" for name in found.removed]
    for name, one in found.variables.items():
        if one.changed_values or one.changed_flags:
            mean = "" if one.mean is None else f", mean difference {one.mean:.4g}, largest {one.largest:.4g}"
            told.append(f"{name}: {one.changed_values} values and {one.changed_flags} flags differ{mean}")
    return "; ".join(told)
