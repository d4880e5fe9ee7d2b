"""Names of a station's files."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from skyledger.errors import FormatError
from skyledger.minitrasgo.names import KINDS, file_name, parse_name, twin


@pytest.mark.parametrize(
    ("name", "number", "start", "kind"),
    [
        ("mi0125069000517", 1, "2025-03-10T00:05:17", ""),
        ("mi0125069000517.dat", 1, "2025-03-10T00:05:17", "dat"),
        ("mi0224366235959.hld", 2, "2024-12-31T23:59:59", "hld"),
        ("minI23202060708.hld-tar-gz", 1, "2023-07-21T06:07:08", "hld-tar-gz"),
        ("mi0000001000000.dat.tar.gz", 0, "2000-01-01T00:00:00", "dat.tar.gz"),
        ("mi0425365235959.hld.tar.gz", 4, "2025-12-31T23:59:59", "hld.tar.gz"),
    ],
)
def test_vectors_19_and_20_a_name_tells_station_start_and_kind(name, number, start, kind):
    found = parse_name(name)
    assert found.station_number == number
    assert found.start == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert found.kind == kind
    assert found.basename == name.split(".")[0].lower()


def test_vector_19_gap_between_two_files():
    gap = parse_name("mi0125069010003").start - parse_name("mi0125069000517").start
    assert gap == timedelta(seconds=3286)  # 54.767 min


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("mi0125366120000.dat", "2025 has no day 366"),
        ("mi0125000120000.dat", "2025 has no day 0"),
        ("mi0125367120000.dat", "no day 367"),
        ("mi0125069240000.dat", "no time of day"),
        ("mi0125069006000.dat", "no time of day"),
        ("mi0125069000060.dat", "no time of day"),
        ("mi0125069000517.txt", "unknown kind 'txt'"),
        ("mi0125069000517.dat.part", "unknown kind"),
        ("mi0125069000517.", "no file of a station"),
        ("mi012506900051.dat", "no file of a station"),
        ("mi01250690005170.dat", "no file of a station"),
        ("mi1125069000517.dat", "no file of a station"),
        ("mi0125069000517.dat\n", "no file of a station"),
        ("mi01250690005\u0661\u0667.dat", "no file of a station"),
        ("../mi0125069000517.dat", "no file of a station"),
        ("merged-250310.txt", "no file of a station"),
    ],
)
def test_vector_20_what_is_no_name_is_refused_with_the_reason(name, complaint):
    with pytest.raises(FormatError, match=complaint):
        parse_name(name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_made_of_its_parts_reads_back(kind):
    start = datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC)
    found = parse_name(file_name(3, start, kind))
    assert found == ("mi0324366235959", 3, start, kind)


def test_weakness_25_a_start_in_local_time_is_named_in_utc():
    madrid = timezone(timedelta(hours=2))
    assert file_name(1, datetime(2025, 7, 1, 1, 0, tzinfo=madrid)) == "mi0125181230000.dat"


@pytest.mark.parametrize(
    ("second", "beside"), [("29", "30"), ("30", "29"), ("17", "18"), ("59", "58"), ("00", "01")]
)
def test_vector_18_weakness_20_the_second_copy_of_the_unpacker_is_one_second_beside(second, beside):
    assert twin(f"mi01250690005{second}") == f"mi01250690005{beside}"
