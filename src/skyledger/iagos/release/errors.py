"""Why a decision was not taken. `status` is the answer of a web service to it."""

from typing import ClassVar

from skyledger.errors import PermanentError


class DecisionRefused(PermanentError):  # noqa: N818 - the names say it, here and below
    """Nothing was recorded."""

    status: ClassVar[int] = 400  # what is asked for is incomplete, or makes no sense


class CommentMissing(DecisionRefused):
    """Every decision but a release needs its reason."""


class NotPermitted(DecisionRefused):
    """The person has not the role for it."""

    status = 403


class UnknownFlight(DecisionRefused):
    """There is no such flight file, or no report on it."""

    status = 404


class Conflict(DecisionRefused):
    """The flight is not what the person saw, or not where the decision belongs."""

    status = 409
