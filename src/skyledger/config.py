"""Configuration: YAML files below `include/config`, each described by a pydantic model.

`load` reports every problem of a file at once, each with line, key path, value and the expected form.
Because the message quotes values, secrets never belong here: they are Airflow connections
(`connections.py`). `write_schemas` makes the JSON schemas by which an editor completes and checks
these files while they are written.
"""

import hashlib
import json
import os
import pkgutil
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Tag, ValidationError
from pydantic_core import ErrorDetails

from skyledger.errors import ConfigError

PROJECT_ROOT = Path(os.environ.get("SKYLEDGER_HOME") or Path(__file__).resolve().parents[2])
CONFIG_DIR = PROJECT_ROOT / "include" / "config"
SQL_DIR = PROJECT_ROOT / "include" / "sql"
SCHEMA_DIR = CONFIG_DIR / "schemas"
# Files that are kept: raw files and products. Every worker must see the same folder
DATA_ROOT = Path(os.environ.get("SKYLEDGER_DATA") or PROJECT_ROOT / ".local" / "data")

# Which model describes which files below CONFIG_DIR. Named, not imported: models import this module.
MODELS = {
    "*/telegrams/*.yaml": "skyledger.mapping:TelegramMapping",
    "weather/stations/*.yaml": "skyledger.weather.stations:Station",
    "weather/columns/*.yaml": "skyledger.weather.stations:ColumnMap",
    "weather/quality/*.yaml": "skyledger.quality:QualityConfig",
    "weather/units.yaml": "skyledger.weather.units:Units",
    "minitrasgo/stations/*.yaml": "skyledger.minitrasgo.stations:MingoStation",
    "minitrasgo/reduction/*.yaml": "skyledger.minitrasgo.reduction:Reduction",
    "iagos/variables.yaml": "skyledger.iagos.variables:Variables",
    "iagos/instruments/*.yaml": "skyledger.iagos.instruments:Instrument",
    "iagos/quality/*.yaml": "skyledger.quality:QualityConfig",
    "iagos/jobs/*.yaml": "skyledger.iagos.jobs:Job",
    "iagos/makers.yaml": "skyledger.iagos.formats.makers:Makers",
    "iagos/release.yaml": "skyledger.iagos.release.rules:ReleaseRules",
}

# Keys that only explain: a better wording must not make stored days look outdated
EXPLANATORY_KEYS = frozenset({"description"})
LONGEST_QUOTED_VALUE = 80  # characters

Loc = tuple[int | str, ...]


class Model(BaseModel):
    """Base of all configuration: unknown keys are errors, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


M = TypeVar("M", bound=Model)


def load(model: type[M], path: Path | str) -> M:
    """Read and validate one YAML file.

    Raises ConfigError that lists all problems of the file, one per line.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"{_shown(path)}: {reason}; expected a YAML file ({model.__name__})") from error
    reader = _Reader(text)
    try:
        data = reader.get_single_data()
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        reason = getattr(error, "problem", None) or "the file nests too deeply"
        raise ConfigError(f"{_shown(path)}: {line}not valid YAML: {reason}") from error
    finally:
        reader.dispose()
    problems = [f"{_shown(path)}: line {line}: {text}" for line, text in reader.problems]
    try:
        # By way of JSON, whose strict rules fit a file: no "3" for 3, but lists for tuples, text for dates
        loaded = model.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        problems += [_explain(model, path, reader.lines, details) for details in _worth_telling(error)]
    if problems:
        raise ConfigError("\n".join(problems))
    return loaded


def check_all(config_dir: Path = CONFIG_DIR) -> list[Path]:
    """Validate every YAML file below `config_dir`; return their paths.

    Raises ConfigError with the problems of all files. A file that no model describes is a problem:
    a misplaced file would otherwise never be read, and nobody would know.
    """
    checked, problems = [], []
    for path in sorted(p for p in config_dir.rglob("*") if p.suffix in (".yaml", ".yml")):
        try:
            load(model_of(path, config_dir), path)
            checked.append(path)
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    if not checked:
        raise ConfigError(
            f"no configuration below {config_dir}; expected SKYLEDGER_HOME to name the checkout"
        )
    return checked


def model_of(path: Path, config_dir: Path = CONFIG_DIR) -> type[Model]:
    """Return the model that describes a file, by its place. Raises ConfigError when there is none."""
    for pattern, name in MODELS.items():
        if path.relative_to(config_dir).match(pattern):
            return _resolve(name)
    raise ConfigError(f"{_shown(path)}: no model describes this file; expected one of {', '.join(MODELS)}")


def schemas() -> dict[str, str]:
    """Return the JSON schema of each model, by file name."""
    models = {_resolve(name) for name in MODELS.values()}
    return {
        f"{model.__name__}.json": json.dumps(model.model_json_schema(), indent=2, ensure_ascii=False) + "\n"
        for model in sorted(models, key=lambda m: m.__name__)
    }


