"""Whatever goes wrong on the way to Nova becomes one of our errors, which says what to do."""

import operator

import pytest
from keystoneauth1 import exceptions as ks_exceptions

from masakari_lite import exceptions
from masakari_lite.compute import errors
from masakari_lite_simulator import Clock, Fault, Simulator, SimulatorOptions
from masakari_lite_simulator.http import Response
from tests.harness.monitor import HOST

BY_STATUS = {
    400: exceptions.NovaBadRequest,
    403: exceptions.NovaNotSupported,
    404: exceptions.NovaError,
    406: exceptions.NovaError,
    409: exceptions.NovaConflict,
    413: exceptions.NovaError,
    429: exceptions.NovaUnavailable,
    500: exceptions.NovaUnanswered,
    502: exceptions.NovaUnanswered,
    503: exceptions.NovaUnanswered,
    504: exceptions.NovaUnanswered,
}


class TestAnswers:
    @pytest.mark.parametrize(("status", "kind"), BY_STATUS.items())
    def test_each_status(self, simulator, impatient, server, status, kind):
        simulator.faults.add("server.reset_state", Fault(status=status, message="So it is."))
        with pytest.raises(exceptions.NovaError) as told:
            impatient.servers.reset_state(server.uuid, "error")
        assert type(told.value) is kind
        assert told.match(rf"^reset the state of instance {server.uuid}: HTTP {status} So it is\..*\(req-")
        assert told.value.__cause__ is not None

    @pytest.mark.parametrize(
        ("status", "message", "kind"),
        [
            (409, "Cannot 'evacuate' instance x while it is in vm_state paused", exceptions.NovaWrongState),
            (409, "Cannot 'evacuate' instance x while it is in task_state None", exceptions.NovaWrongState),
            (409, "Operation 'evacuate' not supported for vTPM-enabled instance", exceptions.NovaConflict),
            (403, "Policy doesn't allow os_compute_api:x to be performed.", exceptions.NovaForbidden),
        ],
    )
    def test_what_nova_means_by_it(self, simulator, impatient, server, status, message, kind):
        simulator.faults.add("server.reset_state", Fault(status=status, message=message))
        with pytest.raises(exceptions.NovaError) as told:
            impatient.servers.reset_state(server.uuid, "error")
        assert type(told.value) is kind
        assert message in str(told.value)

    def test_a_token_that_nova_refuses_again_and_again(self, simulator, impatient, server):
        simulator.faults.add("server.show", Fault(status=401))
        with pytest.raises(exceptions.NovaError, match=r"HTTP 401.*check the credentials in \[nova\]"):
            impatient.servers.get(server.uuid)

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_a_gateways_504_does_not_say_that_nova_is_done(self, simulator, impatient, server, status):
        simulator.faults.add("server.show", Fault(status=status))
        with pytest.raises(exceptions.NovaUnanswered) as told:
            impatient.servers.get(server.uuid)
        assert told.value.is_over == (status in (500, 503))

    @pytest.mark.parametrize(("retry_after", "seconds"), [(None, 0), (7, 7)])
    def test_when_to_come_again(self, simulator, impatient, server, retry_after, seconds):
        simulator.faults.add("server.show", Fault(status=429, retry_after=retry_after))
        with pytest.raises(exceptions.NovaUnavailable) as told:
            impatient.servers.get(server.uuid)
        assert told.value.retry_after == seconds


class TestLostConnections:
    @pytest.mark.parametrize(
        "fault", [Fault(drop_before=True), Fault(drop_after=True)], ids=["before", "after"]
    )
    def test_nobody_knows(self, simulator, impatient, server, fault):
        impatient.client.negotiate()
        simulator.faults.add("server.lock", fault)
        with pytest.raises(exceptions.NovaUnanswered, match=f"^lock instance {server.uuid}") as told:
            impatient.servers.lock(server.uuid, "ours")
        assert not told.value.is_over

    def test_refused_is_surely_not_done(self, simulator, impatient, server):
        impatient.client.negotiate()
        simulator.stop()
        with pytest.raises(exceptions.NovaUnavailable, match=f"^lock instance {server.uuid}"):
            impatient.servers.lock(server.uuid, "ours")

    @pytest.mark.parametrize("call", ["evacuate", "get"])
    def test_no_answer_in_time(self, connect, call):
        with Simulator(SimulatorOptions(), Clock()) as slow:
            server = slow.cloud.add_server(slow.cloud.add_host(HOST).name)
            nova = connect(nova__timeout=1, nova__retry_period=0, nova__auth_url=slow.auth_url)
            nova.client.negotiate()
            slow.faults.add("server.*", Fault(delay=30))
            with pytest.raises(exceptions.NovaUnanswered, match="timed out") as told:
                getattr(nova.servers, call)(server.uuid)
            assert not told.value.is_over

    @pytest.mark.parametrize("kind", [ks_exceptions.ConnectTimeout, ks_exceptions.ConnectFailure])
    def test_a_silent_keystone_is_told_from_a_silent_nova(self, kind):
        silent = kind("Request to http://keystone/v3/auth/tokens timed out")
        said = pytest.raises(exceptions.NovaUnavailable, match="check that Keystone answers at auth_url")
        with said, errors.translated("show instance x"):
            raise silent


