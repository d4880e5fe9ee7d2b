import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import Field

from skyledger import config
from skyledger.errors import ConfigError

SHIPPED = sorted(config.CONFIG_DIR.rglob("*.yaml"))


class Limit(config.Model):
    low: float = Field(description="lowest accepted value")
    high: float


class Station(config.Model):
    name: str = Field(description="short name")
    country: str = "ch"
    description: str = ""
    height_m: int
    limits: tuple[Limit, ...] = ()
    by_quantity: dict[str, Limit] = Field(default={})
    extra_limit: Limit | None = None


def problems(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "station.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(Station, path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


def test_load_returns_the_validated_model(tmp_path: Path) -> None:
    path = tmp_path / "station.yaml"
    path.write_text("name: duebendorf\nheight_m: 432\nlimits: [{low: 0, high: 1.5}]\n", encoding="utf-8")
    station = config.load(Station, path)
    assert station == Station(name="duebendorf", height_m=432, limits=(Limit(low=0, high=1.5),))


def test_all_problems_of_a_file_come_in_one_message_with_line_key_value_and_expected_form(
    tmp_path: Path,
) -> None:
    text = """\
name: 3
heigth_m: 432
limits:
  - {low: 0, high: 1}
  - low: zero
    hgih: 2
by_quantity: {co2: {low: 1, high: x}}
extra_limit: {height: 1, low: 2, high: 3}
"""
    assert problems(tmp_path, text) == [
        "line 1: name: 3; expected valid string (short name)",
        "line 1: height_m: missing; expected a value",
        "line 5: limits[1].low: 'zero'; expected valid number (lowest accepted value)",
        "line 5: limits[1].high: missing; expected a value",
        "line 6: limits[1].hgih: unknown key; expected one of low, high",
        "line 7: by_quantity.co2.high: 'x'; expected valid number",
        "line 8: extra_limit.height: unknown key; expected one of low, high",
        "line 2: heigth_m: unknown key; expected one of "
        "name, country, description, height_m, limits, by_quantity, extra_limit",
    ]


def test_a_key_given_twice_is_refused_at_any_depth_together_with_the_other_problems(tmp_path: Path) -> None:
    text = "name: a\nname: b\nheight_m: x\nlimits:\n  - low: 1\n    high: 2\n    low: 3\n"
    assert problems(tmp_path, text) == [
        "line 2: name: given twice (also on line 1); expected once",
        "line 7: limits[0].low: given twice (also on line 5); expected once",
        "line 3: height_m: 'x'; expected valid integer",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: whole file: None; expected object"),
        ("- 1\n", "line 1: whole file: [1]; expected object"),
        ("name: a\nheight_m: 4.5\n", "line 2: height_m: 4.5; expected valid integer"),
        ("name: a\nheight_m: '4'\n", "line 2: height_m: '4'; expected valid integer"),
        ("name: a\nheight_m: true\n", "line 2: height_m: True; expected valid integer"),
    ],
)
def test_values_are_not_converted_in_silence(tmp_path: Path, text: str, problem: str) -> None:
    assert problems(tmp_path, text) == [problem]


@pytest.mark.parametrize(
    "text", ["a: [1\nb: 2\n", "name: !!python/name:os.system x\n", "? [a]\n: 1\n", "&a [*a]\n"]
)
def test_what_is_not_plain_yaml_is_refused(tmp_path: Path, text: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert "not valid YAML" in problem


def test_a_syntax_error_names_the_line(tmp_path: Path) -> None:
    assert problems(tmp_path, "name: a\nheight_m: [1\nb: 2\n")[0].startswith("line 3: not valid YAML")


def test_words_that_old_yaml_takes_for_booleans_are_words(tmp_path: Path) -> None:
    path = tmp_path / "station.yaml"
    path.write_text("name: on\ncountry: no\nheight_m: 1\n", encoding="utf-8")
    assert config.load(Station, path) == Station(name="on", country="no", height_m=1)


def test_a_file_that_is_absent_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml: No such file"):
        config.load(Station, tmp_path / "gone.yaml")
    (tmp_path / "latin.yaml").write_bytes("name: Zürich".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.yaml: not UTF-8"):
        config.load(Station, tmp_path / "latin.yaml")


def test_digest_follows_content_and_not_order_or_explanations(tmp_path: Path) -> None:
    station = Station(
        name="a", height_m=1, by_quantity={"t": Limit(low=0, high=1), "p": Limit(low=0, high=2)}
    )
    same = Station(
        description="told better",
        by_quantity={"p": Limit(low=0, high=2), "t": Limit(low=0, high=1)},
        height_m=1,
        name="a",
    )
    other = station.model_copy(update={"height_m": 2})
    assert config.digest(station) == config.digest(same)
    assert config.digest(station) != config.digest(other)
    assert len(config.digest(station)) == 64


def test_a_file_that_no_model_describes_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "stray.yml").write_text("a: 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"stray\.yml: no model describes this file"):
        config.check_all(tmp_path)


def test_a_place_without_any_configuration_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SKYLEDGER_HOME"):
        config.check_all(tmp_path)


def test_check_all_reports_the_problems_of_all_files(tmp_path: Path) -> None:
    folder = tmp_path / "carbosense" / "telegrams"
    folder.mkdir(parents=True)
    for name in ("a.yaml", "b.yaml"):
        (folder / name).write_text("dataset: x\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.check_all(tmp_path)
    assert "a.yaml: line 1: dataset" in str(caught.value)
    assert "b.yaml: line 1: dataset" in str(caught.value)


def test_all_shipped_files_are_valid() -> None:
    assert len(SHIPPED) >= 4
    assert config.check_all() == SHIPPED


def test_committed_schemas_are_current() -> None:
    committed = {p.name: p.read_text(encoding="utf-8") for p in config.SCHEMA_DIR.glob("*.json")}
    assert committed == config.schemas(), "run `skyledger config schemas` and commit the result"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_files_name_their_schema_and_fit_it(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    schema = (path.parent / first.removeprefix("# yaml-language-server: $schema=")).resolve()
    assert schema == config.SCHEMA_DIR / f"{config.model_of(path).__name__}.json"
    jsonschema.validate(
        json.loads(json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")), default=str)),
        json.loads(schema.read_text(encoding="utf-8")),
    )


def test_write_schemas_tells_what_it_changed(tmp_path: Path) -> None:
    written = config.write_schemas(tmp_path)
    assert written
    assert config.write_schemas(tmp_path) == []


def test_project_root_comes_from_the_environment_or_the_checkout(tmp_path: Path) -> None:
    def root(**environ: str) -> str:
        code = "from skyledger import config; print(config.PROJECT_ROOT)"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={k: v for k, v in os.environ.items() if k != "SKYLEDGER_HOME"} | environ,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    assert root(SKYLEDGER_HOME=str(tmp_path)) == str(tmp_path)
    assert (Path(root()) / "include" / "config").is_dir()
