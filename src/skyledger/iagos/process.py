"""Drives a flight file from one state to the next: read and keep, judge and report, wait for the PI.

Each function looks at the state, does the step if there is one to do, and commits data, ledger and state together. So
it may be called again after anything, and does nothing when there is nothing to do.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from skyledger import ledger
from skyledger.config import digest
from skyledger.errors import PermanentError, SkyledgerError
from skyledger.iagos import series
from skyledger.iagos.assess import assess, quality_config
from skyledger.iagos.assess.by_hand import manual_flags
from skyledger.iagos.assess.encounters import encounters
from skyledger.iagos.assess.runs import keep_run
from skyledger.iagos.flight import FlightData, Key
from skyledger.iagos.formats import raw
from skyledger.iagos.instruments import load_instrument
from skyledger.iagos.metadata.calibrations import CalibrationSet, calibration_set
from skyledger.iagos.metadata.flights import flight, note_flight
from skyledger.iagos.names import Level
from skyledger.iagos.release.choices import Chosen, chosen
from skyledger.iagos.release.reports import newest_report, note_report
from skyledger.iagos.release.rules import release_rules
from skyledger.iagos.release.versions import released_before
from skyledger.iagos.report import ReportContext, build
from skyledger.iagos.report import SourceFile as RawSource
from skyledger.iagos.report import keep as keep_report
from skyledger.iagos.science.importer import SOFTWARE, make_l0, make_l2, renew_l0
from skyledger.iagos.states import AUTOMATIC, FlightState, State, held, history, move, state_of, states
from skyledger.iagos.transfer.offered import SourceFile, raw_bytes, source_file
from skyledger.quality import QualityConfig
from skyledger.warehouse import Session, Warehouse

L0_DATASET, QUALITY_DATASET = (
    "iagos.l0",
    "iagos.quality",
)  # member: instrument type; partition: FLIGHT|rREVISION
AGAIN_AFTER = timedelta(hours=6)  # what failed for lack of a row is tried again by itself

LOST_AFTER = timedelta(hours=2)  # what is on its way moves more often, unless hundreds of flights wait

TO_IMPORT = (State.RECEIVED, State.PARSED, State.PARSE_FAILED, State.IMPORT_FAILED)
TO_CHECK = (State.STORED_L0, State.QC_RUNNING, State.QC_FAILED, State.REPROCESS, State.L2_CANDIDATE)
TO_WAIT = (State.QC_DONE, State.NRT_EXPORTED)
FAILED = (State.IMPORT_FAILED, State.QC_FAILED)
TO_JUDGE_AGAIN = (State.AWAITING_L1, State.AWAITING_L2, State.REJECTED)


@dataclass(slots=True)
class Processed:
    """What a step did with a flight file."""

    key: Key
    state: str = ""
    message: str = "nothing to do"
    report: str | None = None  # below <data>/iagos/reports
    seconds: float = 0.0

    def told(self) -> str:
        """For the log."""
        return f"{self.message} ({self.state}, {self.seconds:.1f} s)"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for XCom and reports."""
        return {
            "flight": self.key.text,
            "state": self.state,
            "message": self.message,
            "report": self.report,
            "seconds": round(self.seconds, 3),
        }


def unfinished(session: Session, *, named: Collection[str] = ()) -> list[Key]:
    """Flight files with something to do by themselves, in order of flight; `named` flights also when they failed.

    A file that cannot be read is not tried again unless it is named. What lacked a row in the instrument database is
    tried again after some hours.
    """
    return [one.key for one in _unfinished(session, named)]


def to_announce(session: Session, run_id: str) -> list[Key]:
    """Unfinished files that a run has brought, and those that nobody has moved for hours: their event was lost."""
    lost = datetime.now(UTC) - LOST_AFTER
    return [one.key for one in _unfinished(session) if one.run_id == run_id or one.since < lost]