class TestGateways:
    """What stands in front of Nova answers in its own words."""

    @pytest.fixture
    def behind(self, connect, gateway):
        """A NovaAPI whose Nova is behind the gateway."""
        version = {"version": {"id": "v2.1", "status": "CURRENT", "version": "2.90", "min_version": "2.1"}}
        gateway.answers.append(Response(200, version))
        nova = connect(nova__retry_period=0, nova__endpoint_override=gateway.url)
        assert nova.client.negotiate() == "2.90"
        return nova

    @pytest.mark.parametrize(
        "body", ["<html>Bad Gateway</html>", "", "{}", "null", '["bad"]', '{"message": "bad"}', "true"]
    )
    def test_a_502_of_any_form(self, gateway, behind, body):
        gateway.answers[:] = [Response(502, body)]
        with pytest.raises(exceptions.NovaUnanswered, match="HTTP 502"):
            behind.servers.get("x")

    @pytest.mark.parametrize("status", [429, 502])
    @pytest.mark.parametrize("body", ['{"error": "rate limit exceeded"}', '{"status": 502, "text": "bad"}'])
    def test_json_that_is_not_novas(self, gateway, behind, status, body):
        gateway.answers[:] = [Response(status, body)]
        with pytest.raises(exceptions.NovaError):
            behind.servers.get("x")

    # else a second evacuation would be sent while the first may still be accepted
    def test_its_504_in_json_does_not_say_that_nova_is_done(self, gateway, behind):
        gateway.answers[:] = [Response(504, '{"error": "gateway timeout"}')]
        with pytest.raises(exceptions.NovaUnanswered) as told:
            behind.servers.evacuate("x")
        assert not told.value.is_over

    @pytest.mark.parametrize("call", ["evacuate", "get"])
    def test_an_answer_that_breaks_off(self, gateway, behind, call):
        gateway.answers[:] = [Response(200, '{"server": \r\n', {"Transfer-Encoding": "chunked"})]
        with pytest.raises(exceptions.NovaUnanswered) as told:
            getattr(behind.servers, call)("x")
        assert not told.value.is_over

    # else every instance of the host would be taken for deleted, and its lock be left
    def test_a_404_that_is_not_novas_does_not_say_that_an_instance_is_gone(self, gateway, behind):
        gateway.answers[:] = [Response(404, "default backend - 404", {"Content-Type": "text/plain"})]
        with pytest.raises(exceptions.NovaError) as told:
            behind.servers.get("x")
        assert not isinstance(told.value, exceptions.InstanceNotFound)

    @pytest.mark.parametrize("body", ["<html>Maintenance</html>", "", "{}"])
    @pytest.mark.parametrize("call", ["services.get", "host_servers.list_all", "servers.get"])
    def test_an_answer_that_is_not_novas(self, gateway, behind, body, call):
        gateway.answers[:] = [Response(200, body)]
        with pytest.raises(exceptions.NovaError):
            operator.attrgetter(call)(behind)(HOST)


class TestKeystone:
    def test_a_wrong_password(self, connect):
        with pytest.raises(exceptions.NovaForbidden, match=r"401.*check the credentials in \[nova\]"):
            connect(nova__password="wrong").client.negotiate()

    def test_a_user_without_the_role(self, simulator, connect):
        nova = connect(nova__username="bob", nova__password="bob")
        with pytest.raises(
            exceptions.NovaForbidden, match=r"403.*os-services:list.*the admin role, or this policy"
        ):
            nova.services.get(HOST)

    def test_no_such_region(self, connect):
        with pytest.raises(exceptions.NovaError, match=r"region_name.*\[nova\]"):
            connect(nova__region_name="Atlantis").services.get(HOST)

    def test_no_such_service(self, connect):
        with pytest.raises(exceptions.NovaError, match="computing"):
            connect(nova__service_type="computing").services.get(HOST)

    def test_down(self, simulator, connect):
        nova = connect(nova__retry_period=0)
        simulator.stop()
        with pytest.raises(exceptions.NovaError, match=r"auth_url|Unable to establish connection") as told:
            nova.client.negotiate()
        assert isinstance(told.value, exceptions.NovaUnavailable)
        assert "Max retries exceeded" not in str(told.value), "urllib3's words are of no use to an operator"

    def test_a_wrong_certificate(self):
        def discover():
            try:
                raise ks_exceptions.SSLError("certificate verify failed")
            except ks_exceptions.SSLError:
                raise ks_exceptions.DiscoveryFailure("Could not find versions")  # noqa: B904

        with pytest.raises(exceptions.NovaError, match="cafile") as told, errors.translated("ask"):
            discover()
        assert not isinstance(told.value, exceptions.Retriable)

    def test_down_when_the_token_is_to_be_renewed(self, simulator, impatient, server):
        impatient.servers.get(server.uuid)
        simulator.revoke_tokens()
        simulator.faults.add("token.create", Fault(status=503))
        with pytest.raises(exceptions.NovaUnavailable, match="Keystone answered HTTP 503"):
            impatient.servers.get(server.uuid)

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_busy(self, simulator, impatient, status):
        simulator.faults.add("token.create", Fault(status=status))
        with pytest.raises(exceptions.NovaUnavailable, match=f"Keystone answered HTTP {status}"):
            impatient.client.negotiate()
