"""Rows of one table during an import: what is there already, and what a written row does to it."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

import pymysql

from skyledger.errors import PermanentError, StorageError
from skyledger.iagos.flight import Stop
from skyledger.iagos.metadata.cells import Link, Table
from skyledger.iagos.metadata.flights import note_change, note_flight
from skyledger.iagos.metadata.sql import OPEN, aware, statement
from skyledger.iagos.metadata.tables import TABLES
from skyledger.warehouse import Session, quote

Effect = Literal["new", "unchanged", "changed"]
Values = dict[str, Any]  # by column of the database

# A row broke a rule of the database: key taken, no such parent, check failed, value too long or out of range
_RULES = {1062, 1452, 4025, 1406, 1264}
_RULE_NAME = re.compile(r"(?:for key '|CONSTRAINT `)(?:\w+\.)?(\w+)")
_PARAMETERS = ("parameters", "uncertainties")  # of calibrations: in a table of their own


class Refused(Exception):  # noqa: N818 - the name says it
    """A row that cannot be taken."""

    def __init__(self, expected: str, heading: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.heading = heading


class Database:
    """All tables during one import, each read when it is first needed."""

    def __init__(self, session: Session, actor: str, now: datetime) -> None:
        self.session = session
        self.actor = actor
        self.now = now  # UTC without zone: all rows of an import are recorded at one moment
        # rows of tables with a history that are new, corrected or withdrawn in this import, by table
        self.touched: dict[str, list[int]] = {}
        self._tables: dict[str, Rows] = {}

    def rows(self, name: str) -> "Rows":
        """A table."""
        if name not in self._tables:
            self._tables[name] = _KINDS.get(name, Rows)(self, TABLES[name])
        return self._tables[name]

    def put(self, name: str, values: Mapping[str, Any], *, withdrawn: bool) -> Effect:
        """Bring a written row into a table. Raises Refused, and then nothing has changed."""
        self.session.execute("SAVEPOINT written_row")
        try:
            rows = self.rows(name)
            resolved = rows.resolved(values)
            return rows.withdraw(resolved) if withdrawn else rows.put(resolved)
        except StorageError as error:
            cause = error.__cause__
            if not isinstance(cause, pymysql.Error) or cause.args[0] not in _RULES:
                raise
            self.session.execute("ROLLBACK TO SAVEPOINT written_row")
            rule = _RULE_NAME.search(str(cause.args[1]))
            raise Refused(
                f"a row that keeps the rule {rule[1].replace('_', ' ')!r}" if rule else str(cause.args[1])
            ) from error
        except Refused:
            self.session.execute("ROLLBACK TO SAVEPOINT written_row")
            raise


class Rows:
    """Rows of one table."""

    def __init__(self, database: Database, table: Table) -> None:
        self.database = database
        self.session = database.session
        self.table = table
        self.columns = tuple(name for name in table.stored if name not in _PARAMETERS)
        self.id_column = f"{table.name}_id"
        self.by_key: dict[tuple[Any, ...], int] = {}  # rows that count
        self.ended: set[tuple[Any, ...]] = set()  # keys of rows that no longer count
        self.values: dict[int, Values] = {}
        self.put_here: set[int] = set()  # in this import
        self._read()

    def _read(self) -> None:
        until = ("recorded_until",) if self.table.history else ()
        columns = ", ".join(map(quote, (self.id_column, *self.columns, *until)))
        for number, *row in self.session.query(
            f"SELECT {columns} FROM {quote(self.table.name)} ORDER BY 1"  # noqa: S608 - names of our tables
        ):
            values = dict(zip(self.columns, row, strict=False))
            if until and row[-1] < OPEN:
                self.ended.add(self.key(values))
            else:
                self._keep(number, values)

    def _keep(self, number: int, values: Values) -> None:
        self.by_key[self.key(values)] = number
        self.values[number] = values

    def key(self, values: Values) -> tuple[Any, ...]:
        """What makes a row the same row."""
        return tuple(values[name] for name in self.table.key)

    def resolved(self, values: Mapping[str, Any]) -> Values:
        """A written row with the numbers of the rows that it names. Raises Refused when one is not there."""
        found = dict(values)
        for column in self.table.columns:
            if isinstance(column, Link) and found[column.stored] is not None:
                number = self.database.rows(column.table).find(found[column.stored])
                if number is None:
                    raise Refused(f"a row of table {column.table}", column.headings[-1])
                found[column.stored] = number
        return found

    def find(self, written: tuple[str, ...]) -> int | None:
        """Number of the row that people know by these words, which are in the order of the table's columns."""
        words = list(written)
        key: dict[str, Any] = {}
        for column in self.table.columns:
            if isinstance(column, Link) and column.stored in self.table.key:
                named, words = tuple(words[: len(column.headings)]), words[len(column.headings) :]
                key[column.stored] = self.database.rows(column.table).find(named)
            elif not isinstance(column, Link) and column.name in self.table.key:
                key[column.name] = words.pop(0)
        return self.by_key.get(self.key(key))

    def put(self, values: Values) -> Effect:
        """A new row, no change, or a change. Raises Refused."""
        number = self.by_key.get(self.key(values))
        if number is None:
            self._check(values, None)
            self._added(self._insert(values, None), values)
            return "new"
        old = self.values[number]
        changed = [name for name, value in values.items() if old[name] != value]
        if not changed:
            self.put_here.add(number)
            return "unchanged"
        if number in self.put_here:
            raise Refused("each row once: another one of this import has the same key and other values")
        if fixed := [name for name in changed if name in self.table.fixed]:
            raise Refused(f"{old[fixed[0]]}, for it never changes", fixed[0])
        if self.table.history:
            self._end(number)
            self._check(values, number)
            new = self._insert(values, number)
            del self.values[number]
            self._added(new, values)
        else:
            self._check(values, number)
            self._update(number, {name: values[name] for name in changed}, old)
            self._added(number, values)
        return "changed"

    def withdraw(self, values: Values) -> Effect:
        """Let a row no longer count. Raises Refused when there never was one."""
        key = self.key(values)
        number = self.by_key.get(key)
        if number is None:
            if key not in self.ended:
                raise Refused("a row that is there, to withdraw it")
            return "unchanged"
        self._end(number)
        self._touched(number)
        del self.by_key[key], self.values[number]
        self.ended.add(key)
        return "changed"

    def _added(self, number: int, values: Values) -> None:
        self._keep(number, values)
        self._touched(number)
        self.put_here.add(number)

    def _touched(self, number: int) -> None:
        if self.table.history:
            self.database.touched.setdefault(self.table.name, []).append(number)

    def _check(self, values: Values, number: int | None) -> None:
        """Rules that the database does not know. Raises Refused."""
        if check := _CHECKS.get(self.table.name):
            check(self.database, values, number)

    def _insert(self, values: Values, corrects: int | None) -> int:
        written = {name: values[name] for name in self.columns}
        when = "recorded_at" if self.table.history else "created_at"
        written |= {when: self.database.now, "created_by": self.database.actor}
        if self.table.history:
            written["corrects"] = corrects
        columns, places = ", ".join(map(quote, written)), ", ".join(["%s"] * len(written))
        self.session.execute(
            f"INSERT INTO {quote(self.table.name)} ({columns}) VALUES ({places})",  # noqa: S608 - our names
            list(written.values()),
        )
        ((number,),) = self.session.query("SELECT LAST_INSERT_ID()")
        return int(number)

    def _update(self, number: int, new: Values, old: Values) -> None:
        self.session.execute(
            f"UPDATE {quote(self.table.name)} SET {', '.join(f'{quote(name)} = %s' for name in new)}"  # noqa: S608
            f" WHERE {quote(self.id_column)} = %s",
            [*new.values(), number],
        )
        key = "; ".join(map(str, self.key(old)))
        before = {name: old[name] for name in new}
        note_change(self.session, self.table.name, key, before, new, self.database.actor)

    def _end(self, number: int) -> None:
        """Note until when a row was held to be true. Its values stay."""
        self.session.execute(
            f"UPDATE {quote(self.table.name)} SET recorded_until = %s, ended_by = %s"  # noqa: S608 - our names
            f" WHERE {quote(self.id_column)} = %s",
            (self.database.now, self.database.actor, number),
        )


