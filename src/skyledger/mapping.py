"""How telegrams become table rows: the models of `include/config/<network>/telegrams/*.yaml`.

A telegram is everything one member (a sensor unit) sent with one time stamp: one value per quantity.
Each column of the destination names the quantities it takes, or an expression over them. Every
quantity is either used or listed under `ignore`, so that a new one at the source is noticed. The
engine that applies a mapping is `transform.py`.
"""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from skyledger.config import Model

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Type = Literal["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "float32", "float64"]


def _regular_expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return text


RegularExpression = Annotated[Text, AfterValidator(_regular_expression)]

_QUOTED_NAME = re.compile(r'"((?:[^"]|"")+)"')
# An expression is arithmetic over quantities. This is the first fence; the engine also locks its database.
_FORBIDDEN = re.compile(
    r";|--|/\*|\$|\b(select|from|copy|attach|install|load|pragma|set|getenv|read_\w*(?=\s*\())\b",
    re.IGNORECASE,
)


class Source(Model):
    """Where telegrams are read."""

    measurement: Text = Field(description="InfluxDB measurement", examples=["measurements"])
    member_tag: Text = Field(description="tag that names the member", examples=["node"])
    quantity_tag: Text = Field(description="tag that names the quantity", examples=["sensor"])
    exclude: dict[str, RegularExpression] = Field(
        default={},
        description="series to leave out: tag -> regular expression its value matches",
        examples=[{"channel": "^link-"}],
    )
    date_from: date = Field(description="first UTC day ever read, as YYYY-MM-DD", examples=["2017-01-01"])


class Destination(Model):
    """Where rows are stored, one per member and time."""

    table: Identifier = Field(description="table name", examples=["lp8_data"])
    member_column: Identifier = Field(description="key column for the member", examples=["SensorUnit_ID"])
    time_column: Identifier = Field(description="key column for the time in Unix seconds", examples=["time"])


class Column(Model):
    """One value column of the destination."""

    name: Identifier = Field(description="column of the destination table")
    type: Type = Field(description="type of the value; a value that does not fit rejects the record")
    source: tuple[Text, ...] | None = Field(
        default=None, min_length=1, description="quantities to take it from; the first that is present counts"
    )
    expression: Text | None = Field(
        default=None,
        description="SQL expression over quantities in double quotes, instead of `source`",
        examples=['"bosch-bmp280-pressure" / 100'],
    )
    unit: Text = Field(description="unit of the stored value; 1 for a number without unit", examples=["ppm"])
    description: Text = Field(description="what the value is, as a sentence for the data dictionary")
    required: bool = Field(
        default=False,
        description="true: a day without any of its quantities is an error, and changes of the source are "
        "noticed by them; false: a missing quantity is a recorded NULL",
    )
    missing: tuple[float, ...] = Field(
        default=(), description="values by which the source says `missing`; stored as NULL", examples=[[-999]]
    )

    @property
    def quantities(self) -> tuple[str, ...]:
        """Source quantities this column reads, in order."""
        if self.source is not None:
            return self.source
        names = _QUOTED_NAME.findall(self.expression or "")
        return tuple(dict.fromkeys(name.replace('""', '"') for name in names))

    @field_validator("source")
    @classmethod
    def _sources_differ(cls, source: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if source and len(set(source)) < len(source):
            raise ValueError("names a quantity twice; expected each once")
        return source

    @field_validator("expression")
    @classmethod
    def _expression_is_arithmetic(cls, expression: str | None) -> str | None:
        if expression is None:
            return None
        bare = _QUOTED_NAME.sub(" ", expression)  # a quantity may be called "set-point"
        if found := _FORBIDDEN.search(bare):
            raise ValueError(
                f"{found[0]!r} is not allowed; expected arithmetic over quantities in double quotes"
            )
        if bare == expression or '"' in bare:
            raise ValueError('expected at least one quantity in double quotes, as in "battery" * 2')
        return expression

    @model_validator(mode="after")
    def _has_one_origin(self) -> "Column":
        if (self.source is None) == (self.expression is None):
            raise ValueError("expected either `source` or `expression`")
        return self


class TelegramMapping(Model):
    """How the telegrams of one sensor type become rows of one table."""

    dataset: Annotated[
        str, StringConstraints(pattern=r"^[a-z][a-z0-9]*\.[a-z][a-z0-9_]*$", max_length=64)
    ] = Field(description="name in the ledger: network.table", examples=["carbosense.lp8_data"])
    sensor_type: Identifier = Field(description="value of Sensors.Type", examples=["LP8"])
    first_unit: int = Field(
        default=0, ge=0, description="smallest unit id to load; smaller ones are test units"
    )
    source: Source
    destination: Destination
    columns: tuple[Column, ...] = Field(
        min_length=1, description="value columns; the key columns are not listed"
    )
    ignore: tuple[Text, ...] = Field(
        default=(), description="quantities known at the source and deliberately not stored"
    )

    @property
    def quantities(self) -> tuple[str, ...]:
        """All source quantities that are read, each once, in the order of the columns."""
        return tuple(dict.fromkeys(q for column in self.columns for q in column.quantities))

    @property
    def watched(self) -> tuple[str, ...]:
        """Quantities by which the source's days are counted and compared: the required ones, else all.

        Every telegram holds them, so late telegrams show; counting all of them would cost the source
        as many times more as there are quantities.
        """
        required = (q for column in self.columns if column.required for q in column.quantities)
        return tuple(dict.fromkeys(required)) or self.quantities

    @model_validator(mode="after")
    def _names_are_consistent(self) -> "TelegramMapping":
        problems = []
        keys = {self.destination.member_column.lower(), self.destination.time_column.lower()}
        if len(keys) == 1:
            problems.append("destination: member_column and time_column are the same; expected two columns")
        seen: dict[str, int] = {}
        for index, column in enumerate(self.columns):
            name = column.name.lower()  # MariaDB does not tell column names apart by case
            if name in keys:
                problems.append(
                    f"columns[{index}].name: {column.name!r} is a key column; expected a value column"
                )
            if name in seen:
                first = f"columns[{seen[name]}]"
                problems.append(f"columns[{index}].name: {column.name!r} is also {first}; expected each once")
            seen.setdefault(name, index)
        used = set(self.quantities)
        for index, quantity in enumerate(self.ignore):
            if quantity in used:
                problems.append(
                    f"ignore[{index}]: {quantity!r} is also used by a column; expected one of the two"
                )
            if quantity in self.ignore[:index]:
                problems.append(f"ignore[{index}]: {quantity!r} is listed twice; expected once")
        if problems:
            raise ValueError("; ".join(problems))
        return self
