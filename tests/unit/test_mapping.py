from pathlib import Path
from typing import Any

import pytest
import yaml

from skyledger.config import CONFIG_DIR, load
from skyledger.errors import ConfigError
from skyledger.mapping import Column, TelegramMapping

TELEGRAMS = CONFIG_DIR / "carbosense" / "telegrams"


def column(**fields: Any) -> dict[str, Any]:
    return {"name": "x", "type": "float64", "unit": "1", "description": "a test value", **fields}


def mapping(**fields: Any) -> dict[str, Any]:
    return {
        "dataset": "carbosense.lp8_data",
        "sensor_type": "LP8",
        "source": {
            "measurement": "measurements",
            "member_tag": "node",
            "quantity_tag": "sensor",
            "date_from": "2017-01-01",
        },
        "destination": {"table": "lp8_data", "member_column": "SensorUnit_ID", "time_column": "time"},
        "columns": [column(source=["a"])],
        **fields,
    }


def refusal(tmp_path: Path, **fields: Any) -> str:
    path = tmp_path / "mapping.yaml"
    path.write_text(yaml.safe_dump(mapping(**fields)), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(TelegramMapping, path)
    return str(caught.value)


def test_quantities_come_from_source_or_from_the_quoted_names_of_the_expression() -> None:
    assert Column(**column(source=("a", "b"))).quantities == ("a", "b")
    both = Column(**column(expression='ln("a-b") / "c" + "a-b" * "say ""x"""'))
    assert both.quantities == ("a-b", "c", 'say "x"')


def test_a_mapping_lists_each_quantity_once() -> None:
    columns = [column(name="x", source=["a", "b"]), column(name="y", expression='"b" + "c"')]
    assert TelegramMapping.model_validate(mapping(columns=columns)).quantities == ("a", "b", "c")


@pytest.mark.parametrize(
    "expression",
    [
        '"a"; drop table x',
        '"a" -- 1',
        '"a" /* 1 */',
        '(SELECT max("a"))',
        '"a" + (select 1)',
        "\"a\" FROM 'file.csv'",
        "read_csv('x') + \"a\"",
        "read_text ('/etc/passwd') || \"a\"",
        "\"a\" + getenv('HOME')",
        '"a" $$x$$',
        'pragma "a"',
        "1 + 1",
        "a + 1",
        '"a" + "',
    ],
)
def test_an_expression_is_arithmetic_over_quantities_and_nothing_else(
    tmp_path: Path, expression: str
) -> None:
    message = refusal(tmp_path, columns=[column(expression=expression)])
    assert "columns[0].expression" in message


def test_a_forbidden_word_inside_the_name_of_a_quantity_is_fine() -> None:
    assert Column(**column(expression='"set-point" / "load;select"')).quantities == (
        "set-point",
        "load;select",
    )
    assert Column(**column(expression='"a" * offset_x')).expression == '"a" * offset_x'


@pytest.mark.parametrize("fields", [{}, {"source": ["a"], "expression": '"a"'}])
def test_a_column_has_exactly_one_origin(tmp_path: Path, fields: dict[str, Any]) -> None:
    message = refusal(tmp_path, columns=[column(**fields)])
    assert "columns[0]: expected either `source` or `expression`" in message


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"columns": []}, "columns: []; expected at least 1 item"),
        (
            {"columns": [column(source=["a"]), column(name="X", source=["b"])]},
            "columns[1].name: 'X' is also columns[0]",
        ),
        ({"columns": [column(name="sensorunit_id", source=["a"])]}, "'sensorunit_id' is a key column"),
        ({"columns": [column(name="time", source=["a"])]}, "'time' is a key column"),
        (
            {"columns": [column(name="x`; drop", source=["a"])]},
            "columns[0].name: 'x`; drop'; expected pattern",
        ),
        ({"columns": [column(name="x" * 65, source=["a"])]}, "columns[0].name"),
        ({"columns": [column(type="text", source=["a"])]}, "columns[0].type: 'text'; expected 'int8'"),
        ({"columns": [column(source=["a", "a"])]}, "columns[0].source: names a quantity twice"),
        ({"columns": [column(source=[])]}, "columns[0].source: []; expected at least 1 item"),
        (
            {"columns": [column(source=["a"], required="yes")]},
            "columns[0].required: 'yes'; expected valid boolean",
        ),
        ({"columns": [column(source=["a"], missing=["n/a"])]}, "columns[0].missing[0]: 'n/a'"),
        ({"columns": [column(source=["a"], unit="")]}, "columns[0].unit: ''"),
        ({"ignore": ["b", "a"]}, "ignore[1]: 'a' is also used by a column"),
        ({"ignore": ["b", "b"]}, "ignore[1]: 'b' is listed twice"),
        ({"dataset": "lp8"}, "dataset: 'lp8'; expected pattern"),
        (
            {"destination": {"table": "t", "member_column": "time", "time_column": "Time"}},
            "member_column and time_column are the same",
        ),
        ({"source": mapping()["source"] | {"date_from": "01.02.2017"}}, "source.date_from: '01.02.2017'"),
        (
            {"source": mapping()["source"] | {"exclude": {"channel": "("}}},
            "source.exclude.channel: not a regular expression",
        ),
    ],
)
def test_an_inconsistent_mapping_is_refused_with_the_place(
    tmp_path: Path, fields: dict[str, Any], expected: str
) -> None:
    assert expected in refusal(tmp_path, **fields)


