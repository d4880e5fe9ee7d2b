"""What the tests of spoilt loads share: each module brings its own `network`."""

import pytest

from tests.support.loads import Contents, Load, undisturbed


@pytest.fixture(scope="module")
def whole(mariadb, network: Load) -> Contents:
    """What must be there in the end: the result of a load that nobody disturbs."""
    return undisturbed(mariadb, network)


@pytest.fixture
def load(network: Load) -> Load:
    """The network with nothing loaded yet."""
    network.wipe()
    return network
