"""A simulated cloud whose time the test advances, and real clients of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import v3
from novaclient import client as nova_client

from masakari_lite_simulator import ManualClock, Simulator, SimulatorOptions

MICROVERSION = "2.94"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def simulator(clock: ManualClock) -> Iterator[Simulator]:
    options = SimulatorOptions(evacuation_latency=10.0, action_latency=1.0, service_down_time=60.0, seed=1)
    with Simulator(options, clock) as running:
        for number in (1, 2, 3):
            running.cloud.add_host(f"compute-{number}")
        yield running


@pytest.fixture
def session(simulator: Simulator) -> Iterator[Callable[..., ks_session.Session]]:
    """Make a session of a user: session("alice")."""
    made: list[ks_session.Session] = []

    def make(user: str = "masakari", password: str | None = None) -> ks_session.Session:
        auth = v3.Password(
            auth_url=simulator.auth_url,
            username=user,
            password=password or user,
            project_name=simulator.cloud.identity.users[user].project.name,
            user_domain_name="Default",
            project_domain_name="Default",
        )
        made.append(ks_session.Session(auth=auth))
        return made[-1]

    yield make
    for one in made:
        one.session.close()


@pytest.fixture
def nova(session: Callable[..., ks_session.Session]) -> Callable[..., Any]:
    """Make a novaclient of a user: nova("alice", "2.94")."""

    def make(user: str = "masakari", version: str = MICROVERSION) -> Any:
        return nova_client.Client(version, session=session(user), region_name="RegionOne")

    return make


@pytest.fixture
def admin(nova: Callable[..., Any]) -> Any:
    return nova()


@pytest.fixture
def alice(nova: Callable[..., Any]) -> Any:
    return nova("alice")


@pytest.fixture
def down(simulator: Simulator) -> Callable[[str], None]:
    """Fail a host, with its service down in Nova."""

    def fail(host: str = "compute-1") -> None:
        simulator.cloud.fail_host(host)
        simulator.cloud.force_down(host)

    return fail
