"""From a drop folder on a real SFTP server to files in the raw store."""

import hashlib
import os
import resource
import signal
from dataclasses import replace
from datetime import UTC, datetime

import asyncssh
import pytest

from sandbox import processes
from sandbox.iagos.raw import write_raw
from sandbox.iagos.world import IagosWorld
from skyledger import inbox
from skyledger import warehouse as warehouse_module
from skyledger.errors import (
    ConfigError,
    PermanentError,
    SourceError,
    SourceUnavailable,
    StorageError,
    StorageUnavailable,
)
from skyledger.iagos.jobs import jobs
from skyledger.iagos.states import State, history
from skyledger.iagos.transfer import drop_folder, offered
from skyledger.iagos.transfer.bring import bring
from skyledger.iagos.transfer.drop_folder import DropFolder
from tests.support.iagos_drop import JOB, SOURCE, Drop, both_ends, data_of, flight_of, key_of, name_of
from tests.support.iagos_transfer import flight_id

pytestmark = pytest.mark.integration

NAME = name_of()
KEPT = f"IAGOS_P1_{flight_id(0)}_L0A_r1.csv.gz"
DATA = data_of()
MONTH = "processed/2024/03"


@pytest.fixture(scope="module")
def both(mariadb, tmp_path_factory):
    """A provider's server and a migrated database."""
    with both_ends(mariadb, tmp_path_factory.mktemp("drop")) as drop:
        yield drop


@pytest.fixture
def drop(both) -> Drop:
    """Nothing here, nothing there."""
    both.forget_all()
    return both


