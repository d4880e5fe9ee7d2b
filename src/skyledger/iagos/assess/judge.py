"""From series without flags to series with validity: the flight's frame, run through the quality engine."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from skyledger.config import CONFIG_DIR, digest, load
from skyledger.errors import ConfigError
from skyledger.iagos.assess.findings import (
    MANUAL,
    Assessment,
    ManualFlags,
    Statistics,
    TestFinding,
    VariableAssessment,
)
from skyledger.iagos.flags import of_engine
from skyledger.iagos.flight import FlagArray, FlightData
from skyledger.quality import Frame, QualityConfig, Verdict, evaluate
from skyledger.quality.engine import intervals_of
from skyledger.quality.frame import FAIL
from skyledger.quality.groups import tests_of


def quality_config(name: str, version: int | None = None) -> QualityConfig:
    """The configuration in file `name` of include/config/iagos/quality, which must be of this version if one is given.

    Raises ConfigError. A version that is in use no more is in the database: `runs.kept_config`.
    """
    path = CONFIG_DIR / "iagos" / "quality" / f"{name}.yaml"
    config = load(QualityConfig, path)
    if version is not None and config.version != version:
        raise ConfigError(f"{path}: version {config.version}; expected {version}")
    return config


def assess(data: FlightData, config: QualityConfig, manual: ManualFlags | None = None) -> Assessment:
    """Judge every variable of a flight. Equal data, configuration and flags of people give an equal digest.

    The validity that the data bring does not count: a run begins anew, and only what people set stays.
    """
    manual = manual or ManualFlags()
    frame = Frame(
        time_s=data.time_s,
        series={name: one.value for name, one in data.series.items()},
        interval_s=data.interval_s,
        channels=data.channels,
        settings={f"{name} limited": 1.0 for name in data.provenance.get("limited", ())},
        manual={name: manual.of_variable(name, data.time_s) for name in data.series},
    )
    verdicts = evaluate(frame, config)
    validity = {name: of_engine(verdict.flag) for name, verdict in verdicts.items()}
    config_digest = digest(config)
    judged = with_flags(data, validity, config.name, config.version, config_digest)
    return Assessment(
        data=judged,
        config=config,
        config_digest=config_digest,
        manual=manual,
        input_digest=_input_digest(data, config_digest, manual),
        variables={
            name: _variable(judged, name, verdicts[name], config, frame.manual[name]) for name in data.series
        },
    )


def with_flags(
    data: FlightData, validity: Mapping[str, FlagArray], name: str, version: int, config_digest: str
) -> FlightData:
    """The data as a run leaves them: with its validity, and the configuration in their provenance."""
    quality = {"name": name, "version": version, "digest": config_digest}
    return replace(data.with_validity(validity), provenance={**data.provenance, "quality": quality})


def _input_digest(data: FlightData, config_digest: str, manual: ManualFlags) -> str:
    unflagged = data.with_validity({name: np.zeros(0, dtype=np.int8) for name in data.series})
    provenance = {key: value for key, value in data.provenance.items() if key != "quality"}
    sha = hashlib.sha256(replace(unflagged, provenance=provenance).digest().encode())
    for name, values in sorted(data.channels.items()):
        sha.update(name.encode() + np.ascontiguousarray(values).tobytes())
    sha.update(json.dumps([config_digest, manual.digest_parts()]).encode())
    return sha.hexdigest()


def _variable(
    data: FlightData, name: str, verdict: Verdict, config: QualityConfig, by_hand: FlagArray
) -> VariableAssessment:
    items = config.group(name).items if name in config.series else ()
    tests = {test.label: test for item in items for test in tests_of(item)}  # rules are none
    findings = [
        TestFinding(
            test=label,
            critical=label in tests and tests[label].critical,
            suspect=counts["suspect"],
            fail=counts["fail"],
            intervals=tuple(verdict.intervals.get(label, ())),
            intervals_left_out=verdict.intervals_left_out.get(label, 0),
            worst_value=verdict.worst.get(label, (None, None))[0],
            worst_at_s=verdict.worst.get(label, (None, None))[1],
            planned=label in tests and tests[label].planned,
        )
        for label, counts in verdict.counts.items()
    ]
    by_hand = np.where(np.isnan(data.series[name].value), np.int8(0), by_hand)
    if by_hand.any():
        intervals, left_out = intervals_of(data.time_s, by_hand != 0, data.interval_s)
        failed = int(np.count_nonzero(by_hand == FAIL))
        set_by_hand = int(np.count_nonzero(by_hand))
        findings.append(TestFinding(MANUAL, False, set_by_hand - failed, failed, tuple(intervals), left_out))
    series = data.series[name]
    return VariableAssessment(
        validity=series.validity,
        probability=verdict.probability,
        tests=verdict.tests,
        test_names=verdict.test_names,
        findings=tuple(findings),
        statistics=Statistics.of(series, data.time_s),
    )
