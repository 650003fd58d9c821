"""A cell whose database does not answer: what Nova leaves out of its lists is not taken for gone."""

from collections.abc import Callable

import pytest

from masakari_lite.models import JsonDict, NotificationStatus
from masakari_lite_simulator import Fault
from tests.functional.recovery.test_retries import wait_for
from tests.functional.recovery.test_stale_locks import leave, lock
from tests.harness.monitor import HOST
from tests.harness.site import Site

RETRIES = {"nova__retry_period": 0.2, "host_failure__evacuation_retry_interval": 0.3}


def recover_when_restored(site: Site, notification: JsonDict) -> JsonDict:
    site.cloud.restore_cell()
    return wait_for(site, notification["notification_uuid"], "finished", "failed")


@pytest.mark.parametrize("microversion", ["2.60", "2.68", "2.69", "2.96"])
def test_instances_of_a_down_cell_are_recovered_when_it_is_back(
    build_site: Callable[..., Site], microversion: str
) -> None:
    site = build_site(cloud={"max_microversion": microversion}, **RETRIES)
    servers = site.add(3)
    assert site.engine
    site.cloud.fail_cell()
    site.cloud.fail_host(HOST)
    notification = site.engine.recover()
    assert notification["status"] == "error"
    assert "the database of its cell does not answer" in notification["message"]
    ended = recover_when_restored(site, notification)
    assert (ended["status"], ended["message"]) == ("finished", "3 succeeded")
    site.assert_evacuated_once(*servers)


def test_it_is_waited_for_and_no_try_is_counted(build_site: Callable[..., Site]) -> None:
    site = build_site(host_failure__evacuation_attempts=1, **RETRIES)
    servers = site.add(2)
    site.cloud.fail_cell()
    site.cloud.fail_host(HOST)
    notification = site.engine.recover()
    uuid = notification["notification_uuid"]
    first = notification["retry_at"]
    site.until(lambda: site.engine.api.get_notification(uuid)["retry_at"] not in (None, first))
    assert site.engine.api.get_notification(uuid)["attempts"] == 0
    assert recover_when_restored(site, notification)["message"] == "2 succeeded"
    site.assert_evacuated_once(*servers)


@pytest.mark.parametrize("seen", [0, 1, 2])
@pytest.mark.parametrize("page", [0, 1])
def test_a_list_that_breaks_off_is_completed(build_site: Callable[..., Site], page: int, seen: int) -> None:
    """Nova leaves out, without a word, what it cannot read of a cell: the rest of a page, or a whole one."""
    site = build_site(cloud={"max_limit": 3}, **RETRIES)
    servers = site.add(7)
    fault = Fault(truncates_after=seen, after_request=page, times=1)
    site.simulator.faults.add("server.list", fault)
    ended = site.recover()
    assert fault.hits == 1
    assert (ended["status"], ended["message"]) == ("finished", "7 succeeded")
    site.assert_evacuated_once(*servers)


def test_a_cell_that_fails_while_the_instances_are_listed_is_no_empty_host(
    build_site: Callable[..., Site],
) -> None:
    site = build_site(**RETRIES)
    servers = site.add(3)
    site.simulator.faults.add("server.list", Fault(truncates_after=0))
    site.simulator.faults.add("hypervisor.*", Fault(status=500))
    notification = site.recover()
    assert notification["status"] == "error"
    assert "Nova lists 0, then 0 instances" in notification["message"]
    site.simulator.faults.clear()
    ended = recover_when_restored(site, notification)
    assert (ended["status"], ended["message"]) == ("finished", "3 succeeded")
    site.assert_evacuated_once(*servers)


@pytest.mark.parametrize("patience", [0, 5])
def test_a_service_that_has_vanished_since_it_was_seen_is_waited_for(
    build_site: Callable[..., Site], patience: int
) -> None:
    """In a later try, or in the same."""
    site = build_site(wait_period_after_service_update=patience, **RETRIES)
    (server,) = site.add(1)
    uuid = site.engine.notify()["notification_uuid"]  # the host is up still
    site.until(lambda: site.simulator.requests.count("service.list") > 3)
    host = site.cloud.hosts[HOST]
    with site.cloud.up_to_date():
        del site.cloud.hosts[HOST]
    site.until(lambda: "it was seen before" in (site.engine.api.get_notification(uuid)["message"] or ""))
    with site.cloud.up_to_date():
        site.cloud.hosts[HOST] = host
    assert not site.evacuations(server)


