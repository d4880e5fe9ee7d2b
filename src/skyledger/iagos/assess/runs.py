"""Where verdicts are kept: configuration, run and findings in the database, results per point in a Parquet file.

The file is on disk before the rows that speak of it. Its name holds the digest of its content, so a run that is made
again finds everything as it is.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from skyledger.config import SQL_DIR
from skyledger.errors import ConfigError, PermanentError, StorageError
from skyledger.files import atomic
from skyledger.iagos.assess.findings import Assessment, Statistics, moment
from skyledger.iagos.assess.judge import with_flags
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import FlagArray, FlightData, FloatArray, Key
from skyledger.iagos.names import Level
from skyledger.quality import QualityConfig
from skyledger.warehouse import Session

_DIGITS = 16  # of the digest, in file names
_NAMES = b"test_names"  # in the file's metadata


class QcRun(NamedTuple):
    """A verdict, as the database knows it."""

    qc_run_id: int
    level: Level
    config_name: str
    config_version: int
    input_digest: str
    output_digest: str
    data_digest: str  # of the data with their new validity
    path: str  # below the data folder
    sha256: str
    made_at: datetime  # UTC


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A verdict with its results per point. Arrays have shape (n,)."""

    run: QcRun
    config_digest: str
    time_s: FloatArray  # Unix seconds UTC
    validity: Mapping[str, FlagArray]
    probability: Mapping[str, NDArray[np.float32]]
    tests: Mapping[str, NDArray[np.int64]]  # bit i: test i of `test_names` objected
    test_names: Mapping[str, tuple[str, ...]]

    def applied_to(self, data: FlightData) -> FlightData:
        """The data as the run left them. Raises StorageError when they are not those that it judged."""
        run = self.run
        if np.array_equal(data.time_s, self.time_s):
            judged = with_flags(data, self.validity, run.config_name, run.config_version, self.config_digest)
            if judged.digest() == run.data_digest:
                return judged
        raise StorageError(
            f"{data.key}, {data.level}: the data are not those that quality run {run.qc_run_id} judged: run it again"
        )


def keep_run(
    session: Session, key: Key, level: Level, assessment: Assessment, run_id: str, data_root: Path
) -> int:
    """Keep a verdict, in the caller's transaction, and return its number; the same verdict again changes nothing.

    Raises ConfigError when this name and version were used with another content.
    """
    name = f"r{key.revision}_{level}_{assessment.digest[:_DIGITS]}.parquet"
    path = Path("iagos", "quality", key.instrument_type, key.flight_id, name)
    sha256 = _write(data_root / path, assessment)
    now = datetime.now(UTC).replace(tzinfo=None)
    _keep_config(session, assessment, now)
    wanted = {**key._asdict(), "data_level": str(level), "output_digest": assessment.digest}
    if found := session.query(_statement("find_run"), wanted):
        return int(found[0][0])
    session.execute(
        _statement("keep_run"),
        {
            **wanted,
            "config_name": assessment.config.name,
            "config_version": assessment.config.version,
            "input_digest": assessment.input_digest,
            "data_digest": assessment.data.digest(),
            "path": str(path),
            "sha256": sha256,
            "now": now,
            "run_id": run_id,
        },
    )
    qc_run_id = int(session.query(_statement("find_run"), wanted)[0][0])
    for variable, one in assessment.variables.items():
        session.execute(
            _statement("keep_variable"),
            {"qc_run_id": qc_run_id, "variable": variable, **_row(one.statistics)},
        )
        for finding in one.findings:
            session.execute(
                _statement("keep_result"),
                {
                    "qc_run_id": qc_run_id,
                    "variable": variable,
                    "test": finding.test,
                    "critical": finding.critical,
                    "n_suspect": finding.suspect,
                    "n_fail": finding.fail,
                    "intervals": json.dumps(finding.intervals),
                    "intervals_left_out": finding.intervals_left_out,
                    "worst_value": _finite(finding.worst_value),
                    "worst_at_utc": _utc(finding.worst_at_s),
                },
            )
    return qc_run_id


def newest_run(session: Session, key: Key, level: Level | None = None) -> QcRun | None:
    """The verdict on a file (at a level) that was made last; None when there is none."""
    wanted = {**key._asdict(), "data_level": level and str(level), "output_digest": None}
    found = session.query(_statement("find_run"), wanted)
    return _qc_run(found[0]) if found else None