def test_a_file_with_a_side_file_is_brought_at_once_and_both_are_moved(drop):
    drop.folder.put(NAME, DATA)
    done = drop.run()
    assert done.as_dict() == {
        "job": "p1_drop",
        "source": SOURCE,
        "new": [str(key_of())],
        "states": {"RECEIVED": 1},
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
    before = [
        drop.query(f"SELECT * FROM {table}") for table in ("source_file", "flight_state_history", "ledger")
    ]
    done = drop.run()
    assert (done.new, done.states, done.bytes) == ([], {}, 0)
    assert before == [
        drop.query(f"SELECT * FROM {table}") for table in ("source_file", "flight_state_history", "ledger")
    ]


# whole or not


def test_a_job_brings_a_flight_of_the_simulator_but_not_one_that_was_cut_off(drop):
    world = IagosWorld()
    whole, cut = world.flights(2)
    drop.folder.put(whole.raw_name(), write_raw(world, whole), side_file=False)
    drop.folder.put(cut.raw_name(), write_raw(world, cut, truncated=True), side_file=False)
    drop.run()
    drop.wait()
    told: list[str] = []
    connections = drop.server.connection, None
    done = bring(
        drop.warehouse, JOB, connections, data_root=drop.data_root, run_id="test", progress=told.append
    )
    assert (done.states, len(done.failures)) == ({"RECEIVED": 1}, 1)
    assert f"{cut.raw_name()}: the last line is not '# end'" in str(done.failures[0][1])
    assert sorted(line.partition(": ")[2] for line in told) == sorted(
        f"{flight.flight_id} P1 r1" for flight in (whole, cut)
    )


def test_uploads_under_way_and_hidden_files_are_left_alone(drop):
    for suffix in (".part", ".tmp", ".filepart"):
        drop.folder.begin(NAME, DATA, suffix=suffix)
    drop.folder.begin(f".{NAME}", DATA, suffix="")
    before = drop.there()
    for _ in range(2):
        done = drop.run()
        drop.wait(5000)
    assert (done.new, done.refused, done.notes, done.failures) == ([], [], [], [])
    assert drop.there() == before
    drop.folder.begin(NAME, DATA).rename(drop.folder.incoming / NAME)
    drop.folder.side_file(NAME, hashlib.sha256(DATA).hexdigest())
    assert drop.run().states == {"RECEIVED": 1}


def test_without_a_side_file_it_must_look_the_same_for_a_minute_and_have_its_end(drop):
    """Weakness 12: partial uploads."""
    data = flight_of()
    drop.folder.put(NAME, data, side_file=False)
    assert drop.run().new == []
    drop.wait(50)
    assert drop.run().new == []
    drop.wait(15)
    assert drop.run().states == {"RECEIVED": 1}
    assert drop.query("SELECT completeness, sha256 FROM source_file") == [
        ("stable_size", hashlib.sha256(data).hexdigest())
    ]
    assert drop.there() == [f"{MONTH}/{NAME}"]


def test_an_upload_that_stands_still_without_its_end_is_told_and_gone_on_with_when_it_grows(drop):
    """Weakness 12: partial uploads."""
    data, cut = flight_of(), 150 * 1024
    assert len(data) > cut
    drop.folder.begin(NAME, data[:cut], suffix="")
    drop.run()
    drop.wait()
    done = drop.run()
    assert done.bytes == cut
    with pytest.raises(PermanentError, match="not a whole gzip file"):
        done.raise_for_failures()
    assert drop.states() == {key_of(): State.TRANSFER_FAILED}
    drop.folder.append(NAME, data[cut:])
    done = drop.run()  # it has changed, so it is only looked at
    assert (done.bytes, done.failures) == (0, [])
    drop.wait()
    done = drop.run()
    assert (done.states, done.bytes) == ({"RECEIVED": 1}, len(data) - cut)
    assert drop.kept() == {KEPT: data}
    assert drop.states() == {key_of(): State.RECEIVED}


def test_a_side_file_that_comes_later_ends_the_waiting(drop):
    drop.folder.put(NAME, DATA, side_file=False)
    drop.run()
    drop.folder.side_file(NAME, hashlib.sha256(DATA).hexdigest().upper())
    assert drop.run().states == {"RECEIVED": 1}


def test_a_time_changed_without_a_change_of_size_begins_the_waiting_anew(drop):
    drop.folder.put(NAME, flight_of(), side_file=False)
    drop.run()
    drop.wait()
    drop.folder.age(NAME, datetime(2024, 3, 6, tzinfo=UTC))
    assert drop.run().new == []


def test_what_nobody_can_use_is_told_after_an_hour(drop):
    (drop.folder.incoming / NAME).touch()
    drop.folder.side_file(name_of(1), "0" * 64)
    assert drop.run().notes == []
    drop.wait(3000)
    assert drop.run().notes == []
    drop.wait(700)
    assert drop.run().notes == [
        f"{NAME}: empty for more than 60 minutes",
        f"{name_of(1)}.sha256: a side file without its file for more than 60 minutes",
    ]
    assert len(drop.there()) == 2


@pytest.mark.parametrize("text", ["", "half of a s", f"{'0' * 64}  another\n", f"{'0' * 64} {NAME}\n"])
def test_a_side_file_that_says_no_sum_counts_as_none(drop, text):
    drop.folder.put(NAME, flight_of(), side_file=False)
    (drop.folder.incoming / f"{NAME}.sha256").write_text(text)
    done = drop.run()
    assert done.new == []
    assert len(done.notes) == bool(text)
    drop.wait()
    assert drop.run().states == {"RECEIVED": 1}
    assert drop.query("SELECT completeness FROM source_file") == [("stable_size",)]
    assert drop.there() == [f"{MONTH}/{NAME}", f"{MONTH}/{NAME}.sha256"]


# refused


def test_other_bytes_than_the_side_file_says_go_to_rejected_when_they_stay_so(drop):
    drop.folder.put(NAME, DATA, sha256="0" * 64)
    done = drop.run()
    assert "its side file says 000" in done.notes[0]
    assert (done.failures, drop.kept().keys()) == ([], {f"{KEPT}.part"})
    drop.wait()
    done = drop.run()
    assert done.states == {"QUARANTINED": 1}
    assert done.notes[0].endswith("; rejected")
    assert drop.there() == [f"rejected/{NAME}", f"rejected/{NAME}.sha256"]
    ((state, message),) = drop.query("SELECT state, message FROM source_file")
    assert state == "quarantined"
    assert hashlib.sha256(DATA).hexdigest() in message
    assert drop.kept() == {}
    drop.folder.put(NAME, DATA)
    assert drop.run().new == [key_of(revision=2)]
    assert drop.states() == {key_of(): State.QUARANTINED, key_of(revision=2): State.RECEIVED}


def test_a_side_file_that_is_put_right_in_time_is_believed(drop):
    drop.folder.put(NAME, DATA, sha256="0" * 64)
    drop.run()
    drop.folder.side_file(NAME, hashlib.sha256(DATA).hexdigest())
    done = drop.run()
    assert (done.states, done.bytes) == ({"RECEIVED": 1}, len(DATA))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("report.pdf", "expected IAGOS_<instrument type>_<flight_id>"),
        (name_of().replace("_P1_", "_ICH_"), "is of ICH; expected files of P1"),
        (name_of().replace("20240305", "20240335"), "expected 16 digits"),
        ("é" * 90, "expected IAGOS_"),
    ],
)
def test_a_name_that_is_none_of_ours_goes_to_rejected_with_the_reason(drop, name, why):
    drop.folder.put(name, DATA)
    drop.folder.put(name_of(1), data_of(1))
    done = drop.run()  # it may be an upload under a temporary name that we do not know
    assert (done.refused, done.states) == ([], {"RECEIVED": 1})
    drop.wait()
    done = drop.run()
    assert why in done.refused[0]
    assert drop.there() == [
        f"{MONTH}/{name_of(1)}",
        f"{MONTH}/{name_of(1)}.sha256",
        f"rejected/{name}",
        f"rejected/{name}.sha256",
    ]
    ((file_id, state, message),) = drop.query(
        "SELECT file_id, state, message FROM source_file WHERE flight_id IS NULL"
    )
    assert (file_id, state) == (name, "rejected")
    assert why in message
    assert drop.kept().keys() == {f"IAGOS_P1_{flight_id(1)}_L0A_r1.csv.gz"}
    drop.folder.put(name, DATA)
    drop.run()
    drop.wait()
    drop.run()
    assert f"rejected/{name}.2.sha256" in drop.there()
    assert drop.query("SELECT source_revision FROM source_file WHERE flight_id IS NULL") == [(1,), (2,)]


