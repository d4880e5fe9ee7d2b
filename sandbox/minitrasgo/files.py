"""Lines of detector files, in both dialects, whole arrays at a time."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sandbox.minitrasgo.response import Signals
from sandbox.noise import FloatArray, IntArray
from skyledger.minitrasgo.detector import PLANES, STRIPS

Dialect = Literal["daq", "simulator"]
Bytes = NDArray[np.uint8]
VALUE_CHARACTERS = 9
VALUES = 64
_DATE_CHARACTERS = len("2025 03 10 00 05 17")
_FOUR_DIGITS = np.array([b"%04d" % n for n in range(10_000)], dtype="S4").view(np.uint8).reshape(-1, 4)


def layout(dialect: Dialect) -> tuple[bytes, IntArray, int]:
    """A line of zeros without its date, where its 64 values begin, and where its trigger type is."""
    gap, gaps = (b"  ", (b"   ", b"  ")) if dialect == "daq" else (b" ", (b" ", b" "))
    line = bytearray(b" " * _DATE_CHARACTERS + gap + b"1")
    trigger = len(line) - 1
    starts = []
    for value in range(VALUES):
        group, strip = divmod(value, STRIPS)
        line += b" " if strip else gaps[group % 2]
        starts.append(len(line))
        line += b"0000.0000"
    return bytes(line) + b"\n", np.array(starts), trigger


def lines(dialect: Dialect, time_s: IntArray, trigger: IntArray, signals: Signals) -> Bytes:
    """(n, bytes of a line): all lines of a dialect have the same length. time_s : (n,) Unix seconds"""
    text, starts, trigger_at = layout(dialect)
    out = np.tile(np.frombuffer(text, np.uint8), (len(time_s), 1))
    seconds, which = np.unique(time_s, return_inverse=True)
    dates = np.datetime_as_string(seconds.astype("datetime64[s]")).astype(f"S{_DATE_CHARACTERS}")
    dates = dates.view(np.uint8).reshape(len(seconds), -1)
    dates[(dates == ord("-")) | (dates == ord("T")) | (dates == ord(":"))] = ord(" ")
    out[:, :_DATE_CHARACTERS] = dates[which]
    out[:, trigger_at] = ord("0") + trigger
    row, column = np.nonzero(~np.isnan(values := _columns(signals)))
    out[row[:, None], starts[column][:, None] + np.arange(VALUE_CHARACTERS)] = _numbers(values[row, column])
    return out


def _columns(signals: Signals) -> FloatArray:
    """(n, 64) in the order of the file: planes from the bottom, each T_F, T_B, Q_F, Q_B by strip."""
    blocks = np.stack([values.reshape(-1, PLANES, STRIPS) for values in signals.all()], axis=2)
    return np.asarray(blocks[:, ::-1].reshape(-1, VALUES))


def _numbers(values: FloatArray) -> Bytes:
    """(k, 9) characters: zero padded, 4 decimals, sign in the first place."""
    units = np.rint(np.abs(values) * 10_000).astype(np.int64)
    if units.size and units.max() >= 10_000_000:
        raise ValueError(f"a value of {units.max() / 10_000:g} does not fit in {VALUE_CHARACTERS} characters")
    whole, decimals = np.divmod(units, 10_000)
    text = np.empty((len(values), VALUE_CHARACTERS), np.uint8)
    text[:, :4], text[:, 4], text[:, 5:] = _FOUR_DIGITS[whole], ord("."), _FOUR_DIGITS[decimals]
    text[values < 0, 0] = ord("-")
    return text