def load_run(session: Session, qc_run_id: int, data_root: Path) -> KeptRun:
    """A verdict with its results per point.

    Raises PermanentError when there is no such verdict, StorageError when its file is not what was written.
    """
    found = session.query(_statement("run_of_id"), {"qc_run_id": qc_run_id})
    if not found:
        raise PermanentError(f"quality run {qc_run_id} is not known")
    run = _qc_run(found[0])
    path = data_root / run.path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; quality run {run.qc_run_id} needs it") from error
    if (sha256 := hashlib.sha256(content).hexdigest()) != run.sha256:
        raise StorageError(f"{path}: SHA-256 is {sha256}; expected {run.sha256}: the file was changed")
    table = pq.read_table(pa.BufferReader(content))
    names = json.loads(table.schema.metadata[_NAMES])

    def arrays(suffix: str) -> dict[str, NDArray[Any]]:
        return {name: table.column(f"{name}{suffix}").to_numpy() for name in names}

    ((config_digest, _),) = session.query(
        _statement("find_config"), {"config_name": run.config_name, "config_version": run.config_version}
    )
    return KeptRun(
        run=run,
        config_digest=config_digest,
        time_s=table.column("time_s").to_numpy(),
        validity=arrays("_validity"),
        probability=arrays("_probability"),
        tests=arrays("_tests"),
        test_names={name: tuple(labels) for name, labels in names.items()},
    )


def kept_config(session: Session, name: str, version: int) -> QualityConfig:
    """A configuration that was used, whatever its file says today. Raises ConfigError when it never was."""
    found = session.query(_statement("find_config"), {"config_name": name, "config_version": version})
    if not found:
        raise ConfigError(f"quality configuration {name} version {version} was never used")
    return QualityConfig.model_validate_json(found[0][1])


def _keep_config(session: Session, assessment: Assessment, now: datetime) -> None:
    config = assessment.config
    named = {"config_name": config.name, "config_version": config.version}
    content = config.model_dump_json()
    session.execute(
        _statement("keep_config"),
        {**named, "digest": assessment.config_digest, "content": content, "now": now},
    )
    ((kept, _),) = session.query(_statement("find_config"), named)
    if kept != assessment.config_digest:
        raise ConfigError(
            f"quality configuration {config.name}, version {config.version}: was used with another content; "
            "expected a higher version after every change"
        )


def _write(path: Path, assessment: Assessment) -> str:
    """Results per point, as a file; returns its SHA-256. The same content is not written again."""
    columns: dict[str, Any] = {"time_s": assessment.data.time_s}
    for name, one in assessment.variables.items():
        columns[f"{name}_validity"] = one.validity
        columns[f"{name}_probability"] = one.probability
        columns[f"{name}_tests"] = one.tests
    names = {name: one.test_names for name, one in assessment.variables.items()}
    table = pa.table(columns).replace_schema_metadata({_NAMES: json.dumps(names)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_statistics=False)
    content = sink.getvalue().to_pybytes()
    try:
        if not (path.is_file() and path.read_bytes() == content):
            with atomic(path) as temporary:
                temporary.write_bytes(content)
    except OSError as error:
        raise StorageError(f"{path}: cannot write it: {error.strerror or error}") from error
    return hashlib.sha256(content).hexdigest()


def _row(told: Statistics) -> dict[str, Any]:
    return {
        "n_rows": told.n,
        "n_good": told.counts[Validity.GOOD],
        "n_limited": told.counts[Validity.LIMITED],
        "n_erroneous": told.counts[Validity.ERRONEOUS],
        "n_not_validated": told.counts[Validity.NOT_VALIDATED],
        "n_missing": told.counts[Validity.MISSING],
        "lowest": _finite(told.minimum),
        "median": _finite(told.median),
        "highest": _finite(told.maximum),
        "first_good_utc": _utc(told.first_good_s),
        "last_good_utc": _utc(told.last_good_s),
    }


def _finite(value: float | None) -> float | None:
    """The database knows no infinity."""
    return value if value is not None and np.isfinite(value) else None


def _utc(time_s: float | None) -> datetime | None:
    return None if time_s is None else moment(time_s).replace(tzinfo=None)


def _qc_run(row: tuple[Any, ...]) -> QcRun:
    number, level, name, version, *texts, made_at = row
    input_digest, output_digest, data_digest, path, sha256 = map(str, texts)
    return QcRun(
        int(number),
        Level(level),
        name,
        int(version),
        input_digest,
        output_digest,
        data_digest,
        path,
        sha256,
        made_at.replace(tzinfo=UTC),
    )


@cache
def _statement(name: str) -> str:
    return (SQL_DIR / "iagos" / "quality" / f"{name}.sql").read_text(encoding="utf-8")
