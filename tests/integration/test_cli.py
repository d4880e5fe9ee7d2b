"""The command line, as a person uses it: its answers, its errors, and that it shows no secret."""

import dataclasses
import re
import subprocess
import sys

import pytest

from skyledger.config import CONFIG_DIR
from skyledger.connections import Connection, to_environment
from tests.support.telegrams import FIRST_DAY, content, day_of_telegrams, days, prepare, write_points

pytestmark = pytest.mark.integration


class Terminal:
    """Runs `skyledger` as a program of its own, with the connections of a test."""

    def __init__(self, *connections: Connection) -> None:
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "COLUMNS": "200",
            **dict(map(to_environment, connections)),
        }
        self.secrets = [c.password for c in connections]

    def __call__(self, *arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "skyledger", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == status, said
        assert "Traceback" not in said
        assert not [secret for secret in self.secrets if secret in said]
        return said


@pytest.fixture
def terminal(carbosense_db: Connection, influx_db: Connection) -> Terminal:
    return Terminal(carbosense_db, influx_db)


def test_from_empty_database_to_stored_telegrams(terminal, carbosense_db, influx_db):
    assert "no tables yet" in terminal("db", "current", "carbosense")
    assert re.search(r"carbosense: carbosense_\d{4}", terminal("db", "upgrade", "carbosense"))
    assert "applied" in terminal("db", "history", "carbosense")
    warehouse = prepare(carbosense_db, [1010, 1011])
    for unit in (1010, 1011):
        for day in days(2):
            write_points(influx_db, day_of_telegrams(unit, day, step_s=3_600))
    span = ("--first-day", FIRST_DAY.isoformat(), "--last-day", days(2)[-1].isoformat())
    plan = terminal("ledger", "plan", "carbosense", "--sensor-type", "lp8", *span)
    assert "4 of 4 partitions of 2 members, 2022-04-20 to 2022-04-21 (4 new)" in plan
    loaded = terminal("carbosense", "ingest", "lp8", "--unit", "1010", *span)
    assert re.search(r"rows stored\s+48", loaded)
    assert len(content(warehouse, "lp8_data")) == 48
    assert re.search(r"rows inserted\s+48", terminal("carbosense", "ingest", "lp8", *span))
    assert re.search(r"rows read\s+0", terminal("carbosense", "ingest", "lp8", *span))
    assert re.search(r"lp8_data\s+stored\s+4\s+2\s+96", terminal("ledger", "status", "carbosense"))
    assert "no gaps" in terminal("ledger", "gaps", "carbosense")


def test_gaps_name_the_unit_the_period_and_the_reason(terminal, carbosense_db, influx_db):
    prepare(carbosense_db, [1010])
    write_points(influx_db, [p for p in day_of_telegrams(1010, FIRST_DAY) if p[1] != "senseair-lp8-ir"])
    span = ("--first-day", FIRST_DAY.isoformat(), "--last-day", days(3)[-1].isoformat())
    failed = terminal("carbosense", "ingest", "lp8", *span, status=1)
    assert "unit(s) 1010 failed" in failed
    gaps = terminal("ledger", "gaps", "carbosense")
    assert re.search(r"1010\s+failed\s+2022-04-20\s+2022-04-20\s+1\s+.*senseair_lp8_ir", gaps)
    assert re.search(r"1010\s+empty\s+2022-04-21\s+2022-04-22\s+2", gaps)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (
            ["carbosense", "ingest", "lp9"],
            1,
            "unknown sensor type 'lp9': expected one of hpp, licor, lp8, vaisala",
        ),
        (["db", "upgrade", "nowhere"], 1, "AIRFLOW_CONN_NOWHERE_DB"),
        (["ledger", "status", "carbosense"], 1, "the tables are missing: run `skyledger db upgrade`"),
        (
            ["ledger", "gaps", "carbosense", "--first-day", "2022-02-01", "--last-day", "2022-01-01"],
            2,
            "is after",
        ),
        (["carbosense", "ingest", "lp8", "--first-day", "1.2.2022"], 2, "does not match"),
    ],
)
def test_mistake_is_answered_with_what_to_do(terminal, arguments, status, words):
    said = terminal(*arguments, status=status)
    assert words in " ".join(re.sub(r"[│╭╮╰╯─]", " ", said).split())


def test_wrong_password_is_refused_without_showing_it(carbosense_db, influx_db):
    wrong = dataclasses.replace(carbosense_db, password="wr0ng-pw")
    said = Terminal(wrong, influx_db)("ledger", "status", "carbosense", status=1)
    assert "check login and password of the connection" in said


def test_configuration_is_checked_expressions_included(terminal):
    shipped = len(list(CONFIG_DIR.rglob("*.yaml")))
    assert f"{shipped} files are valid" in terminal("config", "check")
