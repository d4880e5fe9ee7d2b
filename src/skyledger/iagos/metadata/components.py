"""Components, what is built into what, and when they served."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from skyledger.errors import PermanentError
from skyledger.iagos.metadata.sql import known, naive, statement
from skyledger.warehouse import Session


@dataclass(frozen=True, slots=True)
class Tree:
    """A component with all that is built into it."""

    component_id: int
    component_type: str
    serial: str
    parts: tuple["Tree", ...] = ()

    def __iter__(self) -> Iterator["Tree"]:
        """The component itself and everything below, depth first."""
        yield self
        for part in self.parts:
            yield from part


def component_id(session: Session, component_type: str, serial: str) -> int:
    """Number of a component. Raises PermanentError when there is none."""
    found = session.query(statement("component_id"), {"component_type": component_type, "serial_no": serial})
    if not found:
        raise PermanentError(f"no component {component_type} {serial}: import its row of table component")
    return int(found[0][0])


def component_tree(session: Session, component_id: int, at: datetime, as_of: datetime | None = None) -> Tree:
    """What a component consisted of at a time, as it was known at `as_of`. Raises PermanentError for an unknown one."""
    rows = session.query(
        statement("tree"), {"component_id": component_id, "at": naive(at), "as_of": known(as_of)}
    )
    if not rows:
        raise PermanentError(f"no component with number {component_id}")
    below: dict[int | None, list[tuple[int, str, str]]] = {}
    for number, parent, component_type, serial in rows:
        below.setdefault(parent, []).append((number, component_type, serial))

    def grow(number: int, component_type: str, serial: str) -> Tree:
        return Tree(number, component_type, serial, tuple(grow(*part) for part in below.get(number, ())))

    return grow(*below[None][0])
