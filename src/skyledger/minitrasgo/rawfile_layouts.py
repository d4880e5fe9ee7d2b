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
_ZERO_CODE = np.uint32(0x0F0F0F0F)  # digits in ASCII without their upper half
_MINUS = ord("-")
_MINUS_AS_THOUSANDS = (_MINUS & 0xF) * 1000 * 10_000
_MONTH_DAYS = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


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
        self._lowest, self._span = allowed[:, 0], allowed[:, 1] - allowed[:, 0]
        self._trigger_at = len(_DATE) + before_trigger
        plane = 2 * len(first + second)
        # plane 1 is written last
        self._values_at = len(head) + (PLANES - 1) * plane
        self._strides = (len(first + second), len(first), -plane, _STEP)

    def decode(self, lines: Bytes) -> Decoded:
        """Read (m, length) bytes."""
        taken = (lines - self._lowest <= self._span).all(axis=1)
        time_s, valid = _times(lines)
        taken &= valid
        whole = self._codes(lines, 0)
        first = (whole & 0xFF).astype(np.uint8)
        taken &= ~((first == ord(".")) | (first == ord("/"))).any(axis=(0, 1, 2, 3))  # between minus and 0
        number = _four_digits(whole) * np.int32(10_000)
        number += _four_digits(self._codes(lines, _POINT + 1))
        np.subtract(_MINUS_AS_THOUSANDS, number, out=number, where=first == _MINUS)
        values = (number / 10_000.0).astype(np.float32)  # as float() rounds
        np.copyto(values, np.nan, where=number == 0)
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
    codes &= _ZERO_CODE
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
    digits = lines[:, : len(_DATE)].T.astype(np.int64) - ord("0")
    tens = 10 * digits[:-1] + digits[1:]
    year, month, day = 100 * tens[0] + tens[2], tens[5], tens[8]
    hour, minute, second = tens[11], tens[14], tens[17]
    valid = (year >= FIRST_YEAR) & (year <= LAST_YEAR) & (month >= 1) & (month <= 12) & (day >= 1)
    valid &= (hour <= 23) & (minute <= 59) & (second <= 59)
    month = np.where(valid, month, 1)
    months = (12 * (year - 1970) + month - 1).astype("datetime64[M]")
    days_before = months.astype("datetime64[D]").astype(np.int64)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    valid &= day <= _MONTH_DAYS[month] - ((month == 2) & ~leap)
    return (((days_before + day - 1) * 24 + hour) * 60 + minute) * 60 + second, valid


LAYOUTS = (Layout("daq", 2, 3, (2, 3)), Layout("simulator", 1, 1, (1, 1)))