def test_a_name_that_would_spoil_a_log_is_told_and_left(drop):
    (drop.folder.incoming / "a\nb.csv.gz").write_bytes(DATA)
    (drop.folder.incoming / name_of(1)).symlink_to("/etc/passwd")
    link, name = drop.run().notes
    assert "not a regular file" in link
    assert "cannot be shown" in name
    assert (drop.kept(), len(drop.there())) == ({}, 2)


def test_a_file_larger_than_a_flight_can_be_is_refused(drop, monkeypatch):
    monkeypatch.setattr(offered, "LARGEST_FILE_BYTES", 1000)
    drop.folder.put(NAME, DATA)
    drop.run()
    drop.wait()
    assert "expected 1 to 1000 bytes" in drop.run().refused[0]
    assert drop.there() == [f"rejected/{NAME}", f"rejected/{NAME}.sha256"]


# again


def test_the_same_bytes_again_are_a_duplicate(drop):
    drop.folder.put(NAME, DATA)
    drop.run()
    drop.folder.put(NAME, DATA)
    drop.folder.put(name_of(revision=2), DATA)
    assert drop.run().states == {"DUPLICATE": 2}
    assert drop.kept() == {KEPT: DATA}
    assert [path for path in drop.there() if not path.endswith(".sha256")] == [
        f"{MONTH}/{NAME}",
        f"{MONTH}/{NAME}.2",
        f"{MONTH}/{name_of(revision=2)}",
    ]


def test_other_bytes_under_the_same_name_are_a_new_delivery_and_the_old_one_is_kept(drop):
    """Weakness 12: re-delivery."""
    drop.folder.put(NAME, DATA)
    drop.run()
    drop.folder.put(NAME, data_of(revision=2))
    done = drop.run()
    assert done.new == [key_of(revision=2)]
    assert drop.states() == {key_of(): State.RECEIVED, key_of(revision=2): State.RECEIVED}
    assert drop.kept() == {KEPT: DATA, KEPT.replace("r1", "r2"): data_of(revision=2)}
    with drop.warehouse.session() as session:
        assert history(session, key_of(revision=2))[0].reason.startswith("redelivery: ")
    assert {path: data for path, data in drop.folder.files().items() if not path.endswith("256")} == {
        f"{MONTH}/{NAME}": DATA,
        f"{MONTH}/{NAME}.2": data_of(revision=2),
    }


# interrupted


def part_of(drop: Drop, data: bytes) -> None:
    """Let a part of flight 0 be here."""
    part = drop.data_root / "iagos" / "raw" / "P1" / flight_id(0) / f"{KEPT}.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(data)


