"""Compute services: up, down, disabled, forced down, restarted."""

import pytest
from novaclient import exceptions

HOST = "compute-1"


@pytest.fixture
def service(admin):
    def look():
        return admin.services.list(host=HOST, binary="nova-compute")[0]

    return look


def test_forcing_down_has_effect_at_once(admin, service):
    admin.services.force_down(service().id, True)
    assert (service().state, service().forced_down) == ("down", True)


def test_disabling_carries_a_reason_and_enabling_drops_it(admin, service):
    admin.services.disable_log_reason(service().id, "it died")
    assert (service().status, service().disabled_reason) == ("disabled", "it died")
    admin.services.enable(service().id)
    assert (service().status, service().disabled_reason) == ("enabled", None)


def test_disabling_a_dead_service_that_is_considered_up_blocks(simulator, clock, admin, service):
    simulator.cloud.fail_host(HOST)
    began = clock.now()
    admin.services.disable(service().id)
    assert clock.now() - began == pytest.approx(simulator.options.rpc_response_timeout)


def test_disabling_after_forcing_down_does_not_block(simulator, clock, admin, service):
    simulator.cloud.fail_host(HOST)
    began = clock.now()
    admin.services.force_down(service().id, True)
    admin.services.disable(service().id)
    assert clock.now() == began


def test_forced_down_stays_while_evacuations_are_done_but_not_completed(
    simulator, clock, admin, service, down
):
    server = simulator.cloud.add_server(HOST)
    down(HOST)
    admin.servers.evacuate(server.uuid)
    clock.advance(10)
    with pytest.raises(exceptions.BadRequest, match="Unable to force up host compute-1"):
        admin.services.force_down(service().id, False)
    simulator.cloud.start_host(HOST)
    assert admin.migrations.list(instance_uuid=server.uuid)[0].status == "completed"
    admin.services.force_down(service().id, False)
    assert service().state == "up"


def test_a_host_restarted_during_an_evacuation_is_a_violation(simulator, clock, admin, down):
    server = simulator.cloud.add_server(HOST)
    down(HOST)
    admin.servers.evacuate(server.uuid)
    clock.advance(5)
    simulator.cloud.start_host(HOST)
    report = simulator.report(HOST)
    assert report.returned_while_evacuating == [server.uuid]
    assert len(report.violations) == 1


def test_a_restarted_compute_sets_the_trait_by_the_database(simulator, clock):
    simulator.cloud.disable(HOST)
    simulator.cloud.fail_host(HOST)
    clock.advance(61)
    simulator.cloud.enable(HOST)
    assert simulator.cloud.hosts[HOST].disabled_trait
    simulator.cloud.start_host(HOST)
    assert not simulator.cloud.hosts[HOST].disabled_trait


@pytest.fixture
def outdated(simulator):
    """A host that was disabled while dead but considered up, and enabled when forced down."""
    simulator.cloud.fail_host(HOST)
    simulator.cloud.disable(HOST)
    simulator.cloud.force_down(HOST)
    simulator.cloud.enable(HOST)
    return simulator.cloud.hosts[HOST]


def test_a_restarted_compute_follows_a_queued_call_until_its_next_report(simulator, clock, outdated):
    simulator.cloud.start_host(HOST)
    assert outdated.disabled_trait
    clock.advance(59)
    simulator.cloud.force_down(HOST, False)
    assert outdated.disabled_trait
    clock.advance(2)
    with simulator.cloud.up_to_date():
        assert not outdated.disabled_trait


def test_a_restarted_compute_follows_the_next_call(simulator, outdated):
    simulator.cloud.start_host(HOST)
    simulator.cloud.force_down(HOST, False)
    simulator.cloud.enable(HOST)
    assert not outdated.disabled_trait


def test_an_expired_call_is_dropped(simulator, clock, outdated):
    clock.advance(simulator.options.rpc_response_timeout + 1)
    simulator.cloud.start_host(HOST)
    assert not outdated.disabled_trait


def test_only_an_admin_sees_services_and_records_and_evacuates(simulator, nova):
    bob = nova("bob")
    server = simulator.cloud.add_server(HOST, project="service")
    with pytest.raises(exceptions.Forbidden, match="os_compute_api:os-services:list"):
        bob.services.list()
    with pytest.raises(exceptions.Forbidden, match="os_compute_api:os-migrations:index"):
        bob.migrations.list()
    with pytest.raises(exceptions.Forbidden, match="os_compute_api:os-evacuate"):
        bob.servers.evacuate(server.uuid)
    with pytest.raises(exceptions.Forbidden, match="reset_state"):
        bob.servers.reset_state(server.uuid)
    with pytest.raises(exceptions.Forbidden, match="get_all_tenants"):
        bob.servers.list(search_opts={"all_tenants": 1})


def test_services_are_updated_by_uuid_only_from_2_53(simulator, nova):
    with pytest.raises(exceptions.ClientException):
        nova(version="2.52").client.put(
            f"/os-services/{simulator.cloud.hosts[HOST].uuid}", body={"status": "disabled"}
        )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "No updates were requested"),
        ({"colour": "blue"}, "'colour' was unexpected"),
        ({"status": "odd"}, "'odd' is not one of"),
        ({"forced_down": "maybe"}, "Value: maybe"),
        ({"status": "enabled", "disabled_reason": "x"}, "with status 'enabled' is invalid"),
    ],
)
def test_a_wrong_update_is_refused(admin, service, body, message):
    with pytest.raises(exceptions.BadRequest, match=message):
        admin.client.put(f"/os-services/{service().id}", body=body)


def test_an_unknown_service(admin):
    with pytest.raises(exceptions.BadRequest, match="Invalid uuid nothing"):
        admin.client.put("/os-services/nothing", body={"status": "disabled"})
    with pytest.raises(exceptions.NotFound, match=r"Service .* could not be found"):
        admin.client.put("/os-services/00000000-0000-0000-0000-000000000000", body={"status": "disabled"})


def test_one_request_may_disable_and_force_down(simulator, clock, admin, service):
    simulator.cloud.fail_host(HOST)
    began = clock.now()
    body = {"status": "disabled", "disabled_reason": "it died", "forced_down": True}
    answer = admin.client.put(f"/os-services/{service().id}", body=body)[1]["service"]
    assert (answer["status"], answer["state"], answer["forced_down"]) == ("disabled", "down", True)
    assert clock.now() == began
