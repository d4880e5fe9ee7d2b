"""The external program that decodes the archive's .hld files. Its interface:

- It is started as the station's configuration says (`unpacker.command`), `{input}` and `{output}` standing for two
  folders, with the variables of `unpacker.environment`.
- It finds in the input folder one .hld file; with `two_inputs` also a copy of it named one second beside.
- It writes into the output folder a .dat file of the same name for each, and ends with status 0.
- It has `timeout_s`, after which it is ended, with all that it started. Both folders are removed.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from skyledger.errors import ConfigError, FormatError
from skyledger.minitrasgo import archives
from skyledger.minitrasgo.names import parse_name, twin
from skyledger.minitrasgo.stations import Unpacker
from skyledger.programs import program

OUTPUT_TOLD = 500  # characters of what the program says last


def unpack(unpacker: Unpacker, path: Path, folder: Path) -> list[Path]:
    """Make .dat files in `folder` (which is made) of an .hld file or an archive of some.

    Raises FormatError when the archive is damaged, or the program fails, takes too long or writes nothing; ConfigError
    when the program is not there; OSError when the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".hld-") as scratch:
        is_plain = parse_name(path.name).kind == "hld"
        packed = [path] if is_plain else archives.extract_hld(path, Path(scratch, "archive"))
        made = [_unpack_one(unpacker, hld, Path(scratch, hld.stem), folder) for hld in packed]
    return [dat for files in made for dat in files]


def _unpack_one(unpacker: Unpacker, hld: Path, scratch: Path, folder: Path) -> list[Path]:
    basename = parse_name(hld.name).basename
    places = {"{input}": scratch / "input", "{output}": scratch / "output"}
    for place in places.values():
        place.mkdir(parents=True)
    shutil.copyfile(
        hld, places["{input}"] / f"{basename}.hld"
    )  # no link: the program may do what it likes with it
    second = f"{twin(basename)}.dat" if unpacker.two_inputs else None
    if second:
        shutil.copyfile(hld, (places["{input}"] / second).with_suffix(".hld"))
    _run(unpacker, hld, places, scratch / "said")
    # the copy holds the same events, under a wrong time
    made = sorted(p for p in places["{output}"].glob("*.dat") if p.is_file() and p.name != second)
    if not made:
        raise FormatError(f"{hld.name}: {unpacker.command[0]} wrote no .dat file{_said(scratch / 'said')}")
    return [p.rename(folder / p.name) for p in made]


def _run(unpacker: Unpacker, hld: Path, places: dict[str, Path], said: Path) -> None:
    command = list(unpacker.command)
    for placeholder, place in places.items():
        command = [argument.replace(placeholder, str(place)) for argument in command]
    try:
        with (
            said.open("wb") as out,
            program(command, stdout=out, stderr=out, environment=unpacker.environment) as process,
        ):
            status = process.wait(unpacker.timeout_s)
    except FileNotFoundError as error:
        raise ConfigError(
            f"unpacker.command: {error}; install it, or name it by its full path in the station's file"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise FormatError(
            f"{hld.name}: {command[0]} was ended after {unpacker.timeout_s} s (unpacker.timeout_s){_said(said)}"
        ) from error
    if status:
        raise FormatError(f"{hld.name}: {command[0]} ended with status {status}{_said(said)}")


def _said(said: Path) -> str:
    text = " ".join(said.read_bytes()[-4 * OUTPUT_TOLD :].decode(errors="replace").split())[-OUTPUT_TOLD:]
    return f"; it said: {text}" if text else ""
