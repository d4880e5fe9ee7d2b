"""What the PI reads: what is suggested, what is said, and that the page can be trusted."""

import json
import re
import shlex
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from typer.main import get_command

from sandbox.iagos.metadata import calibration_set, flight_record
from sandbox.iagos.raw import write_raw
from sandbox.iagos.world import IagosWorld
from skyledger.cli import app
from skyledger.errors import PermanentError
from skyledger.iagos import report as reports
from skyledger.iagos.assess import Assessment, ManualFlag, ManualFlags, Statistics, assess, quality_config
from skyledger.iagos.assess.encounters import Encounter
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import FlightData, Key, Series
from skyledger.iagos.formats import raw as l0a
from skyledger.iagos.instruments import load_instrument
from skyledger.iagos.metadata.calibrations import CalibrationPair, CalibrationSet, Part
from skyledger.iagos.names import Level
from skyledger.iagos.release.rules import ReleaseRules, release_rules
from skyledger.iagos.report import Report, ReportContext, SourceFile, Suggestion
from skyledger.iagos.report.advice import advise, not_measuring, percent, suggest, warn
from skyledger.iagos.report.comparison import compare
from skyledger.iagos.report.figures.route import _View
from skyledger.iagos.report.figures.style import envelope
from skyledger.iagos.report.view import legs, of_instrument, pairs
from skyledger.iagos.science.importer import make_l0, make_l2
from skyledger.iagos.states import State
from tests.support.iagos_flights import altered, flight

WORLD = IagosWorld()
PACIFIC = WORLD.flight("09", 0)  # TPE to LAX: over midnight and over the date line
DEAD_OZONE = WORLD.flight("09", 3)
RULES = release_rules()
CONFIG = quality_config("P1")
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta"}


def made(
    one: Any, *, post: bool = False, manual: ManualFlags | None = None, level: Level = Level.L1
) -> tuple[Assessment, ReportContext]:
    """A flight of the sandbox with its verdict and what surrounds it."""
    content = write_raw(WORLD, one)
    calibrations, record = calibration_set(WORLD, one, post=post), flight_record(one)
    key = Key(one.flight_id, "P1", 1)
    source = {"name": one.raw_name(), "sha256": "5" * 64}
    instrument = load_instrument("P1")
    data = make_l0(l0a.read(content, one.raw_name()), instrument, calibrations, record, key, source=source)
    if level is Level.L2:
        data = make_l2(data, instrument, calibrations)
    verdict = assess(data, CONFIG, manual)
    context = ReportContext(
        key=key,
        level=level,
        flight=record,
        calibrations=calibrations,
        source_file=SourceFile(one.raw_name(), "5" * 64, len(content), "f-000918", one.arrival.time),
        software="skyledger 0.1.0",
        rules=RULES,
        state=State.QC_RUNNING,
        made_at=one.arrival.time + timedelta(hours=1),
    )
    return verdict, context


@pytest.fixture(scope="module")
def pacific() -> tuple[Assessment, ReportContext]:
    return made(PACIFIC)


@pytest.fixture(scope="module")
def pacific_report(pacific: tuple[Assessment, ReportContext]) -> Report:
    verdict, context = pacific
    return reports.build(verdict.data, verdict, context)


@pytest.fixture(scope="module")
def final_report(pacific: tuple[Assessment, ReportContext]) -> tuple[Report, ReportContext]:
    """For Level 2, beside the data of Level 0."""
    verdict, context = made(PACIFIC, post=True, level=Level.L2)
    context = replace(context, previous=pacific[0].data)
    return reports.build(verdict.data, verdict, context), context


@pytest.fixture(scope="module")
def cruise() -> tuple[Assessment, ReportContext]:
    """A short flight in which nothing is wrong."""
    data = flight(1200)
    data = replace(data, arrival=data.arrival._replace(time=data.departure.time + timedelta(seconds=4800)))
    record = replace(flight_record(PACIFIC), departure=data.departure, arrival=data.arrival)
    _, context = made(PACIFIC)
    return assess(data, CONFIG), replace(context, key=data.key, flight=record)


