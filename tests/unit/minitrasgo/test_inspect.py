"""`skyledger inspect mingo-raw`."""

import gzip
import json
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skyledger.cli import app

TINY = Path(__file__).parents[2] / "fixtures" / "minitrasgo" / "tiny.dat"
SUMMARY = {
    "format": "daq",
    "lines_read": 6,
    "comments": 0,
    "accepted": 4,
    "rejected": {"invalid date": 1, "wrong column count": 1},
    "trigger": {"1": 3, "2": 1},
    "first": "2025-03-10T00:05:17Z",
    "last": "2025-03-10T00:05:19Z",
    "raw_topology": {"12": 1, "23": 1, "1234": 1},
}


def inspect(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, ["inspect", "mingo-raw", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_a_file_is_summed_up_as_json():
    found = json.loads(inspect(TINY, "--json"))
    assert found == SUMMARY
    assert list(found) == list(SUMMARY)


def test_files_are_told_together(tmp_path):
    later = tmp_path / "mi0125069010000.dat.gz"
    text = b" ".join(TINY.read_bytes().splitlines()[2].replace(b"00 05 18  2", b"01 00 00  1").split())
    later.write_bytes(gzip.compress(b"# made by hand\n" + text))
    found = json.loads(inspect(later, TINY, "--json"))
    assert found == {
        **SUMMARY,
        "format": "mixed",
        "lines_read": 8,
        "comments": 1,
        "accepted": 5,
        "trigger": {"1": 4, "2": 1},
        "last": "2025-03-10T01:00:00Z",
        "raw_topology": {"3": 1, "12": 1, "23": 1, "1234": 1},
    }


def test_an_archive_is_told_by_the_files_in_it(tmp_path):
    archive = tmp_path / "mi0125069000517.dat.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(TINY, "asci/mi0125069000517.dat")
    assert json.loads(inspect(archive, "--json")) == SUMMARY


@pytest.mark.parametrize("others", [0, 1], ids=["alone", "beside a file"])
def test_an_empty_file_is_told_as_one(tmp_path, others):
    empty = tmp_path / "mi0125069020000.dat"
    empty.touch()
    found = json.loads(inspect(empty, *[TINY] * others, "--json"))
    assert found == (
        SUMMARY
        if others
        else {
            "format": "none",
            "lines_read": 0,
            "comments": 0,
            "accepted": 0,
            "rejected": {},
            "trigger": {"1": 0, "2": 0},
            "first": None,
            "last": None,
            "raw_topology": {},
        }
    )


def test_people_also_see_which_lines_were_rejected():
    shown = inspect(TINY)
    assert "wrong column count: 1" in shown
    assert "tiny.dat: line 5: wrong column count: '2025 03 10 00 05 20" in shown
    assert "tiny.dat: line 6: invalid date: '0000 03 10" in shown
