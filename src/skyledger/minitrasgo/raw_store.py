"""Read files of the raw store as they were registered."""

from pathlib import Path

from skyledger.errors import StorageError
from skyledger.minitrasgo import rawfile
from skyledger.minitrasgo.content import sha256_of
from skyledger.minitrasgo.rawfile import RawFile
from skyledger.minitrasgo.registry import RawFileRow


def read_registered(data_root: Path, file: RawFileRow) -> RawFile:
    """Parse a registered file. Raises StorageError when its bytes are gone or are not those that were registered."""
    path = data_root / file.raw_path
    try:
        if sha256_of(path) != file.sha256:
            raise StorageError(
                f"{path}: its bytes are not those that were registered: restore the raw store from its backup, "
                "then rerun"
            )
        return rawfile.read(path)
    except OSError as error:
        raise StorageError(
            f"{path}: {error.strerror}: restore the raw store from its backup, then rerun"
        ) from error
