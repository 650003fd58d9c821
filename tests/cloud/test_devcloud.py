"""The cloud of tools/devcloud may be brought up again and again."""

import os

import pytest

from tests.cloud import clouds, needs
from tests.cloud.clouds import AnyCloud


@pytest.mark.needs(needs.DEVCLOUD)
def test_to_bring_it_up_again_changes_nothing(cloud: AnyCloud) -> None:
    supervisor = cloud.services.supervisor
    running = {name: supervisor.pid(name) for name in supervisor.names()}
    servers = cloud.servers()
    again = clouds.bring_up(os.environ)
    assert {name: supervisor.pid(name) for name in supervisor.names()} == running
    assert again.servers() == servers
    assert all(running.values())
