"""Every form that a compute endpoint, or Keystone's URL, has in the field."""

from collections.abc import Callable, Iterator

import pytest

from masakari_lite import exceptions
from masakari_lite.compute.nova import NovaAPI
from masakari_lite_simulator import Fault, Simulator, SimulatorOptions
from masakari_lite_simulator.http import Response
from tests.harness.monitor import HOST
from tests.harness.site import build_conf

FORMS = (
    "{nova}",
    "{nova}/",
    "{nova}/v2.1",
    "{nova}/v2.1/",
    "{nova}/v2.1/{{project_id}}",
    "{nova}/v2.1/{{project_id}}/",
    "{nova}/v2",
    "{nova}/v2/",
    "{nova}/v2/{{project_id}}",
    "{nova}/v2.0/",
)
ADDRESSES = ("127.0.0.1", "::1")


@pytest.fixture(params=ADDRESSES)
def simulator(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    options = SimulatorOptions(service_down_time=0.0)
    with Simulator(options, host=request.param) as running:
        running.cloud.add_host(HOST)
        yield running


@pytest.fixture
def connect(simulator: Simulator, tmp_path) -> Iterator[Callable[..., NovaAPI]]:
    """Make a NovaAPI: connect(auth_url, nova__endpoint_override=...)."""
    made: list[NovaAPI] = []

    def make(auth_url: str | None = None, **changes: object) -> NovaAPI:
        conf = build_conf(simulator, tmp_path, auth_url=auth_url, nova__retry_period=0, **changes)
        made.append(NovaAPI(conf))
        return made[-1]

    yield make
    for one in made:
        one.client._session.session.close()


def use(simulator: Simulator, nova: NovaAPI) -> None:
    """Do what a recovery does, and more."""
    server = simulator.cloud.add_server(HOST)
    assert nova.check() == "2.94"
    assert [found.uuid for found in nova.host_servers.list_all(HOST)] == [server.uuid]
    simulator.cloud.fail_host(HOST)
    simulator.cloud.add_host("compute-2")
    nova.servers.lock(server.uuid, "ours")
    nova.servers.evacuate(server.uuid)
    assert nova.migrations.list_evacuations(HOST)
    nova.servers.unlock(server.uuid)
    assert nova.servers.get(server.uuid).locked is False


@pytest.mark.parametrize("mount", ["a path", "a port"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_in_the_catalog(
    simulator: Simulator, connect: Callable[..., NovaAPI], form: str, mount: str
) -> None:
    nova = simulator.open_port("/compute") if mount == "a port" else "{base}/compute"
    simulator.options.compute_endpoint = form.format(nova=nova)
    use(simulator, connect())
    assert simulator.requests.count("version.show") <= 3, "Keystone's, and one or two of Nova's"


@pytest.mark.parametrize("form", [form for form in FORMS if "project_id" not in form])
def test_every_form_of_endpoint_override(
    simulator: Simulator, connect: Callable[..., NovaAPI], form: str
) -> None:
    simulator.options.compute_endpoint = "http://127.0.0.1:9/nobody"
    use(simulator, connect(nova__endpoint_override=form.format(nova=f"{simulator.url}/compute")))


@pytest.mark.parametrize("form", ["", "/", "/v3", "/v3/"])
@pytest.mark.parametrize("mount", ["a path", "a port"])
def test_every_form_of_auth_url(
    simulator: Simulator, connect: Callable[..., NovaAPI], form: str, mount: str
) -> None:
    keystone = simulator.open_port("/identity") if mount == "a port" else f"{simulator.url}/identity"
    use(simulator, connect(keystone + form))


def test_a_proxy_that_shows_the_version_alone(connect: Callable[..., NovaAPI], gateway) -> None:
    version = {"version": {"id": "v2.1", "version": "2.90", "min_version": "2.1"}}
    gateway.answers[:] = [Response(404, "no such page"), Response(200, version)]
    nova = connect(nova__endpoint_override=gateway.url.removesuffix("/v2.1") + "/cloud/nova")
    assert nova.client.negotiate() == "2.90"
    assert [request.path for request in gateway.requests] == ["/cloud/nova/v2.1/", "/cloud/nova"]


def test_what_is_not_novas_is_named(simulator: Simulator, connect: Callable[..., NovaAPI]) -> None:
    override = f"{simulator.url}/identity"
    with pytest.raises(exceptions.NovaError) as caught:
        connect(nova__endpoint_override=override).client.negotiate()
    said = str(caught.value)
    assert (
        f"the compute endpoint {override} is not Nova's: GET {override}/v2.1/ was answered by HTTP 404"
        in said
    )
    assert "endpoint_override" in said
    assert not isinstance(caught.value, exceptions.Retriable)


def test_a_page_in_front_of_nova_may_go_away(connect: Callable[..., NovaAPI], gateway) -> None:
    gateway.answers[:] = [Response(200, "<html>back soon</html>")]
    with pytest.raises(exceptions.NovaUnanswered, match=f"the compute endpoint {gateway.url} is not Nova's"):
        connect(nova__endpoint_override=gateway.url).client.negotiate()


def test_a_nova_that_is_away_is_no_wrong_endpoint(
    simulator: Simulator, connect: Callable[..., NovaAPI]
) -> None:
    nova = connect()
    nova.client._session.get_token()
    fault = simulator.faults.add("version.show", Fault(status=503))
    with pytest.raises(exceptions.NovaUnanswered, match="503"):
        nova.client.negotiate()
    simulator.faults.remove(fault)
    assert nova.client.negotiate() == "2.94"
