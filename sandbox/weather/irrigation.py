"""The irrigation flow meter: a growing CSV of daily totals below a free preamble."""

from datetime import date, datetime, timedelta
from pathlib import Path

from sandbox.noise import key, uniform

FILE_NAME = "flowmetertotals_MAC.csv"
EOL = b"\r\n"
_ORIGIN = date(1970, 1, 1)
_PREAMBLE = (
    "Flow meter totals,Maricopa Agricultural Center",
    "Meter,field 6 main line",
    "Exported by,FlowLog 3.2",
    '"Note","totals of a day, midnight to midnight, local standard time"',
    "",
)


class Irrigation:
    """A flow meter whose file begins on `first_day`; days are those of its own clock.

    preamble_lines: lines before the header, at most 5
    """

    def __init__(self, seed: int = 1, *, first_day: date, preamble_lines: int = len(_PREAMBLE)) -> None:
        self.seed = seed
        self.first_day = first_day
        self.preamble = _PREAMBLE[:preamble_lines]

    def gallons(self, day: date) -> float | None:
        """US gallons of a day: 0 on most, 300 to 15 000 when water runs; None where the meter has no value."""
        runs, much, known, _ = self._draws(day)
        if known < 0.03:
            return None
        return float(round(300 + 14_700 * much)) if runs < 0.4 else 0.0

    def content(self, until: date) -> bytes:
        """The file on the morning of `until`: all complete days before it."""
        lines = [*self.preamble, "Date Time,Actual"]
        for number in range((until - self.first_day).days):
            day = self.first_day + timedelta(days=number)
            lines.append(f"{day:%m/%d/%Y} 00:00,{self._written(day)}")
        return EOL.join(line.encode() for line in lines) + EOL

    def append(self, folder: Path, until: datetime) -> Path:
        """Let the file grow to the last day that is complete at `until` (on the meter's clock)."""
        path = folder / FILE_NAME
        content = self.content(until.date())
        with path.open("ab") as file:
            file.write(content[file.tell() :])
        return path

    def _written(self, day: date) -> str:
        """The number as the meter's program writes it: mostly plain, sometimes decimal or with a separator."""
        gallons, style = self.gallons(day), self._draws(day)[3]
        if gallons is None:
            return ""
        if style < 0.1:
            return f"{gallons:.1f}"
        if style < 0.2 and gallons >= 1000:
            return f'"{gallons:,.0f}"'
        return f"{gallons:.0f}"

    def _draws(self, day: date) -> list[float]:
        return uniform(key(self.seed, "irrigation", (day - _ORIGIN).days), range(4)).tolist()
