"""Tables of the instrument database as people write them: one CSV file or one sheet of a workbook each.

Rows name other rows by what people know (serial numbers, names), never by numbers of the database. Times are ISO, UTC
when they say no zone; a day is its first moment. An empty end means that it goes on. Headings must be as here; columns
that may be empty may be missing.
"""

import re
from pathlib import Path
from typing import Any

from skyledger.files import atomic
from skyledger.iagos.metadata.calibrations import FUNCTIONS
from skyledger.iagos.metadata.cells import (
    Column,
    Link,
    Table,
    moment,
    number,
    pairs,
    pattern,
    words,
    yes,
)
from skyledger.iagos.metadata.people import ROLES
from skyledger.iagos.metadata.sql import OPEN


def _text_column(name: str, longest: int, what: str, *, empty: Any = ...) -> Column:
    return Column(name, f"{what}, up to {longest} characters", words(longest), empty)


def _choice(name: str, among: tuple[str, ...], *, empty: Any = ...) -> Column:
    return Column(
        name, f"one of {', '.join(among)}", pattern("|".join(re.escape(one) for one in among)), empty
    )


def _time(name: str, what: str, *, empty: Any = ...) -> Column:
    return Column(name, f"{what}, as 2024-03-05 or 2024-03-05T12:34:56Z (UTC)", moment, empty)


def _end(name: str, what: str) -> Column:
    return _time(name, f"{what} (not included; empty: goes on)", empty=OPEN)


