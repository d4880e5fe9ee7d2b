"""InfluxToMySQLOperator up to the point where it needs servers, and the batches it is mapped over."""

import inspect
import logging

import pytest
from airflow.sdk import BaseOperator

from flows.telegrams import batches
from operators import influx_to_mysql
from operators.influx_to_mysql import InfluxToMySQLOperator, progress_lines
from skyledger.ledger import Item, Plan


def operator(**arguments) -> InfluxToMySQLOperator:
    return InfluxToMySQLOperator(task_id="load", mapping="LP8", **arguments)


def test_templates_are_rendered_in_every_argument():
    load = operator(
        first_day="{{ partition_key }}", last_day="{{ partition_key }}", influx_conn_id="{{ params.source }}"
    )
    load.render_template_fields({"partition_key": "2026-03-01", "params": {"source": "other_influx"}})
    assert (load.first_day, load.last_day, load.influx_conn_id) == (
        "2026-03-01",
        "2026-03-01",
        "other_influx",
    )
    arguments = set(inspect.signature(InfluxToMySQLOperator.__init__).parameters) - {"self", "kwargs"}
    assert arguments == set(InfluxToMySQLOperator.template_fields)


def test_no_argument_hides_a_method_of_the_base_class():
    assert [name for name in InfluxToMySQLOperator.template_fields if hasattr(BaseOperator, name)] == []


@pytest.mark.parametrize(
    ("members", "label"),
    [([1024, 1010, 1012], "LP8 1010-1024"), ([1010], "LP8 1010"), (None, "LP8"), ([], "LP8")],
)
def test_label_names_the_units(members, label):
    assert operator(members=members).label == label


def plan(*pairs, empty=()):
    return Plan("carbosense.lp8_data", tuple(Item(m, d, "new", 1, "x") for m, d in pairs), tuple(empty), 9)


def test_batches_hold_neighbouring_units_and_only_the_days_they_need():
    work = plan(("1030", "2026-03-09"), ("999", "2026-03-01"), ("1011", "2026-03-05"), ("999", "2026-03-04"))
    assert list(batches(work, 2)) == [
        {"members": [999, 1011], "first_day": "2026-03-01", "last_day": "2026-03-05"},
        {"members": [1030], "first_day": "2026-03-09", "last_day": "2026-03-09"},
    ]


def test_silent_units_are_in_a_batch_because_the_ledger_must_say_that_they_were_silent():
    work = plan(empty=[("1010", "2026-03-02")])
    assert list(batches(work, 20)) == [
        {"members": [1010], "first_day": "2026-03-02", "last_day": "2026-03-02"}
    ]


def test_nothing_to_do_makes_no_batch():
    assert list(batches(plan(), 20)) == []


def test_progress_is_told_at_the_end_and_otherwise_only_every_few_seconds(monkeypatch, caplog):
    now = iter([0.0, 0.1, 5.0, 5.1, 5.2])
    monkeypatch.setattr(influx_to_mysql.time, "monotonic", lambda: next(now))
    with caplog.at_level(logging.INFO):
        tell = progress_lines(logging.getLogger("test"), "LP8 1010-1013")
        for done in range(1, 5):
            tell(str(1009 + done), done, 4, 144 * done)
    assert [record.getMessage() for record in caplog.records] == [
        "LP8 1010-1013: 2 of 4 unit-days done, at unit 1011, 288 records",
        "LP8 1010-1013: 4 of 4 unit-days done, at unit 1013, 576 records",
    ]