class _Calibrations(Rows):
    """Calibrations with their parameters."""

    def _read(self) -> None:
        parameters: dict[int, Values] = {}
        for number, name, value, uncertainty in self.session.query(statement("calibration_parameters")):
            of_one = parameters.setdefault(number, {"parameters": {}, "uncertainties": {}})
            of_one["parameters"][name] = value
            if uncertainty is not None:
                of_one["uncertainties"][name] = uncertainty
        super()._read()
        for number, values in self.values.items():
            values |= parameters[number]

    def _insert(self, values: Values, corrects: int | None) -> int:
        number = super()._insert(values, corrects)
        for name, value in values["parameters"].items():
            self.session.execute(
                statement("add_calibration_parameter"),
                {
                    "calibration_id": number,
                    "parameter": name,
                    "number": value,
                    "uncertainty": values["uncertainties"].get(name),
                },
            )
        return number


class _Flights(Rows):
    """Flights, which are noted as a delivered file would."""

    def _read(self) -> None:
        """`note_flight` looks for itself."""

    def put(self, values: Values) -> Effect:
        try:
            return note_flight(
                self.session,
                values["flight_id"],
                departure=Stop(values["departure_airport"], aware(values["departure_at"])),
                arrival=Stop(values["arrival_airport"], aware(values["arrival_at"])),
                flight_no=values["flight_no"] or None,
                actor=self.database.actor,
            )
        except StorageError:
            raise
        except PermanentError as error:
            raise Refused(str(error), "flight_id") from error