@pytest.mark.parametrize(
    ("part", "comes"),
    [
        (DATA[:200_000], 100_000),
        (DATA[:10], len(DATA) - 10),
        (b"!" + DATA[1:200_000], len(DATA)),  # another beginning
        (DATA[:199_999] + b"!", len(DATA)),  # another end
        (DATA, len(DATA)),  # not grown: it may be another file of that size
        (DATA + b"!", len(DATA)),
    ],
)
def test_a_copy_goes_on_only_where_both_ends_are_the_same_and_the_file_is_longer(drop, part, comes):
    part_of(drop, part)
    drop.folder.put(NAME, DATA)
    assert drop.run().bytes == comes
    assert drop.kept() == {KEPT: DATA}


def test_a_part_of_another_file_with_the_same_ends_is_found_out_by_the_sum(drop):
    part_of(drop, DATA[:100_000] + b"!" + DATA[100_001:200_000])
    drop.folder.put(NAME, DATA)
    assert drop.run().bytes == 100_000
    drop.wait()
    assert drop.run().bytes == len(DATA)
    assert drop.kept() == {KEPT: DATA}
    assert drop.states() == {key_of(): State.RECEIVED}


def once_before(monkeypatch, method, act):
    """Let something happen before the next call of a method of DropFolder."""
    real = getattr(DropFolder, method)

    def called(self, *arguments):
        monkeypatch.setattr(DropFolder, method, real)
        act()
        return real(self, *arguments)

    monkeypatch.setattr(DropFolder, method, called)


def test_a_file_that_is_replaced_after_the_look_is_looked_at_again(drop, monkeypatch):
    drop.folder.put(NAME, DATA)
    once_before(monkeypatch, "pull", lambda: drop.folder.put(NAME, data_of(revision=2)[:-1]))
    done = drop.run()
    assert (done.failures, done.states) == ([], {})
    assert "changed since it was listed" in done.notes[0]
    assert drop.run().states == {"RECEIVED": 1}
    assert drop.kept() == {KEPT: data_of(revision=2)[:-1]}
    assert drop.states() == {key_of(): State.RECEIVED}


def test_a_file_that_is_written_to_after_the_look_has_to_stand_still_again(drop, monkeypatch):
    drop.folder.put(NAME, flight_of(), side_file=False)
    drop.run()
    drop.wait()
    once_before(monkeypatch, "pull", lambda: drop.folder.age(NAME, datetime(2024, 3, 6, tzinfo=UTC)))
    assert "changed since it was listed" in drop.run().notes[0]
    assert drop.run().states == {}
    drop.wait()
    assert drop.run().states == {"RECEIVED": 1}


def test_a_file_that_is_replaced_after_it_came_is_not_moved_but_a_delivery_of_its_own(drop, monkeypatch):
    drop.folder.put(NAME, DATA)
    once_before(monkeypatch, "move", lambda: drop.folder.put(NAME, data_of(revision=2)[:-1]))
    done = drop.run()
    assert done.states == {"RECEIVED": 1}
    assert "another file took its place" in done.notes[0]
    assert drop.there() == [f"incoming/{NAME}", f"incoming/{NAME}.sha256"]
    assert drop.run().new == [key_of(revision=2)]
    assert drop.kept() == {KEPT: DATA, KEPT.replace("r1", "r2"): data_of(revision=2)[:-1]}


def test_a_file_that_its_provider_takes_away_has_vanished_until_it_is_back(drop, monkeypatch):
    drop.folder.put(NAME, DATA)
    path, away = drop.folder.incoming / NAME, drop.folder.incoming / f"{NAME}.part"
    once_before(monkeypatch, "pull", lambda: path.rename(away))
    assert drop.run().states == {"TRANSFER_FAILED": 1}
    for _ in range(2):
        drop.wait(100_000)
        assert drop.run().states == {}
    assert drop.query("SELECT state FROM source_file") == [("vanished",)]
    away.rename(path)
    assert drop.run().states == {"RECEIVED": 1}
    assert drop.states() == {key_of(): State.RECEIVED}


def test_a_file_that_is_gone_at_the_next_look_has_vanished(drop, monkeypatch):
    drop.folder.put(NAME, DATA)
    with monkeypatch.context() as patched:
        patched.setattr(DropFolder, "pull", fails(StorageError("no room")))
        assert len(drop.run().failures) == 1
    (drop.folder.incoming / NAME).unlink()
    part_of(drop, DATA[:10])
    done = drop.run()
    assert done.states == {"TRANSFER_FAILED": 1}
    assert "does not lie in the folder any more" in done.notes[0]
    assert drop.query("SELECT state FROM source_file") == [("vanished",)]
    assert drop.run().states == {}
    assert drop.kept() == {}


