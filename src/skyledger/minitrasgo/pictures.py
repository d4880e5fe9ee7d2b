"""What people look at of a joined day: its picture, from the database alone."""

from datetime import date
from pathlib import Path

from skyledger.files import atomic
from skyledger.minitrasgo.stations import MingoStation
from skyledger.minitrasgo.store import note_picture
from skyledger.warehouse import Session


def draw_day(
    session: Session, station: MingoStation, day: date, data_root: Path, output: Path | None = None
) -> Path | None:
    """Draw a joined day into `output`, or its place below the data root and note that; None when nothing is stored."""
    from skyledger.minitrasgo.quicklook import draw_quicklook  # matplotlib
    from skyledger.minitrasgo.quicklook.view import read_view

    found = read_view(session, station, day)
    if found is None:
        return None
    place = Path("minitrasgo", "quicklook", station.station, f"{day.year}", f"{day}.png")
    path = output or data_root / place
    with atomic(path) as temporary:
        temporary.write_bytes(draw_quicklook(found))
    if output is None:
        note_picture(session, station.station, day, str(place), found.input_digest)
    return path