def _unfinished(session: Session, named: Collection[str] = ()) -> list[FlightState]:
    recent = datetime.now(UTC) - AGAIN_AFTER
    found = []
    for one in states(session, among=(*TO_IMPORT, *TO_CHECK, *TO_WAIT, State.EXPORT_FAILED)):
        waits = one.state is State.PARSE_FAILED or (one.state in FAILED and one.since > recent)
        if waits and one.key.flight_id not in named:
            continue
        if one.state is State.EXPORT_FAILED and not _failed_nrt(session, one.key):
            continue  # a released product: `iagos_flights_release` delivers it
        found.append(one)
    return found


def process_again(session: Session, flights: Collection[str], *, actor: str, run_id: str) -> list[Key]:
    """Let flights that wait for a decision, or were rejected, be judged again; all that wait when none is named."""
    taken = []
    for one in states(session, among=TO_JUDGE_AGAIN):
        if one.key.flight_id in flights or (not flights and one.state is not State.REJECTED):
            with held(session, one.key.flight_id, one.key.instrument_type), session.transaction():
                move(
                    session,
                    one.key,
                    State.REPROCESS,
                    before=TO_JUDGE_AGAIN,
                    reason="judged again on request",
                    run_id=run_id,
                    actor=actor,
                )
            taken.append(one.key)
    return taken


def import_flight(warehouse: Warehouse, key: Key, *, data_root: Path, run_id: str) -> Processed:
    """Read the raw file of a flight and keep its series as Level 0.

    Raises FormatError or StorageError when the file cannot be read (PARSE_FAILED), PermanentError when the instrument
    database lacks something or contradicts it (IMPORT_FAILED).
    """
    done = Processed(key)
    started = time.monotonic()
    with warehouse.session() as session, held(session, key.flight_id, key.instrument_type):
        if _state(session, key) in TO_IMPORT:
            file = _received(session, key)
            instrument = load_instrument(key.instrument_type)
            item = _item(key, file.sha256 or "")

            def failed(error: SkyledgerError) -> None:
                state, after = _state(session, key), State.IMPORT_FAILED
                if state in (State.RECEIVED, State.PARSE_FAILED):
                    after = State.PARSE_FAILED if isinstance(error, PermanentError) else state
                if state is not after:
                    move(session, key, after, before=TO_IMPORT, reason=str(error), run_id=run_id)

            with ledger.attempt(
                session, L0_DATASET, item, run_id=run_id, config_digest=digest(instrument), failed=failed
            ):
                rows, rejected = _import(session, key, file, data_root, item, run_id)
            done.message = f"{rows} rows kept" + (f", {rejected} lines rejected" if rejected else "")
        done.state = _state(session, key)
    done.seconds = time.monotonic() - started
    return done


def check_flight(warehouse: Warehouse, key: Key, *, data_root: Path, run_id: str) -> Processed:
    """Compute the values of a flight with the calibrations as known now, judge them and write the report.

    Both as the PI has chosen for the flight file. Level 0 with other values takes the place of the one before.
    """
    done = Processed(key)
    started = time.monotonic()
    with warehouse.session() as session, held(session, key.flight_id, key.instrument_type):
        if _state(session, key) in TO_CHECK:
            level = _target(session, key)
            instrument = load_instrument(key.instrument_type)
            choices = chosen(session, key)
            config = quality_config(choices.quality_file or instrument.quality)
            _begin_check(session, key, level, run_id)
            kept = series.kept(session, key, Level.L0)
            item = _item(key, kept.digest if kept else "")

            def failed(error: SkyledgerError) -> None:
                before = (State.QC_RUNNING, State.L2_CANDIDATE)
                move(session, key, State.QC_FAILED, before=before, reason=str(error), run_id=run_id)

            with ledger.attempt(
                session, QUALITY_DATASET, item, run_id=run_id, config_digest=digest(config), failed=failed
            ):
                _check(session, key, level, config, choices, data_root, item, done, run_id)
        elif report := newest_report(session, key, _target(session, key)):
            done.report = report.page
        done.state = _state(session, key)
    done.seconds = time.monotonic() - started
    return done