def flagged(verdict: Assessment, counts: dict[Validity, int], *names: str) -> Assessment:
    """The verdict with so many values of each validity in some variables, and without findings."""
    validity = np.repeat(np.array([int(v) for v in counts], dtype=np.int8), list(counts.values()))
    data = verdict.data.with_validity(dict.fromkeys(names, validity))
    variables = dict(verdict.variables)
    for name in names:
        figures = Statistics.of(data.series[name], data.time_s)
        nothing = np.zeros(len(data), dtype=np.int64)
        variables[name] = replace(
            variables[name], validity=validity, tests=nothing, findings=(), statistics=figures
        )
    return replace(verdict, data=data, variables=variables)


class Page(HTMLParser):
    """What a browser would see: tags, attributes, text, and whether all tags are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.feed(text)
        assert self.opened == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.opened.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))


# what is suggested


def test_shares_of_vector_24_speak_for_a_release(cruise):
    counts = {Validity.GOOD: 1080, Validity.LIMITED: 36, Validity.ERRONEOUS: 24, Validity.MISSING: 60}
    verdict = flagged(cruise[0], counts, "O3_P1")
    assert verdict.variables["O3_P1"].statistics.share(Validity.GOOD) == pytest.approx(0.9, rel=5e-6)
    advice = advise(verdict, "O3_P1", RULES)
    assert advice.availability == pytest.approx(0.93, rel=5e-6)
    assert (advice.suggestion, advice.erroneous, advice.reasons) == (Suggestion.RELEASE, 0.02, ())


@pytest.mark.parametrize(
    ("good", "erroneous", "expected"),
    [
        (960, 60, "RELEASE"),  # 80 % and 5 %: just enough
        (959, 60, "REVIEW"),
        (1139, 61, "REVIEW"),
        (240, 0, "REVIEW"),  # 20 %: not yet a hint to reject
        (239, 0, "REJECT"),
    ],
)
def test_a_variable_is_suggested_by_the_limits_of_the_rules(cruise, good, erroneous, expected):
    counts = {Validity.GOOD: good, Validity.ERRONEOUS: erroneous, Validity.MISSING: 1200 - good - erroneous}
    advice = advise(flagged(cruise[0], counts, "CO_P1"), "CO_P1", RULES)
    assert advice.suggestion == expected
    assert bool(advice.reasons) == (expected != "RELEASE")


def test_one_dead_variable_is_for_review_and_nothing_but_dead_ones_for_rejection(cruise):
    verdict, context = cruise
    dead = {Validity.ERRONEOUS: 1200}
    for names, expected in ((["O3_P1"], "REVIEW"), (of_instrument(verdict.data), "REJECT"), ([], "RELEASE")):
        found = flagged(verdict, dead, *names)
        advices = {name: advise(found, name, RULES) for name in found.data.series}
        suggestion, reasons = suggest(advices, warn(found, context), found.data)
        assert suggestion == expected
        assert [reason.split(":")[0] for reason in reasons] == names


def test_a_critical_warning_keeps_a_flight_from_being_suggested_for_release(cruise):
    verdict, context = cruise
    advices = {name: advise(verdict, name, RULES) for name in verdict.data.series}
    assert suggest(advices, warn(verdict, context), verdict.data)[0] == "RELEASE"
    parts = dict(context.calibrations.parts)
    parts["CO analyser"] = Part("CO-1", CalibrationPair(None, None))
    uncalibrated = replace(context, calibrations=replace(context.calibrations, parts=parts))
    suggestion, reasons = suggest(advices, warn(verdict, uncalibrated), verdict.data)
    assert suggestion == "REVIEW"
    assert reasons == ["CO analyser CO-1: no calibration before the deployment"]


def test_what_was_not_to_be_measured_does_not_count_against_a_flight(pacific):
    verdict, _ = pacific
    planned = not_measuring(verdict, "CO_P1")
    phase, mode = verdict.data.channels["phase"], verdict.data.channels["co_mode"]
    assert planned[~np.isin(phase, (4, 5, 6, 7))].all()
    assert planned[mode > 0].all()
    assert not planned[np.isin(phase, (4, 5, 6, 7)) & (mode == 0)].mean() > 0.05
    advice = advise(verdict, "CO_P1", RULES)
    assert advice.planned == planned.sum()
    assert verdict.variables["CO_P1"].statistics.share(Validity.ERRONEOUS) > RULES.release_erroneous
    assert advice.suggestion == "RELEASE"


def test_a_broken_analyser_is_named_with_the_test_that_found_it():
    verdict, context = made(DEAD_OZONE)
    report = reports.build(verdict.data, verdict, context)
    assert report.suggestion == "REVIEW"
    assert len(report.content["report"]["reasons"]) == 1
    assert re.fullmatch(
        r"O3_P1: \d+(\.\d)? % available, below 20 %, mostly by status_word",
        *report.content["report"]["reasons"],
    )
    ways = report.content["decide"]["ways"]
    assert ways[0]["title"] == "Release only what looks fine"
    assert "--variables CO_P1,H2O_gas_P1,RHL_P1,RHI_P1,air_temp_P1,cloud_P1 " in ways[0]["command"]


# what is warned of


def warned(verdict: Assessment, context: ReportContext) -> dict[str, bool]:
    return {f"{one.subject}: {one.text}": one.critical for one in warn(verdict, context)}


def test_level_2_needs_a_calibration_after_the_deployment_of_every_part(cruise):
    verdict, context = cruise
    assert warned(verdict, context) == {}
    found = warned(verdict, replace(context, level=Level.L2))
    assert len(found) == 4
    assert all(found.values())
    assert any(text.startswith("O3 analyser ") for text in found)
    whole = replace(context, level=Level.L2, calibrations=calibration_set(WORLD, PACIFIC, post=True))
    assert warned(verdict, whole) == {}


def test_conflicts_of_calibrations_are_told(cruise):
    """Weakness 5."""
    verdict, context = cruise
    parts = dict(context.calibrations.parts)
    pair = replace(parts["RH sensor"].pair, warnings=("2 calibrations on one day",))
    parts["RH sensor"] = replace(parts["RH sensor"], pair=pair)
    doubted = replace(context, calibrations=replace(context.calibrations, parts=parts))
    assert warned(verdict, doubted) == {"calibration: 2 calibrations on one day": False}


def test_data_that_do_not_fit_the_times_of_the_flight_are_critical(cruise):
    verdict, context = cruise
    for shift, begins in (
        (timedelta(hours=2), "data begin 2 h 0 min before"),
        (-timedelta(hours=2), "data end 2 h 0 min"),
    ):
        moved = replace(
            context.flight,
            departure=context.flight.departure._replace(time=context.flight.departure.time + shift),
            arrival=context.flight.arrival._replace(time=context.flight.arrival.time + shift),
        )
        found = warned(verdict, replace(context, flight=moved))
        assert any(text.startswith(f"times: {begins}") and critical for text, critical in found.items())
    later = context.flight.arrival._replace(time=context.flight.arrival.time + timedelta(minutes=50))
    found = warned(verdict, replace(context, flight=replace(context.flight, arrival=later)))
    assert found == {
        "times: data cover 61.5 % of the flight, release from 80 %": True,
        "times: no data for the last 50 min of the flight": False,
    }


def test_bad_positions_are_critical_and_rejected_rows_are_told(cruise):
    verdict, context = cruise
    lost = flagged(verdict, {Validity.GOOD: 1000, Validity.ERRONEOUS: 200}, "lat", "air_temp_AC")
    provenance = {
        **verdict.data.provenance,
        "rows_rejected": 3,
        "rows_read": 1200,
        "notes": ["clock by hand"],
    }
    lost = replace(lost, data=replace(lost.data, provenance=provenance))
    again = replace(context, key=context.key._replace(revision=2))
    assert warned(lost, again) == {
        "lat: 16.7 % erroneous": True,
        "air_temp_AC: 16.7 % erroneous": False,
        "raw file: 3 of 1203 rows could not be read": False,
        "raw file: clock by hand": False,
        "raw file: delivery 2 of this flight": False,
    }


def test_four_eyes_are_told(cruise):
    rules = ReleaseRules(four_eyes=True)
    context = replace(
        cruise[1], level=Level.L2, rules=rules, calibrations=calibration_set(WORLD, PACIFIC, post=True)
    )
    assert warned(cruise[0], context) == {"release: Level 2 needs a second PI who agrees": False}


# the page


def test_the_page_loads_nothing_and_runs_nothing(pacific_report):
    page = Page(pacific_report.html)
    assert not page.tags.keys() & {"script", "link", "img", "iframe", "object", "form", "base"}
    for tag, name, value in page.attributes:
        assert not name.startswith("on")
        assert name != "src"
        if name in {"href", "xlink:href"}:
            assert value.startswith("#") or re.fullmatch(r"r1_L1_[0-9a-f]{8}\.json", value), (tag, value)
        elif not name.startswith("xmlns"):
            assert "://" not in value
    style = pacific_report.html.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_every_link_of_the_page_has_its_place(pacific_report):
    page = Page(pacific_report.html)
    places = [value for _, name, value in page.attributes if name == "id"]
    assert len(places) == len(set(places))
    links = {
        value[1:] for _, name, value in page.attributes if name in {"href", "xlink:href"} and value[0] == "#"
    }
    used = set(re.findall(r"url\(#([^)]+)\)", pacific_report.html))
    assert links | used <= set(places)


def test_whatever_people_and_files_say_is_escaped(cruise):
    verdict, context = cruise
    evil = '<script>alert("x")</script>&$\\alpha$'
    at = datetime(2024, 3, 5, 13, 0, tzinfo=UTC)
    manual = ManualFlags(
        (ManualFlag("O3_P1", at, at + timedelta(minutes=5), Validity.LIMITED, evil, evil, at),)
    )
    data = replace(
        verdict.data,
        departure=verdict.data.departure._replace(airport=evil),
        provenance={**verdict.data.provenance, "notes": [evil], "unit": evil},
    )
    context = replace(
        context,
        flight=replace(
            context.flight, airline=evil, departure=context.flight.departure._replace(airport=evil)
        ),
        source_file=replace(context.source_file, name=evil, file_id=evil),
        software=evil,
        links={evil: "https://example.org/?a=1&b=2"},
    )
    judged = assess(data, CONFIG, manual)
    report = reports.build(judged.data, judged, context)
    page = Page(report.html)
    assert (
        '>&lt;script&gt;alert("x")&lt;/script&gt;&amp;$\\alpha$</text>' in report.html
    )  # on the map, as it is
    assert page.tags["script"] == 0
    assert "<script" not in report.html
    assert page.words.count('<script>alert("x")</script>&$\\alpha$') >= 9
    assert ("a", "href", "https://example.org/?a=1&b=2") in page.attributes


def test_the_page_says_what_the_json_says(pacific_report):
    content, words = pacific_report.content, Page(pacific_report.html).words
    said = json.loads(json.dumps(content, allow_nan=False))
    assert said == content
    assert content["report"]["data_digest"] == pacific_report.digest
    assert words.count(pacific_report.digest) >= 4
    for name, one in content["variables"].items():
        assert name in words
        assert sum(one["counts"].values()) == one["n"]
        assert percent(one["availability_measuring"]) in words
        for test in one["tests"]:
            assert test["test"] in words
            for interval in test["intervals"]:
                assert interval["start"][11:19] in words
    for part in content["calibrations"]["parts"].values():
        assert part["serial"] in words
        for value in part["pre"]["parameters"].values():
            assert f"{value:.6g}" in words
    for text in (content["file"]["sha256"], content["quality"]["name"], "B-XFEA", "TPE", "LAX", "P1-03"):
        assert text in words


def test_times_over_midnight_go_on(pacific_report, pacific):
    content = pacific_report.content
    assert content["flight"]["departure"]["time"] == "2024-03-01T20:33:40Z"
    assert content["flight"]["arrival"]["time"] == "2024-03-02T09:15:08Z"
    drawn = re.search(r"<title>ozone mole fraction.*?</svg>", pacific_report.html, re.DOTALL)
    clock = re.findall(r">(\d\d:\d\d)<", drawn[0])
    assert clock == ["20:00", "22:00", "00:00", "02:00", "04:00", "06:00", "08:00"]
    assert ">2 Mar<" in drawn[0]
    assert ">2 Mar</text>" in drawn[0]


def test_the_date_line_does_not_break_the_map(pacific, pacific_report):
    """Weakness 11."""
    series = pacific[0].data.series
    lon, lat = series["lon"].value, series["lat"].value
    assert np.abs(np.diff(lon)).max() > 300
    middle = np.deg2rad([[lon[0], lat[0]], [lon[-1], lat[-1]]])
    x, y, z = (
        np.cos(middle[:, 1]) * np.cos(middle[:, 0]),
        np.cos(middle[:, 1]) * np.sin(middle[:, 0]),
        np.sin(middle[:, 1]),
    )
    x, y = _View(np.array([x.sum(), y.sum(), z.sum()])).project(lon, lat)
    sound = series["lon"].validity == Validity.GOOD
    assert np.hypot(np.diff(x[sound]), np.diff(y[sound])).max() < 0.01
    assert np.hypot(x, y).max() < 1.5
    drawn = re.search(r"<title>Map of the flight.*?</svg>", pacific_report.html, re.DOTALL)[0]
    assert ">180°<" in drawn
    assert ">TPE<" in drawn
    line = re.search(r"<title>longitude.*?</svg>", pacific_report.html, re.DOTALL)[0]
    curve = re.search(r'd="([^"]*)"[^>]*stroke: #14507a', line)[1]
    assert curve.count("M ") == 2  # one piece on each side


# what it is bound to


def test_equal_data_give_an_equal_report_and_other_flags_another(pacific, pacific_report, tmp_path):
    """Weakness 7: a report is bound to the state of the data."""
    verdict, context = pacific
    again = reports.build(verdict.data, verdict, context)
    assert again.html == pacific_report.html
    assert again.content == pacific_report.content
    paths = reports.keep(pacific_report, tmp_path)
    folder = tmp_path / "iagos" / "reports" / "P1" / context.key.flight_id
    assert paths == (
        folder / f"r1_L1_{again.digest[:8]}.html",
        folder / f"r1_L1_{again.digest[:8]}.json",
    )
    assert paths.html.read_text(encoding="utf-8") == again.html
    assert json.loads(paths.json.read_text(encoding="utf-8")) == again.content
    reports.keep(again, tmp_path)
    assert sorted(folder.iterdir()) == sorted(paths)

    validity = verdict.data.series["O3_P1"].validity.copy()
    validity[5000] = Validity.ERRONEOUS
    data = verdict.data.with_validity({"O3_P1": validity})
    other = replace(pacific_report, digest=data.digest())
    assert other.digest != again.digest
    assert reports.keep(other, tmp_path).html != paths.html


def test_a_report_on_other_data_than_the_verdict_is_refused(cruise):
    verdict, context = cruise
    with pytest.raises(PermanentError, match="expected one flight file with its own verdict"):
        reports.build(verdict.data, verdict, replace(context, key=context.key._replace(revision=2)))
    other = altered(verdict.data, "O3_P1", [5], 99.0)
    with pytest.raises(PermanentError, match="expected one flight file"):
        reports.build(other, verdict, context)


def test_the_chain_leads_from_the_report_to_the_raw_file_in_prov(final_report):
    report, context = final_report
    prov = report.content["prov"]
    derived = {one["prov:generatedEntity"]: one["prov:usedEntity"] for one in prov["wasDerivedFrom"].values()}
    entity, way = f"iagos:report-L2-{report.digest[:16]}", []
    while entity in derived:
        way.append(entity.split(":")[1].rsplit("-", 1)[-1])
        entity = derived[entity]
    assert way == [report.digest[:16], report.digest[:16], "L2", "L0"]
    assert prov["entity"][entity]["iagos:sha256"] == "5" * 64
    for kind, ends in {
        "wasGeneratedBy": ("entity", "activity"),
        "used": ("activity", "entity"),
        "wasAssociatedWith": ("activity", "agent"),
    }.items():
        for relation in prov[kind].values():
            assert all(relation[f"prov:{end}"] in prov[end] for end in ends)
    assert len(prov["wasGeneratedBy"]) == len(prov["entity"]) == 5
    final = next(step for step in report.content["chain"] if step["title"] == "Level 2 candidate")
    assert final["with"] == [f"calibration {number}" for number in context.calibrations.ids]
    parts = report.content["calibrations"]["parts"]
    assert all(0 < part["weight_of_post"] < 1 for name, part in parts.items() if name != "BCP")


# how to decide


def test_commands_carry_flight_and_digest_and_leave_room_for_the_comment(pacific_report, pacific):
    context = pacific[1]
    decide = pacific_report.content["decide"]
    for way in decide["ways"]:
        words = way["command"].split()
        assert words[:4] == ["skyledger", "iagos", "decide", context.key.flight_id]
        assert words[-4:] == ["--digest", pacific_report.digest, "--person", "LOGIN"]
        given = dict(zip(words[4::2], words[5::2], strict=True))
        assert (given["--instrument-type"], given["--level"], given["--action"]) == (
            "P1",
            "L1",
            way["action"],
        )
        assert ("--comment" in given) == (way["title"] != "Release all variables")
    assert [way["action"] for way in decide["ways"]] == ["release", "edit_flags", "rerun", "reject", "defer"]
    form = json.loads(decide["form"])
    assert form["flights"] == [context.key.flight_id]
    assert form["digest"] == pacific_report.digest


def test_commands_are_those_that_the_command_line_knows(pacific_report):
    iagos = get_command(app).commands["iagos"]
    for way in pacific_report.content["decide"]["ways"]:
        _, _, verb, *arguments = shlex.split(way["command"])
        given = iagos.commands[verb].make_context(verb, arguments).params
        assert given["digest"] == pacific_report.digest
        assert given["action"] == way["action"]


# comparison


def test_an_equal_version_is_told_to_be_equal(cruise):
    data = cruise[0].data
    found = compare(data, data)
    assert found.identical
    assert found.differences == {}
    assert all(
        (one.changed_values, one.changed_flags, one.gained, one.lost) == (0, 0, 0, 0)
        for one in found.variables.values()
    )


def test_changes_are_counted_value_by_value_and_flag_by_flag(cruise):
    """Weakness 8: versions can be compared."""
    data = cruise[0].data.with_validity({"O3_P1": np.zeros(1200, dtype=np.int8)})
    before = {name: one for name, one in data.series.items() if name != "cloud_P1"}
    value, validity = data.series["O3_P1"].value.copy(), np.zeros(1200, dtype=np.int8)
    value[10] -= 3.0
    value[11] += 1.0
    value[12] = np.nan
    validity[12], validity[20], validity[21] = Validity.MISSING, Validity.ERRONEOUS, Validity.LIMITED
    before["O3_P1"] = Series(value, validity)
    old = replace(data, level=Level.L1, series=before, time_s=data.time_s)
    found = compare(data, old)
    change = found.variables["O3_P1"]
    assert (change.changed_values, change.changed_flags, change.gained, change.lost) == (3, 3, 2, 0)
    assert change.largest == pytest.approx(3.0)
    assert change.mean == pytest.approx((3.0 - 1.0) / 1198)
    assert (found.added, found.removed, found.identical) == (("cloud_P1",), (), False)
    assert list(found.differences) == ["O3_P1"]
    assert (found.common, found.only_here, found.only_before) == (1200, 0, 0)


def test_versions_are_matched_by_time(cruise):
    data = cruise[0].data

    def part(rows: slice) -> FlightData:
        series = {n: Series(s.value[rows], s.validity[rows]) for n, s in data.series.items()}
        return replace(data, time_s=data.time_s[rows], series=series)

    found = compare(part(slice(100, 1200)), part(slice(0, 1000)))
    assert (found.common, found.only_here, found.only_before) == (900, 200, 100)
    assert all(one.changed_values == 0 for one in found.variables.values())
    assert not found.identical


def test_the_page_shows_what_the_final_calibration_changed(final_report):
    report, _ = final_report
    change = report.content["comparison"]["variables"]["O3_P1"]
    assert change["changed_values"] > 10_000
    assert 0 < abs(change["mean"]) < 5
    assert report.content["comparison"]["with"] == "L0, delivery 1"
    page = Page(report.html)
    assert "This version less the one before" in page.words
    assert "Differences are this version less the one before" in page.words


# what figures are drawn from


def test_climb_and_descent_end_where_the_aircraft_is_level(pacific):
    data = pacific[0].data
    found = legs(data)
    height = data.series["baro_alt_AC"].value
    for leg in found.values():
        assert height[leg].min() < 300
        assert height[leg].max() > 9000
        assert leg.sum() * data.interval_s < 3600
    assert height[found["ascent"]].max() < height.max() - 500  # steps of the cruise belong to no leg
    assert not (found["ascent"] & found["descent"]).any()
    assert legs(flight(900)).get("ascent", np.zeros(1)).sum() <= 1


def test_points_that_are_left_out_of_a_curve_are_never_the_extremes():
    rng = np.random.default_rng(4)
    x, y = np.arange(10_000.0), rng.normal(size=10_000)
    y[4321], y[7000:7100] = 99.0, np.nan
    drawn_x, drawn_y = envelope(x, y, 500)
    assert len(drawn_x) <= 1000
    assert np.all(np.diff(drawn_x) > 0)
    assert (np.nanmax(drawn_y), np.nanmin(drawn_y)) == (99.0, np.nanmin(y))
    assert 3 <= np.isnan(drawn_y).sum() <= 5
    np.testing.assert_array_equal(drawn_y, y[drawn_x.astype(int)])


def test_what_should_agree_is_taken_from_the_tests_that_compare(pacific, pacific_report):
    found = {(one.first, one.second): one.limit for one in pairs(pacific[0].data, CONFIG)}
    assert found == {("o3_cell_a", "o3_cell_b"): 10.0, ("air_temp_P1", "air_temp_AC"): 3.0}
    temperature = pacific_report.content["agreement"][1]
    assert abs(temperature["median"]) < 0.5
    assert temperature["beyond_limit"] == 0


def test_other_aircraft_at_the_airport_are_told(cruise):
    verdict, context = cruise
    other = Key("2024030513045607", "P1", 2)
    met = Encounter("O3_P1", "FRA", other, datetime(2024, 3, 5, 13, 4, 56, tzinfo=UTC), 17, -3.25, 9.5)
    report = reports.build(verdict.data, verdict, replace(context, encounters=[met]))
    assert report.content["encounters"][0]["other"] == "2024030513045607 P1 r2"
    words = Page(report.html).words
    assert "2024030513045607 P1 r2 2024-03-05 13:04:56 17 \N{MINUS SIGN}3.25 9.50" in words
    json.dumps(report.content, allow_nan=False)


@pytest.mark.parametrize("n", [1, 2, 40])
def test_a_stump_of_a_flight_still_has_a_report(cruise, n):
    data = flight(n)
    verdict = assess(data, CONFIG)
    report = reports.build(verdict.data, verdict, cruise[1])
    assert report.suggestion != "RELEASE"
    Page(report.html)


def test_a_flight_without_any_value_has_a_report_that_hints_at_rejection(cruise):
    data = flight(60)
    empty = {
        name: Series.unchecked(np.full(60, np.nan))
        for name in data.series
        if name not in {"lon", "air_temp_AC"}
    }
    verdict = assess(replace(data, series=empty), CONFIG)
    report = reports.build(verdict.data, verdict, cruise[1])
    assert report.suggestion == "REJECT"
    assert "No position is known" in Page(report.html).words
    assert report.content["decide"]["ways"][0]["action"] == "reject"
    json.dumps(report.content, allow_nan=False)


def test_infinite_values_do_not_spoil_the_json(cruise):
    data = altered(altered(flight(300), "O3_P1", [50], np.inf), "CO_P1", [60], -np.inf)
    verdict = assess(data, CONFIG)
    json.dumps(reports.build(verdict.data, verdict, cruise[1]).content, allow_nan=False)


def test_a_share_that_is_almost_nothing_never_reads_as_nothing():
    assert [percent(x) for x in (0, 0.0004, 0.0511, 0.8, 0.9996, 1)] == [
        "0 %", "<0.1 %", "5.1 %", "80 %", ">99.9 %", "100 %",
    ]  # fmt: skip


def test_an_unknown_part_of_the_unit_is_told(cruise):
    verdict, context = cruise
    bare = CalibrationSet("D-1", "P1-9", {}, datetime(2024, 3, 6, tzinfo=UTC))
    found = warned(verdict, replace(context, calibrations=bare))
    assert found == {
        f"{name}: not part of the unit at the time of the flight": True
        for name in ("O3 analyser", "CO analyser", "RH sensor", "PT100")
    }
