"""Entries of the data centre's list: all that is read of them is checked."""

from datetime import UTC, datetime

import pytest

from skyledger.errors import FormatError
from skyledger.iagos.flight import Stop
from skyledger.iagos.transfer.entries import cursor_at, entry_of

ITEM = {  # the reference's example
    "file_id": "f-000918",
    "revision": 1,
    "instrument_type": "P1",
    "flight_id": "2024030512345602",
    "level": "L0A",
    "name": "IAGOS_P1_2024030512345602_L0A_r1.csv.gz",
    "size": 183204,
    "sha256": "0" * 64,
    "media_type": "application/gzip",
    "aircraft": "02",
    "departure": {"airport": "FRA", "time": "2024-03-05T12:34:56Z"},
    "arrival": {"airport": "JFK", "time": "2024-03-05T20:41:10Z"},
    "available_since": "2024-03-05T21:05:00Z",
    "supersedes": None,
}


def test_an_entry_is_read_with_its_times_in_utc():
    entry = entry_of(ITEM | {"arrival": {"airport": "JFK", "time": "2024-03-05T15:41:10-05:00"}})
    assert (entry.file_id, entry.source_revision, entry.bytes) == ("f-000918", 1, 183204)
    assert entry.departure == Stop("FRA", datetime(2024, 3, 5, 12, 34, 56, tzinfo=UTC))
    assert entry.arrival == Stop("JFK", datetime(2024, 3, 5, 20, 41, 10, tzinfo=UTC))
    assert entry.available_since == datetime(2024, 3, 5, 21, 5, tzinfo=UTC)


def test_airports_may_be_unknown():
    assert entry_of({**ITEM, "departure": None}).departure is None
    assert entry_of({name: value for name, value in ITEM.items() if name != "arrival"}).arrival is None


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"file_id": 918}, "918 is not as agreed; expected str"),
        ({"revision": "1"}, "expected int"),
        ({"revision": True}, "True is not as agreed"),
        ({"size": None}, "expected int"),
        ({"sha256": None}, "expected str"),
        ({"sha256": "A" * 64}, "lower case"),
        ({"available_since": "yesterday"}, "yesterday"),
        ({"available_since": "2024-03-05T21:05:00"}, "with Z or an offset"),
        ({"departure": {"airport": "a" * 50, "time": "2024-03-05T12:34:56Z"}}, "IATA"),
        ({"departure": "FRA"}, "f-000918"),
        ({"name": "../../x"}, "file name"),
    ],
)
def test_an_entry_that_is_not_as_agreed_is_refused_and_says_why(changed, expected):
    with pytest.raises(FormatError, match=expected):
        entry_of(ITEM | changed)


def test_an_entry_that_lacks_something_says_what():
    with pytest.raises(FormatError, match="'f-000918' has no 'sha256'"):
        entry_of({name: value for name, value in ITEM.items() if name != "sha256"})


def test_a_place_in_the_list_is_written_as_the_data_centre_does():
    moment = datetime(2024, 3, 5, 21, 5, tzinfo=UTC)
    assert cursor_at(moment, "f-000918") == "MjAyNC0wMy0wNVQyMTowNTowMFp8Zi0wMDA5MTg"