def let_wait(warehouse: Warehouse, key: Key, *, run_id: str) -> Level | None:
    """Let a judged flight wait for its PI. Returns the level the decision is about; None when it does not wait."""
    with warehouse.session() as session, held(session, key.flight_id, key.instrument_type):
        state = _state(session, key)
        if state in TO_WAIT or (state is State.EXPORT_FAILED and _failed_nrt(session, key)):
            with session.transaction():
                move(
                    session,
                    key,
                    State.AWAITING_L1,
                    before=(*TO_WAIT, State.EXPORT_FAILED),
                    reason="judged: the PI is asked",
                    run_id=run_id,
                )
            return Level.L1
        return {State.AWAITING_L1: Level.L1, State.AWAITING_L2: Level.L2}.get(state)


def _import(
    session: Session, key: Key, file: SourceFile, data_root: Path, item: ledger.Item, run_id: str
) -> tuple[int, int]:
    """Steps to PARSED and to STORED_L0. Returns rows kept and lines rejected."""
    found = raw.read(raw_bytes(file, data_root), file.name)
    if _state(session, key) is not State.PARSED:
        with session.transaction():
            move(
                session,
                key,
                State.PARSED,
                before=(State.RECEIVED, State.PARSE_FAILED, State.IMPORT_FAILED),
                reason=f"{len(found.time_s)} rows read",
                run_id=run_id,
            )
    instrument = load_instrument(key.instrument_type)
    as_of = datetime.now(UTC)
    if file.departure and file.arrival:
        with session.transaction():
            note_flight(
                session, key.flight_id, departure=file.departure, arrival=file.arrival, actor=AUTOMATIC
            )
    calibrations = calibration_set(session, key.flight_id, key.instrument_type, as_of)
    data = make_l0(
        found,
        instrument,
        calibrations,
        flight(session, key.flight_id),
        key,
        source={"name": file.name, "sha256": file.sha256 or ""},
    )

    def keep() -> None:
        series.keep(session, data, data_root, run_id=run_id, as_of=as_of)
        move(
            session,
            key,
            State.STORED_L0,
            before=State.PARSED,
            reason=f"{len(data)} rows as Level 0",
            run_id=run_id,
        )
        rows, rejected = len(found.time_s), len(found.rejected)
        stored = ledger.State.PARTIAL if rejected else ledger.State.STORED
        outcome = ledger.Outcome(item.member, item.partition_key, stored, rows + rejected, rows, rejected)
        ledger.close(session, L0_DATASET, [outcome], [item], config_digest=digest(instrument))
        ledger.replace_rejected(session, L0_DATASET, _rejected(item, found, file.name))

    session.commit(keep)
    return len(data), len(found.rejected)


def _begin_check(session: Session, key: Key, level: Level, run_id: str) -> None:
    """QC_RUNNING for Level 1, L2_CANDIDATE for Level 2."""
    state = _state(session, key)
    after = State.QC_RUNNING if level is Level.L1 else State.L2_CANDIDATE
    if state is not after:
        with session.transaction():
            move(session, key, after, before=state, reason=f"judged for {level}", run_id=run_id)


