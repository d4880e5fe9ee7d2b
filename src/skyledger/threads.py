"""Large tables in parts, two at once: numpy does the work and lets go of the interpreter meanwhile."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
S = TypeVar("S")

THREADS = 2


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Results of calls that do not depend on each other, in their order. The first error is raised."""
    return each(lambda call: call(), calls)


def each(function: Callable[[S], T], values: Iterable[S]) -> list[T]:
    """Results of a function, in the order of the values. The first error is raised."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(function, values))


def joined(parts: Sequence[T]) -> T:
    """One after the other: arrays along their first axis, dataclasses and tuples of arrays field by field."""
    first: Any = parts[0]
    if len(parts) == 1 or first is None:
        return parts[0]
    if is_dataclass(first) and not isinstance(first, type):
        names = [field.name for field in fields(first)]
        columns = [joined([getattr(part, name) for part in parts]) for name in names]
        return type(first)(*columns)  # type: ignore[return-value]
    if isinstance(first, tuple):
        pairs: Any = zip(*parts, strict=True)
        return type(first)(*(joined(column) for column in pairs))  # type: ignore[return-value]
    return np.concatenate(parts)  # type: ignore[arg-type, return-value]
