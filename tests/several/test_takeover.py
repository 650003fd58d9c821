"""When an engine dies, another goes on within twice the lease, without an operator."""

import pytest

from tests.harness.forks import Zygote
from tests.several import takeover
from tests.several.servers import Servers
from tests.several.stage import LEASE


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(3))
def test_another_goes_on_within_two_leases(servers: Servers, zygote: Zygote, seed: int) -> None:
    assert takeover.measure(servers, zygote, LEASE, seed) <= 2 * LEASE
