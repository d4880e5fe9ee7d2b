"""What a PI chooses for a flight, and corrections that reach Level 1: from a raw file to released products."""

import csv
import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sandbox.iagos.data_centre import DataCentre
from skyledger import config
from skyledger.errors import PermanentError, StorageError
from skyledger.iagos import instruments, process, series, states
from skyledger.iagos.assess import judge
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import FlightData
from skyledger.iagos.formats.netcdf import read_flight
from skyledger.iagos.metadata.calibrations import calibration_set
from skyledger.iagos.names import Level
from skyledger.iagos.process import check_flight, process_again
from skyledger.iagos.release.choices import chosen
from skyledger.iagos.release.decide import Decided, Decision, decide
from skyledger.iagos.release.errors import Conflict, DecisionRefused
from skyledger.iagos.release.reminders import reminder
from skyledger.iagos.release.reports import StoredReport, newest_report
from skyledger.iagos.release.reprocess import Plan, plan_reprocess, queue_reprocess
from skyledger.iagos.release.versions import products
from skyledger.iagos.states import State
from skyledger.iagos.verify import verify
from tests.integration.test_cli import Terminal
from tests.support.iagos_process import PI, Network, key_of, waiting

pytestmark = pytest.mark.integration

KEY = key_of(0)
NAMES = {"flight_id": KEY.flight_id, "instrument_type": KEY.instrument_type}


@pytest.fixture
def network(iagos_db, tmp_path):
    """A data centre, an instrument database, and a flight that waits for its PI."""
    with DataCentre() as centre:
        network = Network(iagos_db, tmp_path / "data", centre).prepare(tmp_path)
        waiting(network)
        yield network


@pytest.fixture
def calibrated(network, tmp_path):
    """The calibrations after the deployment have come."""
    network.calibrate(0, tmp_path)
    return network


@pytest.fixture
def files_of_tests(tmp_path, monkeypatch):
    """A folder of configurations with another file of tests, in which ozone is hardly ever good."""
    folder = tmp_path / "config"
    shutil.copytree(config.CONFIG_DIR / "iagos", folder / "iagos")
    quality = folder / "iagos" / "quality"
    text = (quality / "P1.yaml").read_text().replace("name: P1-default", "name: P1-strict")
    text = text.replace(
        "\n  O3_P1:\n    items:\n",
        "\n  O3_P1:\n    items:\n      - {test: range, name: narrow, suspect: [0, 1]}\n",
    )
    assert "narrow" in text
    (quality / "strict.yaml").write_text(text)
    (quality / "other.yaml").write_text(
        "name: other\nversion: 1\nseries:\n  lat: {items: [{test: range, fail: [-90, 90]}]}\n"
    )
    monkeypatch.setattr(judge, "CONFIG_DIR", folder)
    monkeypatch.setattr(instruments, "CONFIG_DIR", folder)


def report(network: Network, level: Level = Level.L1) -> StoredReport:
    with network.warehouse.session() as session:
        found = newest_report(session, KEY, level)
    assert found
    return found


def content(network: Network, level: Level = Level.L1) -> dict[str, Any]:
    """What the newest report says."""
    page = network.data_root / "iagos" / "reports" / report(network, level).page
    return json.loads(page.with_suffix(".json").read_text())


def page(network: Network) -> str:
    return (network.data_root / "iagos" / "reports" / report(network).page).read_text()


def kept(network: Network, level: Level = Level.L0) -> FlightData:
    with network.warehouse.session() as session:
        return series.load(session, network.data_root, KEY, level)


def as_of(network: Network):
    with network.warehouse.session() as session:
        return series.kept(session, KEY, Level.L0).as_of


def decided(network: Network, action: str = "rerun", level: Level = Level.L1, **words: Any) -> Decided:
    wanted = {"person": PI, "comment": "as discussed", "digest": report(network, level).data_digest} | words
    with network.warehouse.session() as session:
        return decide(session, Decision(KEY, level, action, **wanted), "r")


