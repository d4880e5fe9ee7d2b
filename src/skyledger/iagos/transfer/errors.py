"""What the data centre may refuse, by the code of its answer.

All of these are SourceError: repeating the request as it is does not help. What waiting heals is SourceUnavailable.
"""

from skyledger.errors import SourceError


class NotLetIn(SourceError):  # noqa: N818 - the names say it, here and below
    """The credential is not known, or the signature or its time are not accepted: somebody must be told."""


class NotPermitted(SourceError):  # noqa: N818
    """The credential may not do this: somebody must be told."""


class BadRequest(SourceError):  # noqa: N818
    """The request is not as the service expects it."""


class BadCursor(BadRequest):
    """The place in the listing is none (any more): begin again from the high-water mark."""


class BadRange(SourceError):  # noqa: N818
    """The file has no such bytes: what is here is not the beginning of it."""


class NoSuchFile(SourceError):  # noqa: N818
    """The file has vanished."""


class Withdrawn(SourceError):  # noqa: N818
    """The file was taken back."""


class RevisionChanged(SourceError):  # noqa: N818
    """The file is at another revision by now: list it again."""


class ProductConflict(SourceError):  # noqa: N818
    """Another product has this version already: for the PI to decide."""


class InvalidProduct(SourceError):  # noqa: N818
    """The product is too large, or not valid for the reasons given."""


BY_CODE: dict[str, type[SourceError]] = {
    "bad_request": BadRequest,
    "unknown_instrument_type": BadRequest,
    "bad_cursor": BadCursor,
    "bad_signature": NotLetIn,
    "unknown_credential": NotLetIn,
    "expired": NotLetIn,
    "clock_skew": NotLetIn,
    "replay": NotLetIn,
    "not_permitted": NotPermitted,
    "no_such_file": NoSuchFile,
    "revision_changed": RevisionChanged,
    "product_conflict": ProductConflict,
    "withdrawn": Withdrawn,
    "too_large": InvalidProduct,
    "invalid_product": InvalidProduct,
    "bad_range": BadRange,
}
# for answers that do not carry a code: of a proxy, say
BY_STATUS: dict[int, type[SourceError]] = {
    400: BadRequest,
    401: NotLetIn,
    403: NotPermitted,
    410: Withdrawn,
    413: InvalidProduct,
    416: BadRange,
    422: InvalidProduct,
}