def _check_relation(database: Database, values: Values, _: int | None) -> None:
    ((above,),) = database.session.query(statement("is_above"), values)
    if above:
        raise Refused("no circle: the component is the parent, or above it, at that time", "parent_serial_no")
    for name, begin, end in database.session.query(statement("deployed_during"), values):
        raise Refused(f"a component that is not deployed by itself: deployment {name}, {begin} to {end}")


def _check_deployment(database: Database, values: Values, _: int | None) -> None:
    aircraft_id, location_id = values["aircraft_id"], values["measurement_location_id"]
    if (aircraft_id is None) == (location_id is None):
        raise Refused("an aircraft or a location, and not both", "aircraft")
    target = "measurement_location" if aircraft_id is None else "aircraft"
    active = database.rows(target).values[location_id if aircraft_id is None else aircraft_id]
    begin, end = active["active_from"], active["active_to"]
    if not begin <= values["start_at"] < end or end < values["end_at"] < OPEN:
        raise Refused(f"a time while the {target} takes part, {begin} to {end}", "start_at")
    for kind, serial, installed, removed in database.session.query(statement("built_in_during"), values):
        raise Refused(f"a component on top: it is built into {kind} {serial}, {installed} to {removed}")


def _check_active(database: Database, values: Values, number: int | None) -> None:
    on_board = "internal_no" in values
    asked = values | {
        "aircraft_id": number if on_board else None,
        "measurement_location_id": None if on_board else number,
    }
    for (what,) in database.session.query(statement("outside_active"), asked):
        raise Refused(f"a time that holds {what}", "active_to")


def _check_campaign_deployment(database: Database, values: Values, _: int | None) -> None:
    if (values["deployment"],) not in database.rows("deployment").by_key:
        raise Refused("a row of table deployment", "deployment")


_KINDS: dict[str, type[Rows]] = {"calibration": _Calibrations, "flight": _Flights}
_CHECKS: dict[str, Callable[[Database, Values, int | None], None]] = {
    "component_relation": _check_relation,
    "deployment": _check_deployment,
    "aircraft": _check_active,
    "measurement_location": _check_active,
    "campaign_deployment": _check_campaign_deployment,
}
