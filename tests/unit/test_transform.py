"""The engine of the mapping: pivot, coalesce, expressions, casts, rejects."""

import json
from datetime import date

import numpy as np
import pytest

from skyledger.carbosense.telegrams import load_mapping, mapping_paths
from skyledger.errors import ConfigError
from skyledger.influx import Points
from skyledger.mapping import TelegramMapping
from skyledger.transform import Transformer

DAY_S = 1_650_412_800  # 2022-04-20 00:00:00 UTC


def mapping(*columns: dict, ignore: tuple[str, ...] = ()) -> TelegramMapping:
    return TelegramMapping.model_validate(
        {
            "dataset": "test.telegrams",
            "sensor_type": "Test",
            "source": {
                "measurement": "measurements",
                "member_tag": "node",
                "quantity_tag": "sensor",
                "date_from": date(2022, 1, 1),
            },
            "destination": {"table": "telegrams", "member_column": "unit", "time_column": "time"},
            "columns": [{"unit": "1", "description": "test", **column} for column in columns],
            "ignore": ignore,
        }
    )


def points(*rows: tuple[int, str, float]) -> Points:
    names = tuple(dict.fromkeys(name for _, name, _ in rows))
    return Points(
        quantities=names,
        time_s=np.array([DAY_S + t for t, _, _ in rows], dtype=np.int64),
        quantity=np.array([names.index(name) for _, name, _ in rows], dtype=np.int64),
        value=np.array([value for _, _, value in rows]),
    )


FLOAT = {"name": "ir", "type": "float64", "source": ("lp8-ir",)}
STATUS = {"name": "status", "type": "uint8", "source": ("lp8-status",)}


def test_telegrams_become_one_row_per_time_in_order():
    mapped = Transformer(mapping(FLOAT, STATUS)).apply(
        7, points((600, "lp8-ir", 2.5), (0, "lp8-ir", 1.5), (0, "lp8-status", 3), (600, "lp8-status", 0))
    )
    assert mapped.rows.to_pydict() == {
        "unit": [7, 7],
        "time": [DAY_S, DAY_S + 600],
        "ir": [1.5, 2.5],
        "status": [3, 0],
    }
    assert mapped.days.astype(str).tolist() == ["2022-04-20"] * 2
    assert not mapped.rejected


def test_a_quantity_that_a_telegram_lacks_is_null_and_never_zero():
    mapped = Transformer(mapping(FLOAT, STATUS)).apply(7, points((0, "lp8-ir", 1.5), (600, "lp8-status", 1)))
    assert mapped.rows["ir"].to_pylist() == [1.5, None]
    assert mapped.rows["status"].to_pylist() == [None, 1]


def test_first_source_that_is_present_counts():
    column = {"name": "calibration_a", "type": "uint8", "source": ("calibration", "calibration-a")}
    mapped = Transformer(mapping(column)).apply(
        7,
        points(
            (0, "calibration-a", 1), (60, "calibration", 0), (60, "calibration-a", 1), (120, "calibration", 1)
        ),
    )
    assert mapped.rows["calibration_a"].to_pylist() == [1, 0, 1]
    assert mapped.missing == {"2022-04-20": frozenset()}, "one of two sources is enough"


def test_expression_is_evaluated_and_null_where_a_quantity_is_missing():
    column = {"name": "pressure_hpa", "type": "float64", "expression": '"bmp280-pressure" / 100 + "offset"'}
    mapped = Transformer(mapping(column)).apply(
        7, points((0, "bmp280-pressure", 95_000.0), (0, "offset", 1.0), (60, "bmp280-pressure", 95_100.0))
    )
    assert mapped.rows["pressure_hpa"].to_pylist() == [951.0, None]


def test_missing_codes_of_the_source_become_null():
    mapped = Transformer(mapping({**FLOAT, "missing": (-999.0,)})).apply(
        7, points((0, "lp8-ir", -999.0), (60, "lp8-ir", 5.0))
    )
    assert mapped.rows["ir"].to_pylist() == [None, 5.0]


