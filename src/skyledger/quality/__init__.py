"""Quality control of all networks: which values are believable, and why not.

A test gives every value a probability of being valid (`base.py`). Tests are of values and their changes
(`catalogue.py`), of the course among neighbours (`course.py`), of the state of the instrument (`surroundings.py`), and
of relations to other series (`relations.py`). A group says which tests a series gets, how their probabilities become
one, and how that becomes a flag (`groups.py`). `evaluate` runs them (`engine.py`). What tests see is a `Frame`
(`frame.py`). `schemes.py` knows how others write flags. Nothing here changes a value.
"""

from skyledger.quality.catalogue import Component, catalogue
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
