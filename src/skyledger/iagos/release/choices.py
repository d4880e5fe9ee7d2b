"""What a PI chooses for a flight file: with which tests it is judged, and which calibrations count.

A choice is part of the decision to compute and judge again, and holds for this delivery until another one is made.
"""

from typing import NamedTuple

from skyledger.iagos.assess import quality_config
from skyledger.iagos.flight import Key
from skyledger.iagos.instruments import load_instrument, quality_files
from skyledger.iagos.metadata.calibrations import CHOICES, Choice, calibration_set
from skyledger.iagos.release.errors import DecisionRefused
from skyledger.iagos.release.recorded import Recorded, decisions
from skyledger.warehouse import Session


class Chosen(NamedTuple):
    """What counts for a flight file by decision of its PI, with the decision; None: what counts for all."""

    quality: Recorded | None = None
    calibrations: Recorded | None = None

    @property
    def quality_file(self) -> str | None:
        """With which tests it is judged; None: those of the instrument."""
        return self.quality and self.quality.quality

    @property
    def calibration_choice(self) -> Choice:
        """Which calibrations count."""
        return (self.calibrations and self.calibrations.calibrations) or "default"


def chosen(session: Session, key: Key) -> Chosen:
    """What was chosen for a flight file last."""
    found = Chosen()
    for one in decisions(session, key):
        if one.quality:
            found = found._replace(quality=one)
        if one.calibrations:
            found = found._replace(calibrations=one)
    return found


def check_quality(key: Key, name: str | None) -> None:
    """Whether flights of the instrument can be judged with a configuration. Raises DecisionRefused."""
    if name is None:
        return
    if name not in quality_files():
        raise DecisionRefused(f"quality {name!r}: expected one of {', '.join(quality_files())}")
    if not load_instrument(key.instrument_type).measured.keys() & quality_config(name).series.keys():
        raise DecisionRefused(f"quality {name!r}: judges no variable that {key.instrument_type} measures")


def check_calibrations(session: Session, key: Key, choice: str | None) -> None:
    """Whether all parts have the calibrations of a choice. Raises DecisionRefused."""
    if choice is None:
        return
    if choice not in CHOICES:
        raise DecisionRefused(f"calibrations {choice!r}: expected one of {', '.join(CHOICES)}")
    known = calibration_set(session, key.flight_id, key.instrument_type)
    if lacking := known.lacking(choice):
        raise DecisionRefused(f"calibrations {choice!r} ({CHOICES[choice]}): none of {', '.join(lacking)}")


def in_words(quality: str | None, calibrations: Choice | None) -> str:
    """Choices as the end of a clause; empty: none."""
    told = [f"with the tests of {quality}"] if quality else []
    told += [f"with the calibrations {CHOICES[calibrations]}"] if calibrations else []
    return "".join(f", {one}" for one in told)
