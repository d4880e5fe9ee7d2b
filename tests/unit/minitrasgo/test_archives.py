"""Archives of raw files: what comes out, and what must not."""

import gzip
import io
import os
import tarfile

import pytest

from skyledger.errors import FormatError
from skyledger.minitrasgo import archives
from skyledger.minitrasgo.archives import extract_dat, extract_hld

NAME = "mi0125069000517.dat"
LINES = b"2025 03 10 00 05 17 1\n" * 5000


@pytest.fixture
def archive(tmp_path):
    def pack(*members, name="a.dat.tar.gz"):
        """members: (name, bytes), or a TarInfo for anything else"""
        path = tmp_path / name
        with tarfile.open(path, "w:gz") as file:
            for member in members:
                if isinstance(member, tarfile.TarInfo):
                    file.addfile(member)
                else:
                    info = tarfile.TarInfo(member[0])
                    info.size = len(member[1])
                    file.addfile(info, io.BytesIO(member[1]))
        return path

    return pack


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def refused(path, folder, reason):
    with pytest.raises(FormatError, match=reason) as error:
        extract_dat(path, folder)
    assert path.name in str(error.value)
    assert list(folder.rglob("*")) == []


def test_the_dat_file_of_a_station_comes_out_byte_for_byte(archive, tmp_path):
    (found,) = extract_dat(archive((NAME, LINES)), tmp_path / "out")
    assert found == tmp_path / "out" / NAME
    assert found.read_bytes() == LINES


def test_several_files_come_out_flat_and_others_stay_inside(archive, tmp_path):
    path = archive(
        special("./media/disk/asci", tarfile.DIRTYPE),
        ("./media/disk/asci/b.dat", b"b"),
        ("README.txt", b"x"),
        ("asci/._b.dat", b"what another system adds"),
        ("a.dat", b""),
        ("c.hld", b"c"),
    )
    assert [p.name for p in extract_dat(path, tmp_path / "out")] == ["b.dat", "a.dat"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.dat", "b.dat"]
    assert [p.name for p in extract_hld(path, tmp_path / "hld")] == ["c.hld"]


@pytest.mark.parametrize(
    "name", ["../up.dat", "a/../../up.dat", "/etc/cron.d/x.dat", "..\\up.dat", "line\nbreak.dat", "a/.."]
)
def test_a_member_that_would_leave_the_folder_spoils_the_archive(archive, tmp_path, name):
    refused(archive((NAME, LINES), (name, b"x")), tmp_path / "out", "would leave the folder")
    assert not (tmp_path / "up.dat").exists()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_spoil_the_archive(archive, tmp_path, kind):
    refused(
        archive((NAME, LINES), special("x.dat", kind, "/etc/passwd")), tmp_path / "out", "link or a device"
    )


def test_a_name_that_is_there_already_is_not_written_through(archive, tmp_path):
    """A link in the target folder would lead elsewhere."""
    out = tmp_path / "out"
    out.mkdir()
    (out / NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        extract_dat(archive((NAME, LINES)), out)
    assert not (tmp_path / "elsewhere").exists()


def test_one_name_twice_is_refused(archive, tmp_path):
    refused(archive(("a/x.dat", b"1"), ("b/x.dat", b"2")), tmp_path / "out", r"holds x\.dat twice")


def test_an_archive_without_raw_files_says_so(archive, tmp_path):
    refused(archive(("README.txt", b"x")), tmp_path / "out", r"holds no \.dat file")


def test_what_would_fill_the_disk_is_refused_before_it_is_written(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_BYTES", 2 * len(LINES))
    assert extract_dat(archive((NAME, LINES), ("b.dat", LINES)), tmp_path / "fits")
    refused(archive((NAME, LINES), ("b.dat", LINES), ("c.txt", b"x")), tmp_path / "out", "makes it larger")
    monkeypatch.setattr(archives, "MOST_MEMBERS", 2)
    refused(archive(("a.dat", b""), ("b.dat", b""), ("c", b"")), tmp_path / "out", "or 2 members")


def test_a_header_that_would_fill_the_memory_is_refused(tmp_path):
    """tarfile reads an extended header at once, however long it claims to be."""
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 30 * 2**20
    path = tmp_path / "bomb.dat.tar.gz"
    with gzip.open(path, "wb") as file:
        file.write(header.tobuf() + bytes(header.size))
    refused(path, tmp_path / "out", "header of 31457280 bytes")


def test_a_cut_archive_leaves_nothing_behind(archive, tmp_path):
    whole = archive((NAME, os.urandom(100_000))).read_bytes()
    cut = tmp_path / "cut.dat.tar.gz"
    for n_bytes in (0, 5, 20, 50_000, len(whole) - 9, len(whole) - 1):
        cut.write_bytes(whole[:n_bytes])
        refused(cut, tmp_path / "out", "is damaged")


def test_a_flipped_bit_anywhere_is_noticed(archive, tmp_path):
    """Also where tarfile alone would take a damaged header for the end of the archive."""
    whole = bytearray(archive(("a.dat", os.urandom(3000)), ("b.dat", LINES)).read_bytes())
    path = tmp_path / "flipped.dat.tar.gz"
    for position in range(40, len(whole), 97):  # before that is gzip's header, with a name and a time
        flipped = whole.copy()
        flipped[position] ^= 0x10
        path.write_bytes(flipped)
        refused(path, tmp_path / "out", None)


def test_a_damaged_header_behind_the_first_file_is_no_end(tmp_path):
    path = tmp_path / "a.dat.tar.gz"
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as file:
        for name in ("a.dat", "b.dat"):
            info = tarfile.TarInfo(name)
            info.size = 10
            file.addfile(info, io.BytesIO(bytes(10)))
    content = bytearray(raw.getvalue())
    content[1024 + 148 : 1024 + 156] = b"99999999"  # the checksum of the second header
    path.write_bytes(gzip.compress(content))
    refused(path, tmp_path / "out", "something else follows")


@pytest.mark.parametrize("content", [b"", b"no archive at all", gzip.compress(b"no tar"), gzip.compress(b"")])
def test_what_is_no_archive_says_so(tmp_path, content):
    path = tmp_path / "x.dat.tar.gz"
    path.write_bytes(content)
    refused(path, tmp_path / "out", "is damaged|holds no")