@pytest.mark.parametrize("kind", ["server.list", "migration.list"])
def test_a_list_whose_marker_is_deleted_begins_anew(build_site: Callable[..., Site], kind: str) -> None:
    site = build_site(cloud={"max_limit": 2}, **RETRIES)
    servers = site.add(5)
    for server in servers:
        site.cloud.add_migration(server, migration_type="evacuation", status="error")
    second_page = site.simulator.faults.add(kind, Fault(delay=0.3, after_request=1, times=1))
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: second_page.hits)
    with site.cloud.up_to_date():
        # the newest records come first, and of servers that are as old as each other that with the least uuid
        last = sorted(servers, key=lambda server: server.uuid)[1] if kind == "server.list" else servers[-2]
        site.cloud.destroy(last)
    asked = site.simulator.requests.count(kind)
    assert site.engine.wait(uuid)["message"] == "4 succeeded"
    assert site.simulator.requests.count(kind) > asked + 1
    for server in servers:
        running = [record for record in site.evacuations(server) if record.status == "done"]
        assert len(running) == (server is not last)
    site.assert_safe()


def test_an_empty_host_is_believed_empty(build_site: Callable[..., Site]) -> None:
    site = build_site(**RETRIES)
    site.add(2, vm_state="soft-delete")
    ended = site.recover()
    assert (ended["status"], ended["message"]) == ("finished", "no instance to evacuate")
    assert site.simulator.requests.count("hypervisor.show") == 1


@pytest.mark.parametrize("policy", ["list", "show"])
def test_one_whose_hypervisor_is_not_shown_is_empty_when_its_cell_answers(
    build_site: Callable[..., Site], policy: str
) -> None:
    site = build_site(cloud={"denied_policies": (f"os_compute_api:os-hypervisors:{policy}",)}, **RETRIES)
    ended = site.recover()
    assert ended["status"] == "finished"
    doubt = "no instance to evacuate; whether Nova has listed all instances on compute-1 cannot be checked: "
    assert ended["message"].startswith(doubt)
    assert f"Policy doesn't allow os_compute_api:os-hypervisors:{policy}" in ended["message"]


def test_one_whose_hypervisor_has_another_name_is_told_of(build_site: Callable[..., Site]) -> None:
    site = build_site(**RETRIES)
    site.cloud.add_host("compute-10")
    with site.cloud.up_to_date():
        site.cloud.hosts[HOST].domain = "-of-another-name"
    servers = site.add(2)
    assert site.recover()["message"] == "2 succeeded"
    site.assert_evacuated_once(*servers)
    ended = site.engine.recover()
    assert ended["message"].startswith("no instance to evacuate; whether Nova has listed all")
    assert "find the hypervisor of compute-1: none is named after it" in ended["message"]


@pytest.mark.parametrize("is_forced", [False, True])
def test_another_cell_that_is_down_hinders_nothing(build_site: Callable[..., Site], is_forced: bool) -> None:
    """Not even one that comes before: Nova asks one cell after the other for what it has no mapping of."""
    site = build_site(
        cloud={"service_down_time": 600.0 if is_forced else 0.0},
        host_failure__force_down=is_forced,
        **RETRIES,
    )
    for number in (5, 6):
        site.cloud.add_host(f"compute-{number}", cell="cell2")
    servers = [site.cloud.add_server("compute-5") for _ in range(3)]
    with site.cloud.up_to_date():
        for number in range(1, 5):
            site.cloud.hosts[f"compute-{number}"].disabled = True  # Nova's scheduler stays in the cell
    site.cloud.fail_host("compute-5")
    site.cloud.fail_cell("cell1")
    ended = site.engine.recover("compute-5")
    assert ended["message"] == "3 succeeded"
    assert site.cloud.hosts["compute-5"].disabled
    assert {server.host for server in servers} == {"compute-6"}
    site.assert_safe()


def test_a_cell_that_is_down_for_longer_than_an_evacuation_may_take_fails_none(
    build_site: Callable[..., Site],
) -> None:
    site = build_site(
        cloud={"evacuation_latency": 0.5},
        wait_period_after_evacuation=1,
        nova__retry_period=0.2,
        host_failure__evacuation_attempts=1,
    )
    servers = site.add(3)
    uuid = site.begin()
    site.until(lambda: len(site.cloud.migrations) == 3)
    site.cloud.fail_cell()
    asked = site.simulator.requests.count
    seen = asked("migration.list")
    site.until(lambda: asked("migration.list") > seen + 40)
    site.cloud.restore_cell()
    ended = site.engine.wait(uuid)
    assert (ended["status"], ended["message"]) == ("finished", "3 succeeded")
    site.assert_evacuated_once(*servers)


def test_an_empty_host_is_not_believed_empty_while_another_cell_hides_its_hypervisor(
    build_site: Callable[..., Site],
) -> None:
    site = build_site(**RETRIES)
    site.cloud.add_host("compute-5", cell="cell2")
    site.cloud.fail_host("compute-5")
    site.cloud.fail_cell("cell1")
    notification = site.engine.recover("compute-5")
    assert notification["status"] == "error"
    assert "Nova lists 0, then 0 instances on compute-5, and whether these are all" in notification["message"]
    assert recover_when_restored(site, notification)["message"] == "no instance to evacuate"


