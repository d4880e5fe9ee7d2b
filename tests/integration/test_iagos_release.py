"""Products of released flights: versions, files, delivery, and data in near real time."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from sandbox.iagos.data_centre import DataCentre
from sandbox.iagos.exchange import refuse, unanswered
from skyledger.errors import PermanentError, SourceUnavailable, StorageError
from skyledger.iagos import series, states
from skyledger.iagos.flags import Process, Validity
from skyledger.iagos.formats import nasa_ames
from skyledger.iagos.formats.netcdf import read_flight
from skyledger.iagos.names import Level, Version, newest
from skyledger.iagos.process import let_wait
from skyledger.iagos.release import nrt, products, versions
from skyledger.iagos.release.decide import FlagEdit
from skyledger.iagos.release.deliver import undelivered
from skyledger.iagos.release.nrt import nrt_gate
from skyledger.iagos.release.rules import ReleaseRules
from skyledger.iagos.states import State
from skyledger.iagos.transfer.client import TRIES
from skyledger.iagos.transfer.errors import NotPermitted, ProductConflict
from skyledger.iagos.variables import variables
from tests.support.iagos_flights import DEPARTURE, KEY, altered
from tests.support.iagos_release import MANAGER, Releases, biased, l0

pytestmark = pytest.mark.integration
NAME = f"IAGOS_timeseries_{KEY.flight_id}_L1_1.0.0"


@pytest.fixture(scope="module")
def database(mariadb):
    """Tables and people."""
    found = mariadb.create_database("iagos_release", "iagos_release", conn_id="iagos_db")
    Releases(found, Path()).prepare()
    yield found
    mariadb.drop_database("iagos_release", "iagos_release")


@pytest.fixture
def centre():
    with DataCentre() as centre:
        yield centre


@pytest.fixture
def network(database, tmp_path, centre):
    """People, a data centre, and no flight yet."""
    network = Releases(database, tmp_path, centre.connection)
    network.wipe()
    return network


def delivered(centre):
    return {(one.level, one.version, one.media_type): one.data for one in centre.products.values()}


def history(network, key=KEY):
    with network.warehouse.session() as session:
        return [(step.before, step.after) for step in states.history(session, key)]


# versions


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "z"),
        ({"software": "b"}, "y"),
        ({"calibrations": "3,9"}, "y"),
        ({"variables": ["CO_P1"]}, "x"),
        ({"variables": ["CO_P1"], "software": "b"}, "x"),
    ],
)
def test_what_changed_says_which_part_of_the_version_rises(changed, expected):
    before = {"format": 1, "variables": ["CO_P1", "O3_P1"], "calibrations": "3,7", "software": "a"}
    assert versions.change_between(before, before | changed) == expected


def test_versions_rise_by_number_and_the_old_ones_stay_readable(network):
    network.released()
    for reason, expected in [("drift", "1.1.0"), ("spike", "1.1.1")]:
        if reason == "drift":
            network.decide(action="rerun", comment=reason)
            with network.warehouse.session() as session, session.transaction():
                again = biased(l0(), 0.7, calibrations=(4, 7))
                series.keep(session, again, network.data_root, run_id="r")
        else:
            flags = (FlagEdit("O3_P1", DEPARTURE, DEPARTURE + timedelta(seconds=9), Validity.ERRONEOUS),)
            network.decide(action="edit_flags", comment=reason, flags=flags)
        old = network.files("products") | network.files("series")
        network.judge()
        network.released()
        found = network.products()
        assert str(found[-1].version) == expected
        new = network.files("products") | network.files("series")
        of_versions = {name for name in old if "L0" not in name}
        assert {name: new[name] for name in of_versions} == {name: old[name] for name in of_versions}
    first, second, third = network.products()
    assert [one.superseded_by for one in (first, second, third)] == [
        second.product_id,
        third.product_id,
        None,
    ]
    assert first.reason == "first release"
    assert second.reason == "calibrations 3,7 -> 4,7"
    assert third.reason == "flags or metadata"
    assert "O3_P1: 120 values and" in second.diff_summary
    assert "mean difference 0.7, largest 0.7" in second.diff_summary
    assert "O3_P1: 0 values and 3 flags differ" in third.diff_summary
    assert network.load(first).series["O3_P1"].value[0] == l0().series["O3_P1"].value[0]


def test_weakness_8_version_10_comes_after_version_9(network):
    network.released()
    network.execute("UPDATE product SET version_y = 9")
    network.execute("UPDATE series_file SET version = '1.9.0' WHERE version != ''")
    with network.warehouse.session() as session:
        assert str(versions.next_version(session, KEY, Level.L1, "y")) == "1.10.0"
    names = [f"IAGOS_timeseries_{KEY.flight_id}_L1_1.{y}.0.nc4" for y in (9, 10, 2)]
    assert newest(names) == names[1]


def test_a_release_of_the_same_data_is_the_same_version(network, centre):
    network.released()
    network.decide(action="rerun", comment="to be sure")
    network.judge()
    assert network.decide().told() == "released as 1.0.0, which has these data already"
    before = network.files("products")
    assert network.make().told() == "L1 1.0.0 is written already"
    network.push()
    assert network.state() is State.AWAITING_CAL
    assert network.files("products") == before
    assert len(network.products()) == 1
    assert network.query("SELECT COUNT(*) FROM release_decision") == [(3,)]


def test_a_release_of_some_variables_holds_those_and_all_of_the_aircraft(network):
    network.waiting()
    network.decide(variables=("O3_P1", "CO_P1"))
    network.make()
    (product,) = network.products()
    own = {name for name in network.load(product).series if variables()[name].kind == "instrument"}
    assert own == {"O3_P1", "CO_P1"}
    assert "lat" in network.load(product).series
    network.push()
    network.decide(action="rerun", comment="humidity is fine after all")
    network.judge()
    assert network.decide().told() == "released as 2.0.0"  # the file has other variables


# files


def test_the_files_hold_exactly_what_was_decided_about(network):
    report = network.waiting()
    network.decide()
    assert network.make().told() == "wrote L1 1.0.0"
    (product,) = network.products()
    assert product.state == "written"
    assert network.files("products").keys() == {f"{NAME}.nc4", f"{NAME}.txt"}
    with network.warehouse.session() as session:
        judged = products.load_run(session, report.qc_run_id, network.data_root).applied_to(
            series.load(session, network.data_root, KEY, Level.L0)
        )
    assert judged.digest() == report.data_digest == product.data_digest
    kept = network.load(product)
    netcdf = read_flight(network.data_root / product.netcdf_path)
    text = nasa_ames.read(network.files("products")[f"{NAME}.txt"], "x")
    for name, one in judged.series.items():
        np.testing.assert_array_equal(kept.series[name].value, one.value)
        np.testing.assert_array_equal(kept.series[name].validity, one.validity)
        np.testing.assert_array_equal(netcdf.series[name].validity, one.validity)
        np.testing.assert_array_equal(text.column(f"{name}_val"), one.validity)
        np.testing.assert_allclose(netcdf.series[name].value, one.value, rtol=1e-6)
        half_a_digit = 0.5001 * 10.0 ** -variables()[name].decimals
        np.testing.assert_allclose(text.column(name), one.value, rtol=0, atol=half_a_digit)
    assert (netcdf.level, netcdf.version, netcdf.process) == (
        Level.L1,
        Version(1, 0, 0),
        Process.INTERMEDIATE,
    )
    assert set(text.column("O3_P1_stat")) == {Process.INTERMEDIATE}
    steps = netcdf.provenance["steps"]
    assert [one["level"] for one in steps] == ["L0", "L1"]
    assert steps[-1]["from"] == report.data_digest
    assert netcdf.provenance["release"]["by"] == "PI of P1"  # who it was is not told outside


def test_level_2_holds_the_candidate_and_is_final(network):
    network.waiting_for_l2()
    assert network.decide(level=Level.L2).told() == "released as 1.0.0"
    network.make(level=Level.L2)
    product = network.products(level=Level.L2)[0]
    data = read_flight(network.data_root / product.netcdf_path)
    assert (data.level, data.process) == (Level.L2, Process.FINAL)
    ozone = l0().series["O3_P1"].value + 0.4
    np.testing.assert_allclose(data.series["O3_P1"].value, ozone, rtol=1e-6)
    assert product.diff_summary.startswith("compared with L1 1.0.0, delivery 1; ")
    assert network.state() is State.L2_RELEASED
    network.push(level=Level.L2)
    assert network.state() is State.L2_RELEASED


def test_writing_again_changes_nothing_and_a_lost_file_comes_back_as_it_was(network):
    network.waiting()
    with pytest.raises(PermanentError, match="nothing has been released"):
        network.make()
    network.decide()
    network.make()
    files, rows = network.files("products"), network.query("SELECT * FROM product")
    assert network.make().written == ()
    assert network.query("SELECT * FROM product") == rows
    shutil.rmtree(network.data_root / "iagos" / "products")
    with pytest.raises(
        StorageError, match="is not the file that was written; have the products written again"
    ):
        network.push()
    assert network.make().written == ("1.0.0",)
    assert network.files("products") == files
    assert network.push().versions == ("1.0.0",)


def test_a_released_file_is_never_replaced_by_another_one(network, monkeypatch):
    network.waiting()
    network.decide()
    network.make()
    path = next((network.data_root / "iagos" / "products").rglob("*.txt"))
    path.write_bytes(b"changed by hand")
    from skyledger.iagos.formats.nasa_ames import writer

    whole = writer.write_flight
    monkeypatch.setattr(
        writer,
        "write_flight",
        lambda data, path, created: whole(data, path, created=created, software="other"),
    )
    with pytest.raises(StorageError, match=r"cannot be written as it was .* bring it back from the backup"):
        network.make()
    assert network.files("products").keys() == {f"{NAME}.nc4", f"{NAME}.txt"}
    assert path.read_bytes() == b"changed by hand"


def test_data_that_are_not_those_decided_about_are_not_written(network):
    network.waiting()
    network.decide()
    with network.warehouse.session() as session, session.transaction():
        series.keep(session, biased(l0(), 1.0), network.data_root, run_id="r")
    with pytest.raises(StorageError, match="the data are not those that quality run"):
        network.make()
    assert network.files("products") == {}


def test_a_withdrawn_product_is_not_written_or_delivered(network, centre):
    network.waiting()
    network.decide()
    network.decide(action="withdraw", comment="wrong aircraft", person=MANAGER)
    with pytest.raises(PermanentError, match="nothing has been released"):
        network.make()
    with network.warehouse.session() as session:
        assert undelivered(session) == []


# delivery


def test_delivered_products_are_at_the_data_centre_and_the_flight_goes_on(network, centre):
    network.waiting()
    network.decide()
    with pytest.raises(PermanentError, match="not written yet"):
        network.push()
    network.make()
    pushed = network.push()
    assert pushed.told() == "delivered L1 1.0.0: 2 new files"
    files = network.files("products")
    assert delivered(centre) == {
        ("L1", "1.0.0", "application/x-netcdf"): files[f"{NAME}.nc4"],
        ("L1", "1.0.0", "text/plain"): files[f"{NAME}.txt"],
    }
    assert network.state() is State.AWAITING_CAL
    calls, rows = centre.requests["PUT products"], network.query("SELECT * FROM product")
    assert network.push().told() == "L1 is with the data centre already"
    assert centre.requests["PUT products"] == calls == 2
    assert network.query("SELECT * FROM product") == rows


def test_what_the_data_centre_had_already_is_not_new(network, centre):
    network.waiting()
    network.decide()
    network.make()
    centre.spoil(unanswered, on="PUT products")  # it was kept, but nobody heard
    assert network.push().files == 1
    assert len(centre.products) == 2


@pytest.mark.parametrize("level", [Level.L1, Level.L2])
def test_a_delivery_that_fails_is_told_by_the_state_and_healed_by_the_next(network, centre, level):
    network.waiting() if level is Level.L1 else network.waiting_for_l2()
    network.decide(level=level)
    network.make(level=level)
    centre.spoil(*[refuse(503, "maintenance")] * TRIES * 2, on="PUT products")
    for tries in (1, 2):
        with pytest.raises(SourceUnavailable, match="maintenance"):
            network.push(level=level)
        assert network.state() is State.EXPORT_FAILED
        one = network.products(level=level)[0]
        assert (one.state, one.tries) == ("written", tries)
        assert "maintenance" in one.message
    with network.warehouse.session() as session:
        assert [str(one) for one in undelivered(session)] == [f"{KEY.flight_id} P1 {level} 1.0.0"]
    network.push(level=level)
    assert network.state() is (State.AWAITING_CAL if level is Level.L1 else State.L2_RELEASED)
    assert network.products(level=level)[0].state == "pushed"
    with network.warehouse.session() as session:
        assert undelivered(session) == []


def test_a_product_that_conflicts_is_for_a_person_to_look_at(network, centre):
    network.waiting()
    network.decide()
    network.make()
    other = network.data_root / "other.txt"
    other.write_text("something else")
    network.client.put_product(KEY.flight_id, "P1", Level.L1, Version(1, 0, 0), other)
    with pytest.raises(ProductConflict):
        network.push()
    assert network.state() is State.EXPORT_FAILED
    assert network.products()[0].state == "failed"
    centre.products.clear()
    assert network.push().files == 2
    assert network.state() is State.AWAITING_CAL


def test_a_failed_delivery_is_not_healed_by_one_of_another_level(network, centre):
    network.waiting_for_l2()
    network.decide(level=Level.L2)
    network.make(level=Level.L2)
    centre.spoil(refuse(403, "not_permitted"), on="PUT products")
    with pytest.raises(NotPermitted):
        network.push(level=Level.L2)
    network.push()  # Level 1 is there already
    assert network.state() is State.EXPORT_FAILED
    assert network.products(level=Level.L2)[0].state == "written"  # it was not the product's fault
    network.push(level=Level.L2)
    assert network.state() is State.L2_RELEASED


# near real time


def test_nrt_data_go_out_without_a_person_and_say_so(network, centre):
    network.stored()
    report = network.judge(wait=False)
    exported = network.export_nrt()
    assert exported.told() == "NRT 1.0.0 delivered"
    assert network.state() is State.NRT_EXPORTED
    (product,) = network.products()
    assert (product.level, product.decision_id, product.data_digest) == (Level.NRT, None, report.data_digest)
    data = read_flight(network.data_root / product.netcdf_path)
    assert (data.level, data.process) == (Level.NRT, Process.RAW)
    assert data.provenance["release"]["by"] == "automatic"
    assert len(centre.products) == 2
    again = network.export_nrt()
    assert again.told() == "no NRT data: the flight is NRT_EXPORTED, not just judged"
    assert len(network.products()) == 1


def test_nrt_values_that_no_test_looked_at_are_not_validated(network):
    network.stored()
    config = products_config("O3_P1")
    network.judge(config=config, wait=False)
    network.execute("UPDATE report SET availability = 1, critical = ''")
    network.export_nrt()
    data = network.load(network.products()[0])
    assert set(data.series["CO_P1"].validity) == {Validity.NOT_VALIDATED}
    assert set(data.series["O3_P1"].validity) == {Validity.GOOD}


def products_config(*judged):
    """The usual configuration for some variables only."""
    from skyledger.iagos.assess import quality_config

    config = quality_config("P1")
    return config.model_copy(update={"series": {name: config.series[name] for name in judged}})


@pytest.mark.parametrize(
    ("rules", "changed", "open_", "why"),
    [
        ({}, {}, True, "O3_P1: 50.0% usable, NRT from 50%"),
        ({}, {"availability": 0.499}, False, "O3_P1: 49.9% usable, NRT from 50%"),
        ({}, {"critical": "lat: 30 % erroneous"}, False, "lat: 30 % erroneous"),
        ({"nrt": False}, {}, False, "NRT is switched off"),
    ],
)
def test_the_gate_lets_flights_through_that_are_good_enough(network, rules, changed, open_, why):
    report = network.waiting()
    report = replace(report, **({"availability": 0.5, "least_available": "O3_P1", "critical": ""} | changed))
    gate = nrt_gate(report, ReleaseRules(**rules))
    assert gate.open is open_
    assert gate.why.startswith(why)


def test_a_flight_that_the_gate_stops_stays_and_waits_for_its_pi(network, centre):
    network.stored()
    with network.warehouse.session() as session, session.transaction():
        series.keep(session, altered(l0(), "O3_P1", slice(0, 100), -900.0), network.data_root, run_id="r")
    network.judge(wait=False)
    exported = network.export_nrt()
    assert exported.why.startswith("O3_P1: ")
    assert exported.told().endswith("usable, NRT from 50%")
    assert network.state() is State.QC_DONE
    assert network.products() == []
    assert centre.requests["PUT products"] == 0


def test_nrt_switched_off_exports_nothing(network, monkeypatch):
    monkeypatch.setattr(nrt, "release_rules", lambda: ReleaseRules(nrt=False))
    network.stored()
    network.judge(wait=False)
    assert "switched off" in network.export_nrt().told()
    assert network.state() is State.QC_DONE


def test_nrt_data_that_cannot_be_delivered_do_not_keep_the_flight_from_its_pi(network, centre):
    network.stored()
    network.judge(wait=False)
    centre.spoil(*[refuse(503, "maintenance")] * TRIES, on="PUT products")
    with pytest.raises(SourceUnavailable):
        network.export_nrt()
    assert network.state() is State.EXPORT_FAILED
    assert let_wait(network.warehouse, KEY, run_id="r") is Level.L1
    assert network.decide().released


def test_nrt_data_that_are_delivered_by_another_try_are_exported(network, centre):
    network.stored()
    network.judge(wait=False)
    centre.spoil(*[refuse(503, "maintenance")] * TRIES, on="PUT products")
    with pytest.raises(SourceUnavailable):
        network.export_nrt()
    assert network.state() is State.EXPORT_FAILED
    assert network.export_nrt().version == "1.0.0"
    assert network.state() is State.NRT_EXPORTED
    assert [(one.level, one.state) for one in network.products()] == [(Level.NRT, "pushed")]
    assert let_wait(network.warehouse, KEY, run_id="r") is Level.L1
    assert network.decide().released


def test_nrt_data_of_a_flight_that_was_judged_anew_are_the_next_version(network, centre):
    network.stored()
    network.judge(wait=False)
    network.export_nrt()
    with network.warehouse.session() as session, session.transaction():
        states.move(session, KEY, State.AWAITING_L1, before=State.NRT_EXPORTED, reason="t", run_id="r")
    flags = (FlagEdit("O3_P1", DEPARTURE, DEPARTURE, Validity.ERRONEOUS),)
    network.decide(action="edit_flags", comment="spike", flags=flags)
    network.judge(wait=False)
    assert network.export_nrt().version == "1.0.1"
    first, second = network.products()
    assert first.superseded_by == second.product_id


def test_a_flight_with_level_1_gets_no_nrt_data_any_more(network, centre):
    network.released()
    network.decide(action="rerun", comment="again")
    network.judge(wait=False)
    assert network.export_nrt().told() == "no NRT data: Level 1 has been released"
    assert [one.level for one in network.products()] == [Level.L1]
