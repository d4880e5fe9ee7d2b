"""Quality control of all networks: which values are believable, and why not.

A test gives every value a probability of being valid (`catalogue.py`). A group says which tests a series gets, how
their probabilities become one, and how that becomes a flag (`groups.py`). `evaluate` runs them (`engine.py`). What
tests see is a `Frame` (`frame.py`). Nothing here changes a value.
"""

from typing import Any, NamedTuple

from skyledger.quality.catalogue import QualityTest
from skyledger.quality.engine import Verdict, evaluate
from skyledger.quality.frame import FAIL, GOOD, MISSING, NOT_EVALUATED, SUSPECT, Frame
from skyledger.quality.groups import Group, QualityConfig

__all__ = [
    "FAIL",
    "GOOD",
    "MISSING",
    "NOT_EVALUATED",
    "SUSPECT",
    "Component",
    "Frame",
    "Group",
    "QualityConfig",
    "Verdict",
    "catalogue",
    "evaluate",
]


class Component(NamedTuple):
    """A test, as the documentation shows it."""

    name: str
    description: str
    category: str
    parameters: dict[str, str]  # what they mean, with their defaults


def catalogue() -> list[Component]:
    """All tests with what they can be told, read from their classes."""
    return [
        Component(
            name=test.model_fields["test"].default,
            description=(test.__doc__ or "").split("\n\n")[0],
            category=test.category,
            parameters={
                name: _parameter(f)
                for name, f in test.model_fields.items()
                if name not in QualityTest.model_fields
            },
        )
        for test in QualityTest.__subclasses__()
    ]


def _parameter(field: Any) -> str:
    default = "required" if field.is_required() else f"default {field.default}"
    return f"{field.description} ({default})" if field.description else default
