"""A file written in one step, whatever happens meanwhile."""

import os
import stat
from pathlib import Path

import pytest

from skyledger.errors import StorageUnavailable
from skyledger.files import atomic


def write(path: Path, content: bytes) -> None:
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_new_file_appears_with_its_folders_and_nothing_else(tmp_path):
    path = tmp_path / "products" / "2016" / "day.nc"
    write(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(path.parent) == ["day.nc"]


def test_the_old_file_stays_until_the_block_ends(tmp_path):
    path = tmp_path / "day.nc"
    write(path, b"old")
    with atomic(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
        assert temporary.parent == path.parent  # a rename across file systems is a copy
    assert path.read_bytes() == b"new"


def test_an_error_in_the_block_leaves_the_old_file_and_no_temporary_one(tmp_path):
    path = tmp_path / "day.nc"
    write(path, b"old")

    def fail_half_way() -> None:
        with atomic(path) as temporary:
            temporary.write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["day.nc"]


def test_what_a_killed_writer_left_is_removed_by_the_next_writer_of_the_same_file_only(tmp_path):
    mine, longer, other = (tmp_path / f".{name}.0123abcd.part" for name in ("a[1].nc", "a[1].nc.gz", "a1.nc"))
    for path in (mine, longer, other):
        path.write_bytes(b"half")
    write(tmp_path / "a[1].nc", b"whole")
    assert names(tmp_path) == sorted(["a[1].nc", longer.name, other.name])


def test_of_two_writers_at_once_one_file_wins_whole_and_the_other_writer_is_told(tmp_path):
    path = tmp_path / "day.nc"

    def overtaken() -> None:
        with atomic(path) as temporary:
            temporary.write_bytes(b"first, still writing")
            write(path, b"second")

    with pytest.raises(StorageUnavailable, match=r"day\.nc.*another writer"):
        overtaken()
    assert path.read_bytes() == b"second"
    assert names(tmp_path) == ["day.nc"]


def test_a_block_that_writes_nothing_is_an_error_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "day.nc"
    write(path, b"old")
    with pytest.raises(StorageUnavailable, match="nothing was written"), atomic(path):
        pass
    assert path.read_bytes() == b"old"


def test_the_file_is_on_disk_before_it_is_renamed_and_its_folder_after(tmp_path, monkeypatch):
    steps = []

    def fsync(handle: int) -> None:
        steps.append(("sync", "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"))

    replace = Path.replace

    def recorded(self: Path, target: Path) -> Path:
        steps.append(("rename", target.name))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", recorded)
    write(tmp_path / "day.nc", b"new")
    assert steps == [("sync", "file"), ("rename", "day.nc"), ("sync", "folder")]


def test_a_file_gets_the_usual_permissions_of_the_process(tmp_path):
    write(tmp_path / "day.nc", b"new")
    usual = tmp_path / "usual"
    usual.write_bytes(b"")
    assert (tmp_path / "day.nc").stat().st_mode == usual.stat().st_mode
