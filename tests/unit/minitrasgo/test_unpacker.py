"""The interface to the external program for .hld files, played by small programs."""

import io
import sys
import tarfile
import time
from pathlib import Path

import pytest

from skyledger.errors import ConfigError, FormatError
from skyledger.minitrasgo.stations import Unpacker
from skyledger.minitrasgo.unpacker import unpack

NAME = "mi0125069000517.hld"
COPY = """
import pathlib, sys
for hld in pathlib.Path(sys.argv[1]).iterdir():
    pathlib.Path(sys.argv[2], hld.stem + ".dat").write_bytes(hld.read_bytes())
"""


@pytest.fixture
def hld(tmp_path):
    path = tmp_path / NAME
    path.write_bytes(b"events")
    return path


def unpacker(code: str, **more) -> Unpacker:
    return Unpacker(command=(sys.executable, "-c", code, "{input}", "{output}"), **more)


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_program_gets_a_folder_with_the_file_and_one_for_the_result(hld, tmp_path):
    (made,) = unpack(unpacker(COPY), hld, tmp_path / "out")
    assert made == tmp_path / "out" / "mi0125069000517.dat"
    assert made.read_bytes() == b"events"
    assert names(tmp_path / "out") == ["mi0125069000517.dat"]


def test_an_archive_of_hld_files_is_unpacked_first(hld, tmp_path):
    path = tmp_path / "mi0125069000517.hld.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in (NAME, "mi0125069010517.hld"):
            info = tarfile.TarInfo(f"local/experiments/MINGOS/{name}")
            info.size = 1
            archive.addfile(info, io.BytesIO(b"x"))
    made = unpack(unpacker(COPY), path, tmp_path / "out")
    assert [p.name for p in made] == ["mi0125069000517.dat", "mi0125069010517.dat"]
    assert len(names(tmp_path / "out")) == 2


@pytest.mark.parametrize(("second", "beside"), [("00", "01"), ("29", "30"), ("30", "29"), ("59", "58")])
def test_a_program_that_needs_two_inputs_gets_a_copy_one_second_beside_which_is_dropped(
    tmp_path, second, beside
):
    """Weakness 20."""
    hld = tmp_path / f"mi01250690005{second}.hld"
    hld.write_bytes(b"events")
    note = f"""{COPY}
seen = sorted(path.name for path in pathlib.Path(sys.argv[1]).iterdir())
pathlib.Path(sys.argv[2], "mi0125069999999.dat").write_text(str(seen))
"""
    made = unpack(unpacker(note, two_inputs=True), hld, tmp_path / "out")
    assert [p.name for p in made] == [f"mi01250690005{second}.dat", "mi0125069999999.dat"]
    assert made[1].read_text() == str(sorted([f"mi01250690005{second}.hld", f"mi01250690005{beside}.hld"]))


def test_what_the_program_does_to_its_input_does_not_reach_the_raw_file(hld, tmp_path):
    spoil = f"{COPY}\nfor hld in pathlib.Path(sys.argv[1]).iterdir(): hld.write_bytes(b'')"
    unpack(unpacker(spoil), hld, tmp_path / "out")
    assert hld.read_bytes() == b"events"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; print('bad magic', file=sys.stderr); sys.exit(3)", "status 3; it said: bad magic"),
        ("print('no events')", "wrote no .dat file; it said: no events"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "status -11"),
    ],
)
def test_a_program_that_fails_is_quoted(hld, tmp_path, code, reason):
    with pytest.raises(FormatError, match=reason) as error:
        unpack(unpacker(code), hld, tmp_path / "out")
    assert NAME in str(error.value)
    assert names(tmp_path / "out") == []


def test_a_program_that_is_not_there_is_a_matter_of_configuration(hld, tmp_path):
    missing = Unpacker(command=("octave-of-another-machine", "{input}"))
    with pytest.raises(ConfigError, match="octave-of-another-machine is not installed"):
        unpack(missing, hld, tmp_path / "out")


def test_a_program_that_takes_too_long_is_ended_with_its_children(hld, tmp_path):
    pid_file = tmp_path / "pid"
    code = f"""
import pathlib, subprocess
child = subprocess.Popen(["sleep", "600"])
pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))
child.wait()
"""
    with pytest.raises(FormatError, match="ended after 1 s"):
        unpack(unpacker(code, timeout_s=1), hld, tmp_path / "out")
    stat = Path("/proc", pid_file.read_text(), "stat")
    for _ in range(500):
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.01)
    else:
        pytest.fail("the child still runs")


def test_the_program_sees_its_own_variables_and_none_of_ours(hld, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_MINITRASGO_DB", "secret")
    code = "import os, sys; open(sys.argv[2] + '/mi0125069000517.dat', 'w').write(repr(dict(os.environ)))"
    (made,) = unpack(unpacker(code, environment={"RPCSYSTEM": "mingo01"}), hld, tmp_path / "out")
    assert "'RPCSYSTEM': 'mingo01'" in made.read_text()
    assert "secret" not in made.read_text()
