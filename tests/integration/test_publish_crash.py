"""A publication that is killed at any moment: the next run sends what is missing, and nothing twice."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sandbox.geostreams import Fault, GeostreamsReceiver, Request
from skyledger.weather.publish import PublishSummary
from skyledger.weather.variables import AIR_TEMPERATURE
from tests.support.publishing import STREAM, Child, Publishing, publishing_on
from tests.support.runs import until_enough
from tests.support.weather import day_of_bins, station

pytestmark = pytest.mark.integration

KILLS = 6  # of each kind
SEED = 21
OLD = day_of_bins()
CHANGED = np.arange(288) % 24 == 0
TEMPERATURE = OLD.variables[AIR_TEMPERATURE]
NEW = replace(
    OLD,
    variables=OLD.variables
    | {AIR_TEMPERATURE: replace(TEMPERATURE, value=TEMPERATURE.value + 1.0 * CHANGED)},
)
MAC = station().model_copy(update={"geostreams": station().geostreams.model_copy(update={"batch_size": 60})})


@pytest.fixture(scope="module")
def mac(mariadb) -> Iterator[Publishing]:
    """A receiver without a unique index: whatever is sent twice is there twice."""
    name = "weather_publish_crash"
    database = mariadb.create_database(name, name, conn_id="weather_db")
    with publishing_on(database, GeostreamsReceiver(unique=False)) as publishing:
        yield publishing
    mariadb.drop_database(name, name)


def begin_anew(mac: Publishing, *, published: bool) -> None:
    """Empty tables and server, or the old bins published and changed since."""
    mac.wipe()
    if published:
        mac.store(MAC, OLD)
        mac.publish(MAC, run_id="old")
        mac.receiver.posts.clear()
        mac.receiver.requests.clear()
    mac.store(MAC, NEW)


def contents(mac: Publishing) -> list[tuple[str, dict[str, Any]]]:
    return [(point["start_time"], point["properties"]) for point in mac.receiver.points(STREAM)]


def passed_on(request: Request) -> None:
    request.answer(*request.carry_out())


def killing(child: Child, killed: threading.Event, *, carried_out: bool) -> Fault:
    """Kill the child while it waits for the answer to a request that was carried out, or that was not."""

    def fault(request: Request) -> None:
        if carried_out:
            request.carry_out()
        child.kill()
        killed.set()
        request.hang_up()

    return fault


def wrong(mac: Publishing) -> int:
    """Points that are missing or still have the old value."""
    right = set(NEW.variables[AIR_TEMPERATURE].value.tolist())
    return 288 - sum(properties[AIR_TEMPERATURE] in right for _, properties in contents(mac))


@pytest.mark.slow
@pytest.mark.parametrize("published", [False, True], ids=["first publication", "changed bins"])
def test_publication_killed_around_any_request_is_completed_by_the_next(mac, published):
    """Weakness 3: the original began again after a crash, and doubled what it had sent."""
    begin_anew(mac, published=published)
    whole = mac.publish(MAC)
    assert (whole.posted, whole.deleted) == ((12, 12) if published else (288, 0))
    finished, total = contents(mac), sum(mac.receiver.requests.values())
    assert total > 15
    rng = random.Random(SEED + published)
    places = rng.sample(range(total), total)
    seen: Counter[str] = Counter()
    for n, _ in until_enough(seen, KILLS, halfway=2):
        place = places[n % total]
        begin_anew(mac, published=published)
        child = Child(mac, MAC, run_id="killed")
        killed = threading.Event()
        carried_out = bool(rng.getrandbits(1))
        mac.receiver.spoil(*[passed_on] * place, killing(child, killed, carried_out=carried_out), on="any")
        child.begin()
        assert killed.wait(30), f"the child did not come to request {place}"
        missing = wrong(mac)
        seen["halfway"] += 0 < missing < (12 if published else 288)
        assert mac.ledger()[0] == "running"
        sent_before = sum(mac.receiver.posts)
        resumed: PublishSummary = mac.publish(MAC, run_id="resumed")
        assert (resumed.reason, resumed.posted) == ("interrupted", missing), f"killed at request {place}"
        assert sum(mac.receiver.posts) - sent_before == missing
        assert contents(mac) == finished
        assert mac.ledger()[:2] == ("stored", 288)
        assert mac.query("SELECT state FROM run_record WHERE run_id <> 'old' ORDER BY attempt") == [
            ("interrupted",),
            ("stored",),
        ]


def test_the_lock_of_a_killed_publication_is_free_at_once(mac):
    begin_anew(mac, published=False)
    child, killed = Child(mac, MAC, run_id="killed"), threading.Event()
    mac.receiver.spoil(killing(child, killed, carried_out=True))
    child.begin()
    assert killed.wait(30)
    assert mac.publish(MAC).points == 288
