"""The metadata obey the integrity rules of the network, as far as people know at the time."""

from collections import defaultdict
from datetime import datetime
from itertools import pairwise

import pytest

from sandbox.carbosense import CarboSenseWorld
from sandbox.carbosense.metadata import metadata_rows

WORLD = CarboSenseWorld(seed=1)
OPEN_END = datetime(2100, 1, 1)  # noqa: DTZ001 - DATETIME columns hold naive UTC
TODAY = [datetime(2018, 6, 1), datetime(2022, 6, 30), datetime(2026, 1, 1)]  # noqa: DTZ001


@pytest.fixture(params=TODAY, ids=str)
def tables(request: pytest.FixtureRequest) -> dict[str, list[tuple]]:
    return metadata_rows(WORLD.seed, WORLD.fleet.values(), request.param)


def test_periods_of_a_unit_do_not_touch(tables: dict[str, list[tuple]]) -> None:
    for table, unit, start in (("Deployment", 0, 2), ("Calibration", 0, 2), ("Sensors", 2, 3)):
        periods = defaultdict(list)
        for row in tables[table]:
            assert row[start] < row[start + 1], (table, row)
            periods[row[unit]].append((row[start], row[start + 1]))
        assert len(periods) > 30
        for unit_id, found in periods.items():
            for before, after in pairwise(sorted(found)):
                assert before[1] < after[0], (table, unit_id, before, after)


def test_every_deployment_lies_in_one_sensor_period_and_every_calibration_in_a_deployment(
    tables: dict[str, list[tuple]],
) -> None:
    for unit, site, start, end, *_ in tables["Deployment"]:
        around = [s for s in tables["Sensors"] if s[2] == unit and s[3] < end and s[4] > start]
        assert len(around) == 1, (unit, start)
        assert around[0][3] <= start
        assert around[0][4] >= end
        assert any(row[0] == site for row in tables["Location"])
    for unit, site, start, end, mode, reference in tables["Calibration"]:
        assert mode in (1, 2, 3)
        assert reference
        assert any(
            d[0] == unit and d[1] == site and d[2] <= start and d[3] >= end and d[4] == mode
            for d in tables["Deployment"]
        ), (unit, start)


def test_every_exclusion_names_a_sensor_that_was_there(tables: dict[str, list[tuple]]) -> None:
    for kind, serial, unit, start, end, _ in tables["SensorExclusionPeriods"]:
        assert (
            sum(s[:3] == (kind, serial, unit) and s[3] <= start and s[4] >= end for s in tables["Sensors"])
            == 1
        )


def test_every_cylinder_at_an_inlet_has_one_analysis_and_is_alone_there(
    tables: dict[str, list[tuple]],
) -> None:
    at_inlet, of_cylinder = defaultdict(list), defaultdict(list)
    for cylinder, start, end, unit, _, inlet in tables["cylinder_deployment"]:
        fitting = [
            row
            for row in tables["ref_gas_cylinder_analysis"]
            if row[0] == cylinder and row[2] <= start and row[3] >= end
        ]
        assert len(fitting) == 1, (cylinder, start)
        at_inlet[unit, inlet].append((start, end))
        of_cylinder[cylinder].append((start, end))
    assert {inlet for _, inlet in at_inlet} == {"a", "b"}
    for found in (*at_inlet.values(), *of_cylinder.values()):
        for before, after in pairwise(sorted(found)):
            assert before[1] <= after[0]


def test_nothing_of_the_future_is_known() -> None:
    today = TODAY[1]
    tables = metadata_rows(WORLD.seed, WORLD.fleet.values(), today)
    for table, start in (("Deployment", 2), ("Calibration", 2), ("Sensors", 3), ("cylinder_deployment", 1)):
        for row in tables[table]:
            assert row[start] <= today, (table, row)
            assert row[start + 1] <= today or row[start + 1] == OPEN_END, (table, row)


def test_foreign_units_are_in_no_table() -> None:
    tables = metadata_rows(WORLD.seed, WORLD.fleet.values(), TODAY[2])
    assert all(1445 not in row for rows in tables.values() for row in rows)
    assert any(445 in row for row in tables["Deployment"])
