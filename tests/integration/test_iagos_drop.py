"""From a drop folder on a real SFTP server to files in the raw store."""

import hashlib

import pytest

from sandbox.iagos.drop import DropServer
from skyledger import migrations
from skyledger.iagos.states import history
from skyledger.warehouse import Warehouse
from tests.support.iagos_drop import SOURCE, Drop, data_of, key_of, name_of
from tests.support.iagos_transfer import flight_id

pytestmark = pytest.mark.integration

NAME = name_of()
KEPT = f"IAGOS_P1_{flight_id(0)}_L0A_r1.csv.gz"
DATA = data_of()
MONTH = "processed/2024/03"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The provider's server."""
    with DropServer(tmp_path_factory.mktemp("provider")) as server:
        yield server


@pytest.fixture
def drop(server, iagos_db, tmp_path) -> Drop:
    """An empty folder and a migrated database."""
    migrations.upgrade("iagos", Warehouse(iagos_db).url)
    drop = Drop(server, server.folder("P1"), Warehouse(iagos_db), tmp_path / "data")
    drop.forget_all()
    return drop


def test_a_file_with_a_side_file_is_brought_at_once_and_both_are_moved(drop):
    drop.folder.put(NAME, DATA)
    done = drop.run()
    assert done.as_dict() == {
        "job": "p1_drop",
        "source": SOURCE,
        "new": [str(key_of())],
        "states": {"received": 1},
        "bytes": len(DATA),
        "acknowledged": 0,
        "refused": [],
        "notes": [],
        "failures": [],
    }
    assert drop.kept() == {KEPT: DATA}
    assert drop.folder.files() == {
        f"{MONTH}/{NAME}": DATA,
        f"{MONTH}/{NAME}.sha256": f"{hashlib.sha256(DATA).hexdigest()}  {NAME}\n".encode(),
    }
    assert drop.query("SELECT file_id, source_revision, completeness, state FROM source_file") == [
        (NAME, 1, "side_file", "received")
    ]
    with drop.warehouse.session() as session:
        assert [step.after for step in history(session, key_of())] == [
            "AVAILABLE",
            "QUEUED",
            "TRANSFERRING",
            "RECEIVED",
        ]


def test_a_second_run_changes_nothing(drop):
    drop.folder.put(NAME, DATA)
    drop.run()
    before = [drop.query(f"SELECT * FROM {table}") for table in ("source_file", "flight_state_history", "ledger")]
    done = drop.run()
    assert (done.new, done.states, done.bytes) == ([], {}, 0)
    assert before == [
        drop.query(f"SELECT * FROM {table}") for table in ("source_file", "flight_state_history", "ledger")
    ]