def fails(error):
    """A method that does."""

    def failing(self, *arguments):
        raise error

    return failing


def test_what_cannot_be_moved_is_told_and_moved_by_a_later_run(drop):
    drop.folder.put(NAME, DATA)
    (drop.folder.home / "processed").write_text("in the way")
    done = drop.run()
    assert (done.states, len(done.failures)) == ({"RECEIVED": 1}, 1)
    done = drop.run()
    assert (done.new, done.bytes, len(done.failures)) == ([], 0, 1)
    (drop.folder.home / "processed").unlink()
    assert drop.run().failures == []
    assert drop.there() == [f"{MONTH}/{NAME}", f"{MONTH}/{NAME}.sha256"]
    assert drop.query("SELECT COUNT(*) FROM source_file") == [(1,)]


def test_one_file_that_fails_does_not_stop_the_others(drop, monkeypatch):
    for n in range(3):
        drop.folder.put(name_of(n), data_of(n))
    once_before(monkeypatch, "pull", lambda: fails(SourceError("closed to us"))(None))
    done = drop.run()
    assert (done.states, len(done.failures)) == ({"RECEIVED": 2}, 1)
    with pytest.raises(PermanentError, match=r"p1_drop: 1 files did not come(?s:.*)closed to us"):
        done.raise_for_failures()
    assert drop.run().states == {"RECEIVED": 1}


def test_a_full_disk_of_ours_is_told_as_ours_and_gone_on_from(drop):
    """A limit on the size of files stands in for the disk: the refusal to write is the same."""
    drop.folder.put(NAME, DATA)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))  # Python ignores the signal
    try:
        done = drop.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with pytest.raises(PermanentError, match=r"raw store: .*File too large: see to space"):
        done.raise_for_failures()
    assert drop.states() == {key_of(): State.TRANSFER_FAILED}
    done = drop.run()
    assert (done.states, done.bytes) == ({"RECEIVED": 1}, len(DATA) - 200_000)
    assert drop.kept() == {KEPT: DATA}


# the host


def test_a_session_that_falls_silent_is_given_up_and_the_others_wait_untried(drop, monkeypatch):
    for n in range(3):
        drop.folder.put(name_of(n), data_of(n))
    monkeypatch.setattr(drop_folder, "SILENCE_S", 0.5)
    monkeypatch.setattr(inbox, "CLOSE_TIMEOUT_S", 0.1)
    stopped: list[int] = []

    def stop() -> None:
        stopped.extend(processes.descendants(drop.server.pid))
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)

    once_before(monkeypatch, "pull", stop)
    done = drop.run()
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    with pytest.raises(SourceUnavailable, match="no answer in time"):
        done.raise_for_failures()
    assert drop.query("SELECT state, tries FROM source_file ORDER BY source_file_id") == [
        ("failed", 1),
        ("listed", 0),
        ("listed", 0),
    ]
    assert drop.run().states == {"RECEIVED": 3}


def test_another_host_key_ends_the_run_before_anything_is_asked(drop):
    drop.folder.put(NAME, DATA)
    known = drop.server.connection
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    with pytest.raises(SourceError, match="has another host key than the connection says"):
        drop.run(connection=replace(known, extra={**known.extra, "host_key": other}))
    assert drop.states() == {}


def test_one_run_at_a_time_is_connected_to_a_host(drop, monkeypatch):
    monkeypatch.setattr(warehouse_module, "LOCK_WAIT_S", 0)
    host = drop.server.connection.host
    with (
        drop.warehouse.session() as other,
        other.lock([f"iagos.drop:{host}"]),
        pytest.raises(StorageUnavailable, match="another run holds"),
    ):
        drop.run()
    drop.run()


def test_a_folder_that_is_not_there_is_told_with_its_path(drop):
    drop.folder.incoming.rmdir()
    with pytest.raises(SourceError, match="drop/P1/incoming: does not exist"):
        drop.run()
    drop.folder.incoming.mkdir()


def test_a_job_of_another_kind_is_refused(drop):
    with pytest.raises(ConfigError, match="source is of kind 'rest'; expected 'sftp'"):
        drop.run(job=jobs()["p1_flights"])
