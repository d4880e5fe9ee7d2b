"""Lines of a fixed form, many at once: what the fast path of `rawfile` takes.

A line is taken only if each of its bytes is what the form wants in that place, so that reading it with care
(`rawfile_lines`) gives the same.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skyledger.minitrasgo.detector import CHANNELS, PLANES, STRIPS, BoolArray, IntArray
from skyledger.minitrasgo.rawfile_lines import FIRST_YEAR, LAST_YEAR

Bytes = NDArray[np.uint8]

# d: a digit, s: a digit or minus; all else stands for itself
_DATE = "dddd dd dd dd dd dd"
_VALUE = "sddd.dddd"
_ALLOWED = {"d": ("0", "9"), "s": ("-", "9")}  # first and last byte
_STEP = len(_VALUE) + 1
_POINT = _VALUE.index(".")
_DIGIT_BITS = np.uint32(0x0F0F0F0F)  # of digits in ASCII; the same bits of a minus are 13
_MINUS_VALUE = np.int32(13 * 1000 * 10_000)
_LOWEST = np.int32(-1000 * 10_000)  # in 1/10000 ns: a minus leaves three digits
_UNIT_NS = 1e-4
_NAN_BITS = np.int32(0x7FC00000)

_NO_DAY = -(10**6)
_MONTHS = np.arange(f"{FIRST_YEAR}-01", f"{LAST_YEAR + 1}-02", dtype="datetime64[M]")  # one more at the end
_FIRST_DAYS = _MONTHS.astype("datetime64[D]").astype(np.int64)
_DAYS = _FIRST_DAYS[:-1, None] + np.arange(31)  # days since 1970 by month and day
_DAYS[_DAYS >= _FIRST_DAYS[1:, None]] = _NO_DAY  # noqa: SIM300 - both are arrays
_PAIRS_AT = np.array([0, 2, 5, 8, 11, 14, 17])  # century, year, month, day, hour, minute, second


class Decoded(NamedTuple):
    """Events out of lines of one form, (m,) each; where `taken` is false the rest means nothing."""

    taken: BoolArray
    time_s: IntArray
    trigger: NDArray[np.uint8]
    values: NDArray[np.float32]  # (4, 16, m): t_front, t_back, q_front, q_back by channel; NaN missing


class Layout:
    """Form of a line: date, trigger type, then per plane (last one first) four groups of a value for each strip."""

    def __init__(self, name: str, before_trigger: int, before_values: int, between_groups: tuple[int, int]):
        """Blanks before the trigger type, before the values, and after the first and second of two groups."""
        self.name = name
        head = _DATE + " " * before_trigger + "d" + " " * before_values
        first, second = (" ".join([_VALUE] * STRIPS) + " " * blanks for blanks in between_groups)
        form = (head + (first + second) * (2 * PLANES)).rstrip()
        self.length = len(form)
        allowed = np.array(
            [[ord(c) for c in _ALLOWED.get(place, (place, place))] for place in form], dtype=np.uint8
        )
        self._lowest, self._highest = allowed.T.copy()
        self._trigger_at = len(_DATE) + before_trigger
        plane = 2 * len(first + second)
        # plane 1 is written last
        self._values_at = len(head) + (PLANES - 1) * plane
        self._strides = (len(first + second), len(first), -plane, _STEP)

    def decode(self, lines: Bytes) -> Decoded:
        """Read (m, length) bytes."""
        taken = ((lines >= self._lowest) & (lines <= self._highest)).all(axis=1)
        time_s, valid = _times(lines)
        whole = self._codes(lines, 0)
        # All ones where the sign is a minus (or one of the two signs between it and 0: then the value is too low)
        negative = (((whole >> 4) & 1) - np.uint32(1)).view(np.int32)
        number = _four_digits(whole)
        number *= np.int32(10_000)
        number += _four_digits(self._codes(lines, _POINT + 1))
        number -= negative & _MINUS_VALUE
        number ^= negative
        number -= negative
        taken &= valid & (number > _LOWEST).all(axis=(0, 1, 2, 3))
        values = np.multiply(number, _UNIT_NS).astype(
            np.float32
        )  # no value lies so that this rounds unlike float()
        bits = values.view(np.int32)
        bits |= (number == 0) * _NAN_BITS
        trigger = lines[:, self._trigger_at] - ord("0")
        return Decoded(taken, time_s, trigger, values.reshape(4, CHANNELS, len(lines)))

    def _codes(self, lines: Bytes, offset: int) -> NDArray[np.uint32]:
        """Four bytes of each value from `offset` on, as (2, 2, 4, 4, m): kinds two by two, planes, strips, lines."""
        shape = (2, 2, PLANES, STRIPS, len(lines))
        strides = (*self._strides, lines.strides[0])
        at = self._values_at + offset
        return np.ndarray(shape, "<u4", lines, at, strides).copy()


def _four_digits(codes: NDArray[np.uint32]) -> NDArray[np.int32]:
    """Numbers out of four ASCII digits each, the first in the lowest byte."""
    codes &= _DIGIT_BITS
    pairs = codes * np.uint32(10)
    codes >>= np.uint32(8)
    pairs += codes
    pairs &= np.uint32(0x00FF00FF)
    np.right_shift(pairs, 16, out=codes)
    pairs *= np.uint32(100)
    pairs += codes
    pairs &= np.uint32(0xFFFF)
    return pairs.view(np.int32)


def _times(lines: Bytes) -> tuple[IntArray, BoolArray]:
    """Unix seconds of the dates with which the lines begin, and which dates exist."""
    pairs = (lines[:, _PAIRS_AT] - ord("0")) * 10 + (lines[:, _PAIRS_AT + 1] - ord("0"))
    century, year, month, day, hour, minute, second = pairs.T.astype(np.int64)
    months = 12 * (100 * century + year - FIRST_YEAR) + month - 1
    valid = (months >= 0) & (months < len(_DAYS)) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    days = _DAYS[np.where(valid, months, 0), np.where(valid, day - 1, 0)]
    valid &= (days != _NO_DAY) & (hour <= 23) & (minute <= 59) & (second <= 59)
    return ((days * 24 + hour) * 60 + minute) * 60 + second, valid


LAYOUTS = (Layout("daq", 2, 3, (2, 3)), Layout("simulator", 1, 1, (1, 1)))
