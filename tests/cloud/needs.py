"""What a scenario needs of a cloud beyond its API, which not every cloud can give.

A test says it by ``@pytest.mark.needs(...)``; on a cloud that can't, it is skipped with the reason.
"""

KILL = "kill"
"""To kill a host's nova-compute and to start it again."""

LOG = "log"
"""To read which requests Nova was sent."""

SIZES = "sizes"
"""Flavors of which three fill a host."""

CONDUCTOR = "conductor"
"""To hold nova-conductor."""

DEVCLOUD = "devcloud"
"""To be the one that tools/devcloud brings up."""