def test_several_inconsistencies_are_reported_together(tmp_path: Path) -> None:
    columns = [column(name="time", source=["a"]), column(source=["b"]), column(source=["c"])]
    message = refusal(tmp_path, columns=columns, ignore=["b"])
    assert "columns[0].name" in message
    assert "columns[2].name" in message
    assert "ignore[0]" in message


# What each type of box sends, by the source's own names
SENT = {
    "lp8": {
        *(
            "battery",
            "senseair-lp8-co2",
            "senseair-lp8-co2-filtered",
            "senseair-lp8-co2-last",
            "senseair-lp8-ir",
        ),
        *("senseair-lp8-ir-filtered", "senseair-lp8-ir-last", "senseair-lp8-temperature"),
        *("senseair-lp8-temperature-last", "senseair-lp8-status", "senseair-lp8-vcap1", "senseair-lp8-vcap2"),
        *("sensirion-sht21-temperature", "sensirion-sht21-temperature-last", "sensirion-sht21-humidity"),
    },
    "hpp": {
        *("battery", "calibration", "calibration-a", "calibration-b", "senseair-hpp-co2-filtered"),
        *("senseair-hpp-ir-signal", "senseair-hpp-lpl-signal", "senseair-hpp-ntc5-diff-temp"),
        *("senseair-hpp-ntc6-se-temp", "senseair-hpp-pressure-filtered", "senseair-hpp-status"),
        *("senseair-hpp-temperature-detector", "senseair-hpp-temperature-mcu"),
        *("sensirion-sht21-temperature", "sensirion-sht21-humidity"),
    },
    "vaisala": {
        *("battery", "calibration", "calibration-a", "calibration-b", "vaisala-gmp343-co2"),
        *("vaisala-gmp343-temperature", "bosch-bmp280-pressure", "sensirion-sht21-temperature"),
        *("sensirion-sht21-humidity", "sensirion-sht30-temperature", "sensirion-sht30-humidity"),
    },
    "licor": {
        *("battery", "calibration", "calibration-a", "calibration-b", "licor-li850-co2"),
        *("licor-li850-co2-absorption", "licor-li850-h2o", "licor-li850-h2o-absorption"),
        *("licor-li850-h2o-dew_point", "licor-li850-cell-pressure", "licor-li850-cell-temperature"),
        *("licor-li850-flow-rate", "bosch-bmp280-pressure", "sensirion-sht21-temperature"),
        *("sensirion-sht21-humidity", "sensirion-sht30-temperature", "sensirion-sht30-humidity"),
    },
}


@pytest.mark.parametrize("name", SENT)
def test_every_quantity_that_a_box_sends_is_stored_or_ignored(name: str) -> None:
    shipped = load(TelegramMapping, TELEGRAMS / f"{name}.yaml")
    assert SENT[name] <= {*shipped.quantities, *shipped.ignore}


def test_there_is_a_mapping_for_each_of_the_four_sensor_types() -> None:
    found = {load(TelegramMapping, path).sensor_type: path.stem for path in TELEGRAMS.glob("*.yaml")}
    assert found == {"LP8": "lp8", "HPP": "hpp", "Vaisala": "vaisala", "Licor": "licor"}


def test_each_shipped_mapping_insists_on_the_co2_signal_only() -> None:
    required = {
        path.stem: [c.name for c in load(TelegramMapping, path).columns if c.required]
        for path in TELEGRAMS.glob("*.yaml")
    }
    assert required == {
        "lp8": ["senseair_lp8_ir"],
        "hpp": ["senseair_hpp_ir_signal"],
        "vaisala": ["vaisala_gmp343_co2"],
        "licor": ["licor_li850_co2"],
    }


def test_columns_that_firmware_or_wiring_renamed_take_the_first_name_present() -> None:
    def sources(name: str, column_name: str) -> tuple[str, ...]:
        columns = load(TelegramMapping, TELEGRAMS / f"{name}.yaml").columns
        return next(c.quantities for c in columns if c.name == column_name)

    assert sources("lp8", "senseair_lp8_vcap2") == ("senseair-lp8-vcap2", "senseair-lp8-vcap")
    for name in ("hpp", "vaisala", "licor"):
        assert sources(name, "calibration_a") == ("calibration", "calibration-a")
    assert sources("licor", "licor_li850_h2o_dew_point")[0] == "licor-li850-h2o-dew_point"