def _check(
    session: Session,
    key: Key,
    level: Level,
    config: QualityConfig,
    choices: Chosen,
    data_root: Path,
    item: ledger.Item,
    done: Processed,
    run_id: str,
) -> None:
    data, calibrations = _data(session, key, level, choices, data_root)
    if level is Level.L1:  # what is judged is kept as Level 0, in place of what was
        item = item._replace(source_digest=data.digest())
    verdict = assess(data, config, manual_flags(session, key))
    report = build(
        verdict.data,
        verdict,
        ReportContext(
            key=key,
            level=level,
            flight=flight(session, key.flight_id),
            calibrations=calibrations,
            source_file=_raw_source(_received(session, key)),
            software=SOFTWARE,
            rules=release_rules(),
            state=_state(session, key),
            made_at=datetime.now(UTC),
            previous=released_before(session, data_root, key, level),
            chosen=choices,
            encounters=tuple(encounters(session, verdict.data, data_root)),
        ),
    )
    paths = keep_report(report, data_root)

    def keep() -> None:
        series.keep(session, data, data_root, run_id=run_id, as_of=calibrations.as_of)
        qc_run_id = keep_run(session, key, verdict.data.level, verdict, run_id, data_root)
        note_report(session, key, level, qc_run_id, report, paths, run_id)
        before, after = (
            (State.QC_RUNNING, State.QC_DONE)
            if level is Level.L1
            else (State.L2_CANDIDATE, State.AWAITING_L2)
        )
        reason = f"judged with {config.name} {config.version}; suggested: {report.suggestion}"
        move(session, key, after, before=before, reason=reason, run_id=run_id)
        outcome = ledger.Outcome(
            item.member, item.partition_key, ledger.State.STORED, len(data), len(data), 0, reason
        )
        ledger.close(session, QUALITY_DATASET, [outcome], [item], config_digest=digest(config))

    session.commit(keep)
    done.report = str(paths.html.relative_to(data_root / "iagos" / "reports"))
    done.message = f"{level} suggested: {report.suggestion}"


def _data(
    session: Session, key: Key, level: Level, choices: Chosen, data_root: Path
) -> tuple[FlightData, CalibrationSet]:
    """What is to be judged, and the calibrations in it, as known now: Level 0 anew, or a candidate for Level 2."""
    l0 = series.load(session, data_root, key, Level.L0)
    calibrations = calibration_set(
        session, key.flight_id, key.instrument_type, datetime.now(UTC), choices.calibration_choice
    )
    make = renew_l0 if level is Level.L1 else make_l2
    return make(l0, load_instrument(key.instrument_type), calibrations), calibrations


def _target(session: Session, key: Key) -> Level:
    """Which level the next decision is about: by the last time the file waited for one."""
    for step in reversed(history(session, key)):
        if step.after in (State.L2_CANDIDATE, State.AWAITING_L2, State.L2_RELEASED):
            return Level.L2
        if step.after in (State.AWAITING_L1, State.AWAITING_CAL):
            break
    return Level.L1


def _failed_nrt(session: Session, key: Key) -> bool:
    """Whether the export that failed is that of near-real-time data."""
    last = history(session, key)[-1]
    return last.after == State.EXPORT_FAILED and last.before == State.QC_DONE


def _state(session: Session, key: Key) -> State:
    found = state_of(session, key)
    if found is None:
        raise PermanentError(f"flight file {key} is not known")
    return found.state


def _received(session: Session, key: Key) -> SourceFile:
    file = source_file(session, key)
    if file is None or file.raw_path is None:
        raise PermanentError(f"{key}: no raw file is here")
    return file


def _raw_source(file: SourceFile) -> RawSource:
    return RawSource(file.name, file.sha256 or "", file.bytes, file.file_id, file.received_at)


def _item(key: Key, source_digest: str) -> ledger.Item:
    partition = f"{key.flight_id}|r{key.revision}"
    return ledger.Item(key.instrument_type, partition, ledger.Reason.NEW, 1, source_digest)


def _rejected(item: ledger.Item, found: raw.RawFlight, name: str) -> pa.Table:
    """Lines of the raw file that were set aside, as the ledger keeps them."""
    lines = found.rejected
    return pa.table(
        {
            "member": pa.array([item.member] * len(lines), pa.string()),
            "partition_key": pa.array([item.partition_key] * len(lines), pa.string()),
            "record_key": pa.array([f"line {one.line}" for one in lines], pa.string()),
            "source": pa.array([name] * len(lines), pa.string()),
            "reason": pa.array([one.reason for one in lines], pa.string()),
            "raw": pa.array([one.text for one in lines], pa.string()),
        }
    )
