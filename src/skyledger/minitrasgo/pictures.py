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


def undrawn_days(session: Session, station_name: str, first_day: date, last_day: date) -> list[str]:
    """Joined days between two (included) without a picture, or with one of what the day was before."""
    rows = session.query(
        "SELECT CAST(`day` AS CHAR) FROM station_day WHERE station = %s AND `day` BETWEEN %s AND %s "
        "AND NOT picture_digest <=> input_digest ORDER BY `day`",
        (station_name, first_day.isoformat(), last_day.isoformat()),
    )
    return [day for (day,) in rows]