def write_schemas(directory: Path = SCHEMA_DIR) -> list[Path]:
    """Write the schemas; return the paths whose content changed."""
    directory.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, text in schemas().items():
        path = directory / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def digest(model: Model) -> str:
    """SHA-256 (hex) of what the configuration says; explanations and the order of keys do not count."""
    content = _without_explanations(model.model_dump(mode="json"))
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _without_explanations(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_explanations(v) for k, v in value.items() if k not in EXPLANATORY_KEYS}
    return [_without_explanations(v) for v in value] if isinstance(value, list) else value


def _resolve(name: str) -> type[Model]:
    model: type[Model] = pkgutil.resolve_name(name)
    return model


_BOOLEAN = "tag:yaml.org,2002:bool"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Reader(yaml.SafeLoader):
    """YAML reader that refuses what YAML quietly accepts, and remembers the line of every key."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.problems: list[tuple[int, str]] = []
        self.lines: dict[Loc, int] = {}

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None:
            self._note_lines(node, (), node.start_mark.line + 1)
        return node

    def _note_lines(self, node: yaml.Node, loc: Loc, line: int) -> None:
        self.lines[loc] = line
        if isinstance(node, yaml.MappingNode):
            seen: dict[str, int] = {}
            for key, value in node.value:
                line = key.start_mark.line + 1
                name = str(key.value)
                here = (*loc, name)
                if name in seen:
                    problem = f"given twice (also on line {seen[name]}); expected once"
                    self.problems.append((line, f"{_key_path(here)}: {problem}"))
                seen[name] = line
                self._note_lines(value, here, line)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._note_lines(item, (*loc, index), item.start_mark.line + 1)


# `no`, `on` and `y` are words here, not booleans; dates stay text, the models parse them
_Reader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_BOOLEAN, _TIMESTAMP)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Reader.add_implicit_resolver(_BOOLEAN, re.compile(r"^(?:true|false)$"), list("tf"))


def _worth_telling(error: ValidationError) -> list[ErrorDetails]:
    """All errors but `too short` of a list whose items are wrong: pydantic counts only the good ones."""
    errors = error.errors()
    inner = {e["loc"][:n] for e in errors for n in range(len(e["loc"]))}
    return [e for e in errors if e["type"] != "too_short" or e["loc"] not in inner]


def _explain(model: type[Model], path: Path, lines: dict[Loc, int], details: ErrorDetails) -> str:
    loc = details["loc"]
    known = _written(loc, lines)
    full = (*known, *loc[-1:]) if details["type"] == "missing" else known
    where = f"{_shown(path)}: line {lines.get(known, 1)}: {_key_path(full)}"
    form = re.sub(r"^Value error, |^\w+ should (be an? |be |have |match (?=pattern))", "", details["msg"])
    form = re.sub(r" after validation.*", "", form)
    if details["type"] == "missing":
        return f"{where}: missing; expected {_description(model, loc) or 'a value'}"
    if details["type"] == "extra_forbidden":
        return f"{where}: unknown key; expected one of {', '.join(_keys_at(model, loc[:-1]))}"
    value = repr(details["input"])
    if len(value) > LONGEST_QUOTED_VALUE:
        value = value[: LONGEST_QUOTED_VALUE - 4] + " ..."
    if details["type"] == "value_error":
        return f"{where}: {form} (got {value})" if loc else f"{where}: {form}"
    meaning = _description(model, loc)
    return f"{where}: {value}; expected {form}" + (f" ({meaning})" if meaning else "")


def _written(loc: Loc, lines: dict[Loc, int]) -> Loc:
    """The part of a key path that stands in the file: pydantic adds which member of a union it took."""
    written: Loc = ()
    for key in loc:
        if (*written, key) in lines:
            written = (*written, key)
    return written


def _models_along(model: type[Model], loc: Sequence[int | str]) -> Iterator[tuple[type[BaseModel], int]]:
    """Yield each model that the key path enters, with the position in the path where it begins."""
    annotation: Any = model
    for position, key in enumerate((*loc, "")):
        annotation = _plain(annotation)
        if get_origin(annotation) in (Union, UnionType):
            members = get_args(annotation)
            taken = next((m for m in members if Tag(str(key)) in getattr(m, "__metadata__", ())), None)
            if taken is not None:  # the path names the member of the union
                annotation = taken
                continue
            annotation = _plain(next(m for m in members if m is not type(None)))
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation, position
            if key not in annotation.model_fields:
                return
            annotation = annotation.model_fields[str(key)].annotation
        elif get_args(annotation):  # tuple[X, ...] or dict[K, X]
            annotation = next(a for a in reversed(get_args(annotation)) if a is not Ellipsis)
        else:
            return


def _plain(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _keys_at(model: type[Model], loc: Sequence[int | str]) -> list[str]:
    return list([m for m, _ in _models_along(model, loc)][-1].model_fields)


def _description(model: type[Model], loc: Sequence[int | str]) -> str:
    inner, position = list(_models_along(model, loc))[-1]
    field = inner.model_fields.get(str(loc[position])) if position < len(loc) else None
    return (field.description or "") if field else ""


def _key_path(loc: Loc) -> str:
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in loc).lstrip(".")
    return path or "whole file"


def _shown(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT)) if path.is_relative_to(PROJECT_ROOT) else str(path)
