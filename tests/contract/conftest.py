"""One cloud for all tests of Nova's behaviour: the simulator, or a real one with MASAKARI_LITE_CLOUD=real."""

import concurrent.futures
import contextlib
import os
from collections.abc import Callable, Iterator

import pytest

from tests.cloud import clouds
from tests.contract.client import Answer, Client
from tests.contract.real import RealSite
from tests.contract.simulated import SimulatedSite
from tests.contract.site import Site

SITES: dict[str, Callable[[], Site]] = {"simulator": SimulatedSite, "real": RealSite}

Take = Callable[..., str]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/contract" in item.path.as_posix():
            # the first of them waits until all servers are made
            item.add_marker(pytest.mark.timeout(600))


def pytest_sessionfinish() -> None:
    """Leave the cloud, if there was a real one."""
    clouds.leave()


@pytest.fixture(scope="package", params=[os.environ.get("MASAKARI_LITE_CLOUD") or "simulator"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with contextlib.closing(SITES[request.param]()) as site:
        yield site


@pytest.fixture(scope="package")
def masakari(site: Site) -> Client:
    """The engine's user: an admin of another project than the servers'."""
    return site.client("masakari")


@pytest.fixture(scope="package")
def admin(site: Site) -> Client:
    """Another admin, of a third project."""
    return site.client("admin")


@pytest.fixture(scope="package")
def owner(site: Site) -> Client:
    """Whose servers these are: a normal user."""
    return site.client("owner")


@pytest.fixture(scope="package")
def alive(site: Site) -> Take:
    """Take an unused server on a host that is up."""
    return lambda state="active": site.take(site.living, state)


@pytest.fixture(scope="package")
def owners_admin(site: Site) -> Client:
    """An admin whose token is for the owner's project."""
    return site.client("owners_admin")


@pytest.fixture(scope="package")
def disabling(site: Site, masakari: Client) -> Iterator[concurrent.futures.Future[Answer]]:
    """Let the failing host die, and disable it while it looks up; the answer comes when it comes."""
    site.kill(site.failing)
    patient = Client(site.auth_url, site.accounts["masakari"])
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        answer = thread.submit(patient.update_service, site.failing, status="disabled")
        site.until(lambda: masakari.service(site.failing)["status"] == "disabled", "it to be disabled")
        yield answer
    patient.close()


@pytest.fixture(scope="package")
def death(site: Site, masakari: Client, disabling: object) -> Answer:
    """Force the dead host down and disable it in one request; this is Nova's answer to it."""
    return masakari.update_service(
        site.failing, forced_down=True, status="disabled", disabled_reason="r" * 255
    )


@pytest.fixture(scope="package")
def dead(site: Site, death: Answer) -> Take:
    """Take an unused server on the host that is dead and forced down."""
    assert death.status == 200
    return lambda state="active": site.take(site.failing, state)


@pytest.fixture
def full(site: Site, masakari: Client) -> Iterator[Callable[[], None]]:
    """Close all hosts but the dead one to new servers; call it to open them again."""
    others = [host for host in site.hosts if host != site.failing]
    closed = [host for host in others if masakari.service(host)["status"] == "enabled"]

    def set_all(status: str) -> None:
        for host in closed:
            answer = masakari.update_service(host, status=status)
            assert answer.status == 200, answer.text

    def reopen() -> None:
        set_all("enabled")
        closed.clear()

    set_all("disabled")
    yield reopen
    reopen()