@pytest.mark.parametrize("value", [1.5, 256.0, -1.0, 1e300])
def test_value_that_does_not_fit_rejects_the_whole_telegram_with_reason_and_raw(value):
    mapped = Transformer(mapping(FLOAT, STATUS)).apply(
        7, points((0, "lp8-ir", 1.5), (0, "lp8-status", value), (600, "lp8-ir", 2.5), (600, "lp8-status", 1))
    )
    assert mapped.rows["time"].to_pylist() == [DAY_S + 600]
    (rejected,) = mapped.rejected
    assert rejected.record_key == str(DAY_S)
    assert rejected.day == "2022-04-20"
    assert rejected.reason.startswith("status: ")
    assert rejected.reason.endswith("does not fit uint8")
    assert json.loads(rejected.raw) == {"lp8-ir": 1.5, "lp8-status": value}


@pytest.mark.parametrize(
    ("expression", "good", "bad"),
    [('exp("x")', 700.0, 800.0), ('ln("x")', 1.0, 0.0), ('1 / "x"', 2.0, 0.0), ('sqrt("x")', 4.0, -4.0)],
)
def test_expression_without_a_finite_result_rejects_its_record_only(expression, good, bad):
    column = {"name": "derived", "type": "float64", "expression": expression}
    mapped = Transformer(mapping(column)).apply(7, points((0, "x", good), (60, "x", bad)))
    assert np.isfinite(mapped.rows["derived"].to_pylist()).tolist() == [True]
    (rejected,) = mapped.rejected
    assert rejected.record_key == str(DAY_S + 60)
    assert rejected.reason.startswith("derived: ")


def test_duplicate_points_are_averaged_and_counted():
    mapped = Transformer(mapping(FLOAT)).apply(
        7, points((0, "lp8-ir", 1.0), (0, "lp8-ir", 2.0), (60, "lp8-ir", 4.0))
    )
    assert mapped.rows["ir"].to_pylist() == [1.5, 4.0]
    assert mapped.duplicates == 1


def test_days_without_a_quantity_are_told_apart():
    mapped = Transformer(mapping(FLOAT, STATUS)).apply(
        7, points((0, "lp8-ir", 1.0), (0, "lp8-status", 0), (86_400, "lp8-ir", 2.0))
    )
    assert mapped.missing == {"2022-04-20": frozenset(), "2022-04-21": frozenset({"status"})}


def test_a_column_without_any_source_is_null_and_recorded():
    mapped = Transformer(mapping(FLOAT, STATUS)).apply(7, points((0, "lp8-ir", 1.0)))
    assert mapped.rows["status"].to_pylist() == [None]
    assert mapped.missing == {"2022-04-20": frozenset({"status"})}


def test_no_points_give_no_rows():
    mapped = Transformer(mapping(FLOAT, STATUS)).apply(7, points())
    assert mapped.rows.num_rows == 0
    assert mapped.rows.column_names == ["unit", "time", "ir", "status"]


def test_wrong_expression_is_a_configuration_error_that_names_it():
    with pytest.raises(ConfigError, match=r"column x: .*nosuchfunction"):
        Transformer(mapping({"name": "x", "type": "float64", "expression": 'nosuchfunction("a")'}))


def test_the_engine_reaches_neither_files_nor_settings(tmp_path):
    database = Transformer(mapping(FLOAT))._database
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    for statement in (
        f"SELECT * FROM read_csv('{secret}')",
        f"SELECT * FROM '{secret}'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ):
        with pytest.raises(Exception, match=r"(?i)disabled|locked|permission|cannot|not allowed"):
            database.sql(statement).fetchall()


def test_every_shipped_mapping_compiles():
    assert set(mapping_paths()) == {"lp8", "hpp", "vaisala", "licor"}
    for sensor_type in mapping_paths():
        assert Transformer(load_mapping(sensor_type)).apply(1, points()).rows.num_rows == 0
