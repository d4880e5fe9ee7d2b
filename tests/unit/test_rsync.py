"""What rsync is asked for, and what each of its endings means; that it really ends so is for tests with a server."""

from pathlib import Path

import pytest

from skyledger.errors import FormatError, SourceError, SourceUnavailable, StorageError
from skyledger.rsync import Transfer, transfer
from skyledger.rsync_endings import EXIT_CODES, Decision, judge, told

TARGET = Path("/data/incoming")
ERROR = "rsync error: some text (code 1) at main.c(1) [Receiver=3.2.7]"


def end(code: int, text: str = ERROR, answers: bool = True) -> Decision:
    return judge(code, text, "mingo01_ssh (station)", answers=lambda: answers).decision


def test_options_are_arguments_and_none_comes_from_a_name():
    arguments = Transfer("/media/disk one/asci", TARGET, 60, bandwidth_kib_s=200).arguments()
    assert arguments[0] == "rsync"
    assert {
        "--from0",
        "--files-from=-",
        "--no-relative",
        "--exclude=*/",
        "--times",
        "--timeout=60",
        "--bwlimit=200",
    } <= set(arguments)
    assert "--partial-dir=.rsync-partial" in arguments
    assert arguments[-3:] == ["--", "station:/media/disk one/asci/", "/data/incoming/"]
    assert not any(word in " ".join(arguments) for word in ("--compress", "--delete", "--archive", "--links"))


def test_text_is_compressed_on_the_way():
    assert "--compress" in Transfer("/asci", TARGET, 60, compress=True).arguments()


@pytest.mark.parametrize(
    ("folder", "there"),
    [("asci", "station:./asci/"), (":asci", "station:./:asci/"), ("-e sh", "station:./-e sh/")],
)
def test_a_relative_folder_is_neither_a_daemon_nor_an_option(folder, there):
    assert Transfer(folder, TARGET, 60).arguments()[-2] == there


@pytest.mark.parametrize("name", ["../etc/passwd", "a/b.dat", "/etc/passwd", "", ".", "..", "a\0b"])
def test_names_that_are_paths_are_refused_before_anything_is_asked(name, tmp_path):
    with pytest.raises(FormatError, match="is no name of a file"):
        transfer(None, None, "/asci", ["a.dat", name], tmp_path / "new", progress=print)  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()


def test_every_ending_of_rsyncs_manual_has_a_decision():
    manual = {*range(7), *range(10, 15), *range(20, 26), 30, 35}
    assert manual < EXIT_CODES.keys()
    assert all(ending.meaning for ending in EXIT_CODES.values())


@pytest.mark.parametrize(
    "code",
    [code for code, ending in EXIT_CODES.items() if ending.decision in ("done", "partial", "no rsync")],
)
def test_endings_with_files_or_without_rsync_are_told(code):
    assert end(code) is EXIT_CODES[code].decision


@pytest.mark.parametrize(
    "code", [code for code, ending in EXIT_CODES.items() if ending.decision == "retry"] + [77, -9]
)
def test_endings_that_may_heal_are_tried_again(code):
    with pytest.raises(SourceUnavailable, match=rf"mingo01_ssh \(station\): .*rsync ended with {code}:"):
        end(code)


@pytest.mark.parametrize("code", [code for code, ending in EXIT_CODES.items() if ending.decision == "fail"])
def test_endings_that_do_not_heal_say_what_to_do(code):
    with pytest.raises(StorageError if code == 11 else SourceError) as error:
        end(code)
    assert EXIT_CODES[code].advice in str(error.value)
    assert EXIT_CODES[code].advice


def test_the_other_sides_reason_counts_more_than_the_broken_connection_it_left():
    text = "rsync error: errors selecting input/output files, dirs (code 3) at flist.c(2791) [sender=3.1.3]"
    with pytest.raises(SourceError, match="a folder is missing"):
        end(12, text)


@pytest.mark.parametrize("code", [2, 12])
def test_what_is_no_rsync_is_told_by_asking(code):
    assert end(code, "bash: línea 1: rsync: orden no encontrada", answers=False) is Decision.NO_RSYNC


@pytest.mark.parametrize("code", [12, 255])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "another host key"),
        ("No ED25519 host key is known for x\r\nHost key verification failed.\r\n", "another host key"),
        ("mingo@station: Permission denied (publickey,password).", "login refused"),
        ("channel 0: open failed: administratively prohibited: open failed", "gateway does not pass"),
        ("Permissions 0644 for 'station_key' are too open. It is required...\nbad permissions", "closed to others"),
    ],
)  # fmt: skip
def test_refusals_of_ssh_are_not_tried_again(code, text, reason):
    with pytest.raises(SourceError, match=reason):
        end(code, text)


@pytest.mark.parametrize("code", [11, 23])
@pytest.mark.parametrize(
    "text",
    [
        'rsync: [receiver] write failed on "/data/a.dat": No space left on device (28)',
        'rsync: [receiver] mkstemp "/data/.a.dat.hVCqzL" failed: Permission denied (13)',
        'rsync: [generator] recv_generator: mkdir "/data/x" failed: Read-only file system (30)',
    ],
)
def test_a_disk_here_that_takes_nothing_is_no_matter_of_the_station(code, text):
    with pytest.raises(StorageError, match="make room"):
        end(code, text)


def test_a_file_closed_to_us_there_does_not_stop_the_others():
    text = 'rsync: [sender] send_files failed to open "/asci/a.dat": Permission denied (13)'
    assert end(23, text) is Decision.PARTIAL


def test_messages_are_shortened_to_causes_that_can_be_shown():
    text = (
        "rsync: connection unexpectedly closed\n\x1b[31mlink_stat failed\nrsync error: (code 23)\n"
        + "x" * 9999
    )
    assert told(text).startswith("?[31mlink_stat failed; xxx")
    assert len(told(text)) == 500
    assert told("rsync error: only this (code 12)") == "rsync error: only this (code 12)"
    assert told("") == ""
