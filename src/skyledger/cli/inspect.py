"""What a reader makes of any file: the same form for every format."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skyledger.cli.common import out

if TYPE_CHECKING:
    from skyledger.inspection import Inspection

inspect_app = typer.Typer(help="Show what a reader makes of files.", no_args_is_help=True)

Files = Annotated[
    list[Path], typer.Argument(help="files of one series", exists=True, dir_okay=False, readable=True)
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]


@inspect_app.callback()
def _formats() -> None:
    """Show what a reader makes of files."""


@inspect_app.command("toa5")
def inspect_toa5(files: Files, as_json: AsJson = False) -> None:
    """Campbell logger files (TOA5): rows, columns, units, what was rejected and why."""
    from skyledger import inspection

    _show(inspection.inspect_toa5(files), as_json)


@inspect_app.command("mingo-raw")
def inspect_mingo_raw(files: Files, as_json: AsJson = False) -> None:
    """Raw files of miniTRASGO (.dat, .dat.gz, .dat.tar.gz) taken together: lines, trigger types, planes with charge."""
    from skyledger.minitrasgo import inspection

    found, rejects = inspection.inspect(files)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, allow_nan=False))
    else:
        out.print(inspection.for_people(found, rejects))


@inspect_app.command("nasa-ames")
def inspect_nasa_ames(files: Files, as_json: AsJson = False) -> None:
    """NASA Ames files (FFI 1001): rows, columns, units, missing values; what is wrong with the header."""
    from skyledger.iagos.formats import inspection

    _show(inspection.inspect_nasa_ames(files), as_json)


@inspect_app.command("iagos-nc")
def inspect_iagos_nc(files: Files, as_json: AsJson = False) -> None:
    """NetCDF products of IAGOS: rows, variables, units, flags."""
    from skyledger.iagos.formats import inspection

    _show(inspection.inspect_netcdf(files), as_json)


def _show(found: "Inspection", as_json: bool) -> None:
    from skyledger import inspection

    if as_json:
        print(json.dumps(found.as_dict(), ensure_ascii=False, allow_nan=False))
    else:
        out.print(inspection.table_for_people(found))
