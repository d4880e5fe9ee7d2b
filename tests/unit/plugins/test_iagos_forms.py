"""What the forms of the IAGOS DAGs hand on: each field arrives where it is meant to."""

from collections import namedtuple
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from flows import iagos
from skyledger.iagos.flight import Key
from skyledger.iagos.names import Level
from skyledger.iagos.release import decide, reports, reprocess

KEY = Key("2024030512345602", "P1", 1)
WAREHOUSE = SimpleNamespace(session=lambda: nullcontext("session"))
RELEASE = {
    "flights": [KEY.flight_id],
    "instrument_type": "P1",
    "level": "L2",
    "action": "rerun",
    "comment": "why",
}
RELEASE |= {"digest": None, "variables": [], "quality": None, "calibrations": None}


def context(**params):
    run = SimpleNamespace(triggering_user_name="pi_p1")
    return {"params": params, "run_id": "r", "dag_run": run, "ti": SimpleNamespace(xcom_push=lambda *_: None)}


@pytest.fixture(autouse=True)
def nothing_behind(monkeypatch):
    """No database: a flight with a report."""
    monkeypatch.setattr(iagos, "_warehouse", lambda: WAREHOUSE)
    monkeypatch.setattr(iagos, "_newest_key", lambda flight, kind: Key(flight, kind, 1))
    report = namedtuple("Report", ["key", "data_digest"])
    monkeypatch.setattr(reports, "newest_report", lambda session, key, level: report(key, "d" * 64))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (None, None, None)),
        ({"quality": "P1"}, (None, "P1", None)),
        ({"calibrations": "post"}, (None, None, "post")),
        ({"action": "release", "variables": ["O3_P1", "CO_P1"]}, (("O3_P1", "CO_P1"), None, None)),
    ],
)
def test_the_form_of_a_decision(monkeypatch, given, expected):
    taken = []
    monkeypatch.setattr(decide, "decide_all", lambda warehouse, wanted, run_id: taken.extend(wanted) or [])
    iagos.decide(context(**RELEASE | given))
    (one,) = taken
    assert (one.key, one.level, one.person, one.comment, one.digest) == (
        KEY,
        Level.L2,
        "pi_p1",
        "why",
        "d" * 64,
    )
    assert one.action == given.get("action", "rerun")
    assert (one.variables, one.quality, one.calibrations) == expected


def test_the_form_of_rows_that_changed(monkeypatch):
    asked = []
    plan = SimpleNamespace(describe=lambda: "a plan")
    monkeypatch.setattr(reprocess, "plan_reprocess", lambda session, **rows: asked.append(rows) or plan)
    given = {"calibrations": [17], "relations": [4], "deployments": [2], "dry_run": True, "max_flights": 5}
    assert iagos.flights_to_recompute(context(**given)) == []
    assert asked == [{"calibration_ids": [17], "relation_ids": [4], "deployment_ids": [2]}]