_DESCRIPTION = _text_column("description", 1000, "what a person should know", empty="")
_NAME = _text_column("name", 64, "name")
_COMPONENT = Link("component_id", "component", ("component_type", "serial_no"))
_EARTH = (
    Column("latitude_deg", "number from -90 to 90, north positive", number(-90, 90), ...),
    Column("longitude_deg", "number from -180 to 180, east positive", number(-180, 180), ...),
)
_AIRPORT = "IATA or ICAO code of an airport, as FRA"
_PAIRS = "numbers by name, as slope=0.985; offset=1.8"
# In the order in which rows can refer to rows that are there already
TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "person",
            "people who operate, decide or manage",
            (
                _text_column("login", 64, "name at log-in"),
                _text_column("name", 128, "full name"),
                Column("email", "an address, as a@b.example", pattern(r"[^@\s]+@[^@\s]+"), ""),
            ),
            ("login",),
        ),
        Table(
            "person_role",
            "what people may do, and when",
            (
                Link("person_id", "person", ("person",)),
                _choice("role", ROLES),
                Column("instrument_type", "P1, ...; empty: all types", pattern(r"[A-Z][A-Za-z0-9]{0,7}"), ""),
                _time("valid_from", "from when on"),
                _end("valid_to", "until when"),
            ),
            ("person_id", "role", "instrument_type", "valid_from"),
            period=("valid_from", "valid_to"),
        ),
        Table(
            "component_class",
            "Unit, Sensor, CPU, Pump, ...",
            (_text_column("name", 32, "name"), _DESCRIPTION),
            ("name",),
        ),
        Table(
            "component_type",
            "O3 analyser, PT100, ...",
            (
                _text_column("name", 32, "name"),
                Link("component_class_id", "component_class", ("component_class",)),
                _DESCRIPTION,
            ),
            ("name",),
        ),
        Table(
            "parameter",
            "quantities that components measure",
            (
                _NAME,
                _text_column("unit", 32, "unit as UDUNITS reads it"),
                _text_column("standard_name", 128, "CF standard name", empty=None),
                _DESCRIPTION,
            ),
            ("name", "unit"),
        ),
        Table(
            "component_type_parameter",
            "quantities of each type of components",
            (
                Link("component_type_id", "component_type", ("component_type",)),
                Link("parameter_id", "parameter", ("parameter", "unit")),
            ),
            ("component_type_id", "parameter_id"),
        ),
        Table(
            "component",
            "pieces of hardware",
            (
                Link("component_type_id", "component_type", ("component_type",)),
                _text_column("serial_no", 64, "serial number, once per type"),
                _DESCRIPTION,
            ),
            ("component_type_id", "serial_no"),
        ),
        Table(
            "component_status",
            "condition of components",
            (
                _COMPONENT,
                _choice("status", ("ok", "defective", "in repair", "retired")),
                _time("valid_from", "from when on"),
                _end("valid_to", "until when"),
            ),
            ("component_id", "valid_from"),
            period=("valid_from", "valid_to"),
        ),
        Table(
            "component_relation",
            "which component is built into which",
            (
                _COMPONENT,
                Link("parent_id", "component", ("parent_type", "parent_serial_no")),
                _time("installed_at", "when it was built in"),
                _end("removed_at", "when it was taken out"),
            ),
            ("component_id", "installed_at"),
            period=("installed_at", "removed_at"),
            history=True,
        ),
        Table(
            "calibration",
            "calibrations of components",
            (
                _COMPONENT,
                _time("calibrated_at", "when it was made, of several days the last"),
                _text_column("name", 64, "tells calibrations at one time apart", empty=""),
                _choice("function", FUNCTIONS),
                Column("parameters", _PAIRS, pairs, ...),
                Column("uncertainties", _PAIRS, pairs, {}),
                _DESCRIPTION,
            ),
            ("component_id", "calibrated_at", "name"),
            history=True,
        ),
        Table("region", "regions", (_NAME,), ("name",)),
        Table("country", "countries", (_NAME,), ("name",)),
        Table(
            "geo_coordinate",
            "named places, airports above all",
            (_text_column("name", 64, "name; of an airport its IATA code"), *_EARTH, _DESCRIPTION),
            ("name",),
        ),
        Table(
            "measurement_location",
            "stations and chambers",
            (
                _NAME,
                Link("country_id", "country", ("country",), required=False),
                Link("region_id", "region", ("region",), required=False),
                Column("altitude_m", "metres above sea level", number(-500, 9000), None),
                *_EARTH,
                _time("active_from", "from when on"),
                _end("active_to", "until when"),
                _text_column("description", 128, "what a person should know", empty=""),
            ),
            ("name",),
            period=("active_from", "active_to"),
        ),
        Table(
            "airline",
            "airlines",
            (_NAME, Column("code", "IATA or ICAO code", pattern(r"[A-Z0-9]{2,3}"), ...)),
            ("name",),
        ),
        Table(
            "aircraft_type",
            "types of aircraft",
            (_NAME, Column("code", "ICAO code, as A343", pattern(r"[A-Z0-9]{2,8}"), ...)),
            ("name",),
        ),
        Table(
            "aircraft",
            "equipped aircraft",
            (
                Column(
                    "internal_no",
                    "two digits, as in flight identifiers (as text: 02)",
                    pattern(r"\d{2}"),
                    ...,
                ),
                _text_column("name", 64, "what people call it", empty=""),
                _text_column("serial_no", 32, "serial number of its maker"),
                Column("registration_code", "registration, as D-AIGT", pattern(r"[A-Z0-9-]{2,16}"), ...),
                Link("airline_id", "airline", ("airline",)),
                Link("aircraft_type_id", "aircraft_type", ("aircraft_type",)),
                _time("active_from", "from when on"),
                _end("active_to", "until when"),
            ),
            ("internal_no",),
            period=("active_from", "active_to"),
            fixed=("serial_no",),
        ),
        Table(
            "project",
            "projects",
            (
                _NAME,
                _text_column("long_name", 128, "full name"),
                _time("start_at", "when it began", empty=None),
                _time("end_at", "when it ended", empty=None),
                Column("is_infrastructure", "yes or no", yes, 0),
                _DESCRIPTION,
            ),
            ("name",),
            period=("start_at", "end_at"),
        ),
        Table(
            "deployment",
            "deployments of units on an aircraft or at a place on the ground",
            (
                _text_column("internal_no", 32, "what people call it"),
                Link("project_id", "project", ("project",)),
                _COMPONENT,
                Link("aircraft_id", "aircraft", ("aircraft",), required=False),
                Link("measurement_location_id", "measurement_location", ("location",), required=False),
                _time("start_at", "begin"),
                _end("end_at", "end"),
            ),
            ("internal_no",),
            period=("start_at", "end_at"),
            history=True,
        ),
        Table(
            "campaign",
            "campaigns of projects",
            (
                _text_column("name", 32, "name"),
                Link("project_id", "project", ("project",)),
                _time("start_at", "when it began"),
                _time("end_at", "when it ended", empty=None),
                _DESCRIPTION,
            ),
            ("name",),
            period=("start_at", "end_at"),
        ),
        Table(
            "campaign_deployment",
            "deployments of campaigns",
            (
                Link("campaign_id", "campaign", ("campaign",)),
                _text_column("deployment", 32, "internal number of a deployment"),
            ),
            ("campaign_id", "deployment"),
        ),
        Table(
            "flight",
            "flights",
            (
                Column(
                    "flight_id", "16 digits: departure YYYYMMDDhhmmss and aircraft", pattern(r"\d{16}"), ...
                ),
                Column("departure_airport", _AIRPORT, pattern(r"[A-Z]{3,4}"), ...),
                _time("departure_at", "take-off"),
                Column("arrival_airport", _AIRPORT, pattern(r"[A-Z]{3,4}"), ...),
                _time("arrival_at", "landing"),
                Column("flight_no", "number the airline gives", pattern(r"[A-Z0-9]{2,8}"), ""),
            ),
            ("flight_id",),
            period=("departure_at", "arrival_at"),
        ),
        Table(
            "data_description",
            "descriptions of series",
            (_text_column("name", 64, "variable"), _text_column("description", 1000, "what it is")),
            ("name",),
        ),
    )
}


def template(path: Path) -> None:
    """Write an empty workbook with a sheet per table: headings, and comments on what belongs below them."""
    from openpyxl import Workbook
    from openpyxl.comments import Comment
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    book.remove(book.worksheets[0])
    for table in TABLES.values():
        sheet = book.create_sheet(table.name)
        for place, (heading, expected) in enumerate(table.headings.items(), 1):
            cell = sheet.cell(1, place, heading)
            cell.font = Font(bold=heading in table.required)
            cell.comment = Comment(expected, "skyledger", width=320)
            letter = get_column_letter(place)
            sheet.column_dimensions[letter].width = max(14, len(heading) + 4)
            sheet.column_dimensions[letter].number_format = "@"  # text: 02 stays 02, times stay as written
        sheet.freeze_panes = "A2"
    with atomic(path) as temporary:
        book.save(temporary)