def test_a_filter_that_nova_ignores_is_named_with_the_policy(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"denied_policies": ("os_compute_api:servers:allow_all_filters",)}, **RETRIES)
    site.add(1)
    others = [site.cloud.add_server("compute-2") for _ in range(2)]
    ended = site.recover()
    assert ended["status"] == "error"
    assert "Nova ignores the filter host" in ended["message"]
    assert "the policy os_compute_api:servers:allow_all_filters" in ended["message"]
    assert not site.engine.api.list_vmoves(ended["notification_uuid"])
    assert not any(site.evacuations(server) for server in others)


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ("os_compute_api:os-extended-server-attributes", "OS-EXT-SRV-ATTR:host"),
        ("os_compute_api:os-migrations:index:host", "source_compute"),
    ],
)
def test_a_field_that_a_policy_hides_is_named_with_the_policy(
    build_site: Callable[..., Site], policy: str, field: str
) -> None:
    site = build_site(cloud={"denied_policies": (policy,)}, **RETRIES)
    (server,) = site.add(1)
    if field == "source_compute":
        site.cloud.add_migration(server, migration_type="evacuation", status="failed", dest="compute-2")
    ended = site.recover()
    assert ended["status"] == "error"
    assert f"Nova does not show {field} of the " in ended["message"]
    assert f"the policy {policy}" in ended["message"]
    assert not [record for record in site.evacuations(server) if record.status != "failed"]
    site.assert_safe()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("compute-1.example.com", HOST),
        ("COMPUTE-1", HOST),
        ("compute1", HOST),
        ("compute-01", HOST),
        ("compute-12", ""),
        ("storage", ""),
    ],
)
def test_a_host_that_nova_does_not_know_is_given_up_at_once(site: Site, name: str, meant: str) -> None:
    ended = site.engine.recover(name)
    assert ended["status"] == "failed"
    assert "Nova has no nova-compute service on a host named" in ended["message"]
    hint = f"did you mean {meant}?" if meant else "'openstack compute service list' shows the names"
    assert hint in ended["message"]
    assert ended["attempts"] == 1


def test_while_a_cell_is_down_no_host_is_unknown_for_good(build_site: Callable[..., Site]) -> None:
    """Nova knows the hosts of a down cell by its mappings alone, which a new host has not yet."""
    site = build_site(**RETRIES)
    site.cloud.add_host("compute-5", cell="cell2")
    site.cloud.fail_cell("cell2")
    ended = site.engine.recover("compute-6")
    assert ended["status"] == "error"
    assert "or the database of its cell does not answer" in ended["message"]


@pytest.mark.parametrize("questions", [1, 20])
def test_an_evacuation_that_a_down_cell_refuses_is_no_try(
    build_site: Callable[..., Site], questions: int
) -> None:
    site = build_site(host_failure__evacuation_attempts=1, **RETRIES)
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    fault = site.simulator.faults.add("server.evacuate", Fault(delay=0.2, times=1))
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: fault.hits)
    site.cloud.fail_cell()
    asked = site.simulator.requests.count("service.list")
    site.until(lambda: site.simulator.requests.count("service.list") > asked + questions)
    site.cloud.restore_cell()
    ended = wait_for(site, uuid, "finished", "failed")
    assert (ended["status"], ended["message"]) == ("finished", "1 succeeded")
    site.assert_evacuated_once(server)


def test_a_lock_of_an_instance_that_a_down_cell_hides_is_not_taken_for_gone(
    build_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    site = build_site(nova__retry_period=0.2, process_unfinished_notifications_interval=1)
    (server,) = site.add(1)
    server.has_request_spec = False  # Nova says 404 of it
    uuid = leave(site, server, NotificationStatus.FAILED)
    lock(site, server, uuid)
    site.cloud.fail_cell()
    assert site.engine
    site.until(lambda: "stale lock could not be released" in caplog.text)
    assert site.engine.api.list_vmoves(uuid)[0]["locked_by_us"]
    site.cloud.restore_cell()
    site.until(lambda: not server.locked)


def test_an_unlock_waits_for_a_down_cell(build_site: Callable[..., Site]) -> None:
    site = build_site(host_failure__evacuation_attempts=1, **RETRIES)
    (server,) = site.add(1, vm_state="paused")
    site.cloud.fail_host(HOST)
    fault = site.simulator.faults.add("server.unlock", Fault(status=500))
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: fault.hits)
    site.cloud.fail_cell()
    site.simulator.faults.clear()
    asked = site.simulator.requests.count("server.unlock")
    site.until(lambda: site.simulator.requests.count("server.unlock") > asked + 10)
    assert server.locked
    site.cloud.restore_cell()
    assert site.engine.wait(uuid)["message"] == "1 succeeded"
    assert not server.locked


def test_hosts_in_down_cells_are_named_at_the_start(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.cloud.fail_cell()
    assert site.engine
    site.until(lambda: "4 hosts are in cells whose databases do not answer Nova: compute-1, " in caplog.text)
