"""Times as a report writes them."""

from datetime import UTC, datetime


def iso(moment: datetime) -> str:
    """A time of UTC to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_of(unix_s: float) -> str:
    """The same from Unix seconds."""
    return iso(datetime.fromtimestamp(unix_s, UTC))
