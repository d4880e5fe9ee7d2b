"""The logger's clock and UTC. Loggers write their own time without a zone; the station's configuration knows it."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo

import numpy as np
from numpy.typing import NDArray

from skyledger.errors import FormatError

IntArray = NDArray[np.int64]

US = 1_000_000  # microseconds per second
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BLOCK_US = 15 * 60 * US  # zones change at whole quarters of an hour


class AmbiguousTimeError(FormatError):
    """A logger time that a daylight-saving zone has twice."""


class NonexistentTimeError(FormatError):
    """A logger time that a daylight-saving zone leaves out."""


def microseconds(moment: datetime) -> int:
    """Unix time in microseconds of an aware date-time."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(time_us: int) -> datetime:
    """Aware UTC date-time of a Unix time in microseconds."""
    return _EPOCH + timedelta(microseconds=int(time_us))


def to_utc(logger_us: IntArray, zone: tzinfo) -> IntArray:
    """Turn logger times into UTC, both in microseconds since 1970-01-01. (n,) -> (n,)

    Raises AmbiguousTimeError or NonexistentTimeError for times around a change of the clock, which a logger in
    a daylight-saving zone cannot tell apart: such a logger needs a fixed offset.
    """
    if isinstance(zone, timezone):
        return logger_us - _offset_us(zone, _EPOCH)
    block = logger_us // _BLOCK_US
    blocks, inverse = np.unique(block, return_inverse=True)
    offsets = np.array([_safe_offset_us(zone, int(b) * _BLOCK_US) for b in blocks], dtype=np.int64)
    return np.asarray(logger_us - offsets[inverse])


def to_logger(moment: datetime, zone: tzinfo) -> int:
    """Logger time (microseconds since 1970-01-01 as if it were UTC) of a moment."""
    return microseconds(moment.astimezone(zone).replace(tzinfo=UTC))


def _offset_us(zone: tzinfo, moment: datetime) -> int:
    offset = zone.utcoffset(moment.astimezone(zone).replace(tzinfo=None))
    if offset is None:
        raise FormatError(f"clock {zone} has no offset")
    return offset // timedelta(microseconds=1)


def _safe_offset_us(zone: tzinfo, logger_us: int) -> int:
    local = moment(logger_us).replace(tzinfo=None)
    first, second = (zone.utcoffset(local.replace(fold=fold)) for fold in (0, 1))
    if first is None or second is None:
        raise FormatError(f"clock {zone} has no offset at {local}")
    if first > second:
        raise AmbiguousTimeError(f"{local} happens twice on clock {zone}: give the station a fixed offset")
    if first < second:
        raise NonexistentTimeError(f"{local} does not exist on clock {zone}: give the station a fixed offset")
    return first // timedelta(microseconds=1)
