"""What can go wrong, sorted by what should happen next.

Two questions decide everything: *does waiting help?* (`TransientError` is retried with back-off,
`PermanentError` fails at once) and *where must a person look?* (source, format, configuration,
storage). A message says what failed, where, and what to do.
"""


class SkyledgerError(Exception):
    """Base of every error that Skyledger raises on purpose."""


class TransientError(SkyledgerError):
    """Waiting may heal it: the task is retried with back-off."""


class PermanentError(SkyledgerError):
    """Waiting does not heal it: a person must change something first."""


class SourceUnavailable(TransientError):  # noqa: N818 - the name says it
    """The remote system did not answer, answered late, or broke off."""


class SourceError(PermanentError):
    """The remote system answered, and the answer is a refusal (unknown database, wrong token)."""


class FormatError(PermanentError):
    """The data do not have the agreed form."""


class ConfigError(PermanentError):
    """A configuration value is wrong: the message names file, key, value and the expected form."""


class StorageUnavailable(TransientError):  # noqa: N818 - the name says it
    """The database is away, busy, or took a lock away from us."""


class StorageError(PermanentError):
    """The database refused the statement (read-only, disk full, packet too large, bad value)."""
