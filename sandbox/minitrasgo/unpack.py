"""The archive's files of the sandbox, and the program that unpacks them:

python sandbox/minitrasgo/unpack.py INPUT OUTPUT

Every .hld file in the folder INPUT becomes a .dat file in the folder OUTPUT. They are no real HLD files, which hold
words of the read-out board: behind a first line stands the compressed text that the station's unpacker would make.
It needs nothing but Python, wherever it is started.
"""

import sys
import zlib
from pathlib import Path

MAGIC = b"sandbox hld 1\n"


def pack(text: bytes) -> bytes:
    """An .hld file that unpacks to this .dat file."""
    return MAGIC + zlib.compress(text, 1)


def unpack(content: bytes) -> bytes:
    """Reverse of pack. Raises ValueError when the content is something else, or damaged."""
    if not content.startswith(MAGIC):
        raise ValueError("no event data")
    try:
        return zlib.decompress(content[len(MAGIC) :])
    except zlib.error as error:
        raise ValueError(f"damaged event data: {error}") from error


def main(source: Path, target: Path) -> int:
    """Unpack all files; exit code 1 when there is none, or one is no .hld file."""
    packed = sorted(source.glob("*.hld"))
    if not packed:
        print(f"no .hld file in {source}", file=sys.stderr)
    failed = not packed
    for path in packed:
        try:
            (target / f"{path.stem}.dat").write_bytes(unpack(path.read_bytes()))
        except ValueError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