def again(network: Network, level: Level = Level.L1, **choices: str) -> StoredReport:
    """The PI has the flight computed and judged again, with choices or without."""
    decided(network, level=level, **choices)
    network.process(KEY)
    return report(network, level)


def plan(network: Network, **rows: Any) -> Plan:
    with network.warehouse.session() as session:
        return plan_reprocess(session, **rows)


def queue(network: Network, found: Plan) -> list[Any]:
    with network.warehouse.session() as session:
        return queue_reprocess(session, found, at_most=10, actor="operator1", run_id="r")


def ozone_before(network: Network):
    """The calibration before the deployment of the flight's ozone analyser."""
    with network.warehouse.session() as session:
        return calibration_set(session, **NAMES).parts["O3 analyser"].pair.pre


def correct(network: Network, folder: Path, factor: float = 1.1) -> int:
    """The slope of that calibration is corrected; the number of the new row."""
    old = ozone_before(network)
    with (folder / "tables" / "calibration.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["serial_no"] == old.component]
    (row,) = [row for row in rows if row["calibrated_at"][:10] == str(old.timestamp.date())]
    row["parameters"] = "; ".join(
        f"{name}={value * (factor if name == 'slope' else 1)!r}" for name, value in old.parameters.items()
    )
    (folder / "corrected").mkdir(exist_ok=True)
    path = folder / "corrected" / "calibration.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)
    network.take_in([path])
    new = ozone_before(network)
    assert new.id != old.id
    return new.id


def judge_again(network: Network) -> None:
    with network.warehouse.session() as session:
        process_again(session, [KEY.flight_id], actor="operator1", run_id="r")
    network.process(KEY)


def told_the_same(network: Network) -> None:
    """Everything that is kept comes out the same when it is derived again."""
    found = verify(network.warehouse, data_root=network.data_root, night=date(2024, 1, 1))
    assert found.differences == []
    assert found.series


# corrections before Level 1


def test_a_corrected_calibration_reaches_level_1_when_the_flight_is_judged_again(network, tmp_path):
    old, known, digest = kept(network), as_of(network), report(network).data_digest
    new = correct(network, tmp_path)
    judge_again(network)
    made = kept(network)
    assert new in made.provenance["calibration_ids"]
    shift = ozone_before(network).parameters["slope"] / 1.1 * 0.1
    expected = old.series["O3_P1"].value + shift * old.channels["o3_raw_ppb"]
    np.testing.assert_allclose(made.series["O3_P1"].value, expected, rtol=1e-9)
    assert made.series["CO_P1"].value.tobytes() == old.series["CO_P1"].value.tobytes()
    assert as_of(network) > known
    assert content(network)["calibrations"]["parts"]["O3 analyser"]["pre"]["id"] == new
    with pytest.raises(Conflict, match="the data have changed since the report that was read"):
        decided(network, "release", digest=digest)
    network.release(KEY)
    with network.warehouse.session() as session:
        (product,) = products(session, level=Level.L1)
        released = series.load(session, network.data_root, KEY, Level.L1, product.version)
    np.testing.assert_array_equal(released.series["O3_P1"].value, made.series["O3_P1"].value)
    told_the_same(network)


def test_level_0_that_is_computed_anew_with_the_same_calibrations_is_the_same(network):
    before, known, digest = kept(network).digest(), as_of(network), report(network).report_id
    judge_again(network)
    assert (kept(network).digest(), as_of(network), report(network).report_id) == (before, known, digest)
    assert len(list((network.data_root / "iagos" / "series").rglob("*L0*.parquet"))) == 1


def test_a_correction_that_cannot_be_computed_with_leaves_level_0_as_it_was(network, tmp_path, monkeypatch):
    before, known = kept(network).digest(), as_of(network)
    correct(network, tmp_path)

    def broken(*arguments: Any, **named: Any) -> None:
        raise StorageError("no room for the report")

    monkeypatch.setattr(process, "note_report", broken)
    with pytest.raises(StorageError):
        judge_again(network)
    assert (kept(network).digest(), as_of(network)) == (before, known)
    assert network.state(KEY).state is State.QC_FAILED


# corrections after Level 1


def test_level_1_with_a_corrected_calibration_is_a_new_version_before_level_2(calibrated, tmp_path):
    network = calibrated
    network.release(KEY)
    assert plan(network).todo == [KEY]
    new = correct(network, tmp_path)
    found = plan(network, calibration_ids=[new])
    assert (found.level_1, found.todo, found.unchanged) == ([KEY], [], [])
    assert (
        "(1 with a released Level 1, 0 with a released Level 2): 1 whose Level 1 is to be computed again first"
        in (found.describe())
    )
    assert plan(network).level_1 == [KEY]  # found without being told the number too
    with network.warehouse.session() as session:
        told = dict(reminder(session, network.state(KEY).since).lines)
    assert told == {
        "Level 1 is to be computed again: its calibrations have changed": (
            f"{KEY.flight_id}: start iagos_flights_reprocess"
        )
    }
    assert network.state(KEY).state is State.AWAITING_CAL  # a plan only reads

    assert queue(network, found) == [KEY]
    assert network.state(KEY).state is State.REPROCESS
    assert queue(network, plan(network)) == [KEY]  # a run that stopped here is gone on with
    network.process(KEY)
    assert network.state(KEY).state is State.AWAITING_L1
    assert content(network)["comparison"]["with"] == "L1 1.0.0, delivery 1"
    network.release(KEY)
    assert network.state(KEY).state is State.AWAITING_CAL
    with network.warehouse.session() as session:
        first, second = products(session, level=Level.L1)
    assert [str(one.version) for one in (first, second)] == ["1.0.0", "1.1.0"]
    assert second.reason.startswith("calibrations ")
    assert first.superseded_by == second.product_id
    found = plan(network, calibration_ids=[new])
    assert (found.level_1, found.todo) == ([], [KEY])
    told_the_same(network)


def test_a_flight_that_waits_for_level_1_is_in_the_plan_when_its_calibrations_changed(network, tmp_path):
    assert plan(network, calibration_ids=[ozone_before(network).id]).earlier == [KEY]
    new = correct(network, tmp_path)
    found = plan(network, calibration_ids=[new])
    assert (found.level_1, found.earlier) == ([KEY], [])
    queue(network, found)
    network.process(KEY)
    assert plan(network, calibration_ids=[new]).earlier == [KEY]


def test_changed_relations_and_deployments_are_planned_too(network):
    ((relation,),) = network.query(
        "SELECT relation_id FROM (SELECT r.component_relation_id AS relation_id FROM component_relation AS r"
        " INNER JOIN component AS c ON r.component_id = c.component_id WHERE c.serial_no = %s LIMIT 1) AS found",
        ozone_before(network).component,
    )
    deployment = content(network)["calibrations"]["deployment"]
    ((number,),) = network.query("SELECT deployment_id FROM deployment WHERE internal_no = %s", deployment)
    assert plan(network, relation_ids=[relation]).flights == 1
    assert plan(network, deployment_ids=[number]).earlier == [KEY]
    with pytest.raises(PermanentError, match="no relation with number 9999"):
        plan(network, relation_ids=[9999])


# choice of calibrations


def test_the_pi_chooses_both_calibrations_for_level_1(calibrated):
    network = calibrated
    plain, usual = kept(network), report(network)
    said = decided(network, calibrations="both")
    assert said.told() == (
        "to be judged again, with the calibrations before and after the deployment: as discussed"
    )
    network.process(KEY)
    made, told = kept(network), content(network)
    assert made.provenance["calibration_choice"] == "both"
    assert set(made.provenance["calibration_ids"]) > set(plain.provenance["calibration_ids"])
    assert np.nanmean(made.series["CO_P1"].uncertainty) > np.nanmean(plain.series["CO_P1"].uncertainty)
    assert report(network).data_digest != usual.data_digest
    with pytest.raises(Conflict):
        decided(network, "release", digest=usual.data_digest)
    assert (told["calibrations"]["choice"], told["calibrations"]["used"]) == (
        "both",
        "before and after the deployment",
    )
    assert (told["calibrations"]["chosen"]["person"], told["calibrations"]["chosen"]["comment"]) == (
        PI,
        "as discussed",
    )
    (warning,) = [one for one in told["warnings"] if "chose" in one["text"]]
    assert warning["text"].startswith(f"before and after the deployment counts, as {PI} chose on ")
    (step,) = [step for step in told["chain"] if step["entity"].endswith("-L0")]
    assert step["what"] == "physical units with the calibration before and after the deployment"
    assert step["with"][-1].startswith(f"choice of {PI}, decision ")
    assert f"before and after the deployment, as {PI} chose on" in page(network)


def test_a_choice_holds_for_later_runs_and_levels_until_another_one(calibrated):
    network = calibrated
    plain = kept(network).digest()
    assert again(network, calibrations="post")
    chosen_digest = kept(network).digest()
    assert set(kept(network).series["O3_P1"].validity) <= {Validity.LIMITED, Validity.MISSING}
    assert kept(network).provenance["limited"]["O3_P1"] == "calibrated after the deployment only"
    again(network)  # no word of calibrations
    judge_again(network)
    assert kept(network).digest() == chosen_digest != plain
    network.release(KEY)
    assert network.state(KEY).state is State.AWAITING_CAL
    queue(network, plan(network))
    check_flight(network.warehouse, KEY, data_root=network.data_root, run_id="r")
    level_2 = kept(network, Level.L2)
    assert level_2.provenance["calibration_choice"] == "post"
    assert plan(network, calibration_ids=[ozone_before(network).id]).unchanged == [KEY]
    again(network, Level.L2, calibrations="default")
    whole = kept(network, Level.L2)
    assert set(whole.provenance["calibration_ids"]) > set(level_2.provenance["calibration_ids"])
    assert whole.provenance["limited"] == {}
    assert not [one for one in content(network, Level.L2)["warnings"] if "chose" in one["text"]]
    told_the_same(network)


def test_level_2_without_the_calibration_after_the_deployment_says_so_everywhere(calibrated):
    network = calibrated
    network.release(KEY)
    network.recompute()
    again(network, Level.L2, calibrations="pre")
    assert network.state(KEY).state is State.AWAITING_L2
    made = kept(network, Level.L2)
    assert made.provenance["calibration_ids"] == kept(network).provenance["calibration_ids"]
    assert made.provenance["limited"]["O3_P1"] == "calibrated before the deployment only"
    network.release(KEY, Level.L2)
    (path,) = (network.data_root / "iagos" / "products").rglob("*L2*.nc4")
    assert read_flight(path).provenance["calibration_choice"] == "pre"
    from netCDF4 import Dataset

    with Dataset(path) as file:
        assert "Level 2: calibrated before the deployment only, validated by" in file.summary
        assert file.calibrations_chosen == "before the deployment only"
    told_the_same(network)


@pytest.mark.parametrize("choice", ["post", "both"])
def test_calibrations_that_are_not_there_cannot_be_chosen(network, choice):
    with pytest.raises(DecisionRefused, match=rf"calibrations '{choice}' \(.*\): none of .*O3 analyser "):
        decided(network, calibrations=choice)
    assert network.state(KEY).state is State.AWAITING_L1


# choice of tests


def test_the_pi_chooses_other_tests_and_they_stay(network, files_of_tests):
    usual = report(network)
    assert (
        decided(network, quality="strict").told().startswith("to be judged again, with the tests of strict: ")
    )
    network.process(KEY)
    strict, told = report(network), content(network)
    assert (strict.quality, told["quality"]["name"]) == ("P1-strict version 1", "P1-strict")
    assert strict.data_digest != usual.data_digest
    (warning,) = [one for one in told["warnings"] if one["subject"] == "tests"]
    assert warning["text"].startswith(f"P1-strict version 1 (strict) in place of P1, as {PI} chose on ")
    assert told["chain"][-2]["with"][1].startswith(f"choice of {PI}, decision ")
    assert f"as {PI} chose on" in page(network)
    assert "--quality P1 " in " ".join(one["command"] for one in told["decide"]["ways"])
    again(network)
    assert report(network).quality == "P1-strict version 1"
    network.release(KEY)
    again(network, quality="P1")
    assert report(network).data_digest == usual.data_digest
    assert not [one for one in content(network)["warnings"] if one["subject"] == "tests"]
    network.release(KEY)
    with network.warehouse.session() as session:
        assert [str(one.version) for one in products(session, level=Level.L1)] == ["1.0.0", "1.1.0"]
        told_of = chosen(session, KEY)
    assert (told_of.quality_file, told_of.calibration_choice) == ("P1", "default")


def test_a_choice_that_makes_a_flight_fail_can_be_taken_back(network, files_of_tests, monkeypatch):
    with monkeypatch.context() as patched:

        def broken(data: FlightData, config: Any, *rest: Any) -> None:
            raise PermanentError(f"{config.name} cannot be applied")

        patched.setattr(process, "assess", broken)
        with pytest.raises(PermanentError, match="P1-strict cannot be applied"):
            again(network, quality="strict")
    assert network.state(KEY).state is State.QC_FAILED
    with pytest.raises(Conflict, match="is QC_FAILED: there is nothing to release now"):
        decided(network, "release")
    assert again(network, quality="P1").quality == "P1-default version 1"
    assert network.state(KEY).state is State.AWAITING_L1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"quality": "P9"}, "quality 'P9': expected one of P1, other, strict"),
        ({"quality": "../jobs/p1_drop"}, "expected one of P1, other, strict"),
        ({"quality": "other"}, "judges no variable that P1 measures"),
        ({"calibrations": "none"}, "calibrations 'none': expected one of default, pre, post, both"),
        ({"action": "reject", "calibrations": "pre"}, "are chosen with rerun, not with reject"),
        ({"action": "release", "quality": "P1"}, "are chosen with rerun, not with release"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(network, files_of_tests, words, told):
    with pytest.raises(DecisionRefused, match=told):
        decided(network, **words)
    assert network.query("SELECT COUNT(*) FROM release_decision") == [(0,)]


def test_a_repeated_decision_with_another_choice_is_not_the_same(network):
    digest = report(network).data_digest
    assert decided(network, calibrations="pre", digest=digest).told().startswith("to be judged again")
    assert decided(network, calibrations="pre", digest=digest).told().startswith("was decided already")
    with pytest.raises(Conflict, match="is REPROCESS: there is nothing to rerun now"):
        decided(network, calibrations="default", digest=digest)
    with pytest.raises(StorageError, match="release_decision_rerun_has_choices"):
        network.execute("UPDATE release_decision SET action = 'reject'")


def test_choices_and_changed_rows_at_the_terminal(network, iagos_db):
    terminal = Terminal(iagos_db, network.centre.connection)
    terminal.secrets = [secret for secret in terminal.secrets if secret]
    terminal.environment["SKYLEDGER_DATA"] = str(network.data_root)
    said = ("--level", "L1", "--action", "rerun", "--person", PI, "--comment", "x")
    told = terminal("iagos", "decide", KEY.flight_id, *said, "--calibrations", "post", status=1)
    assert "calibrations 'post' (after the deployment only): none of" in " ".join(told.split())
    terminal("iagos", "decide", KEY.flight_id, *said, "--calibrations", "pre", "--quality", "P1")
    with network.warehouse.session() as session:
        found = chosen(session, KEY)
        assert states.history(session, KEY)[-1].actor == PI
    assert (found.quality_file, found.calibration_choice) == ("P1", "pre")
    told = terminal("iagos", "reprocess", "--relation", "1", "--deployment", "1")
    assert "relation 1, deployment 1: " in told
