"""The way of a notification: accepted, refused, worked on, ended."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from masakari_lite import exceptions
from masakari_lite.models import Notification
from tests.harness.monitor import HOST, build_notification
from tests.harness.site import Site

STOPPED = {"event": "STOPPED", "host_status": "NORMAL", "cluster_status": "OFFLINE"}


def test_a_failed_host_is_recovered(site: Site) -> None:
    servers = site.add(3)
    ended = site.recover()
    assert (ended["status"], ended["message"]) == ("finished", "3 succeeded")
    assert ended["attempts"] == 1
    site.assert_evacuated_once(*servers)


VM = {"instance_uuid": str(uuid.uuid4())}
NOT_YET = "not handled yet"


@pytest.mark.parametrize(
    ("kind", "payload", "status", "message"),
    [
        # masakari-monitors' driver for Kubernetes sends only the event
        ("COMPUTE_HOST", {"event": "STOPPED"}, "ignored", "host_status is not given: the host may be alive"),
        ("COMPUTE_HOST", {"event": "STARTED"}, "ignored", "host_status is not given: nothing is to be done"),
        (
            "COMPUTE_HOST",
            {"event": "STOPPED", "host_status": "UNKNOWN"},
            "ignored",
            "host_status is UNKNOWN: the host may be alive, so nothing is evacuated from it",
        ),
        (
            "COMPUTE_HOST",
            {"event": "STARTED", "host_status": "UNKNOWN"},
            "ignored",
            "host_status is UNKNOWN: nothing is to be done",
        ),
        (
            "COMPUTE_HOST",
            {"event": "STOPPED", "cluster_status": "OFFLINE"},
            "ignored",
            "host_status is not given",
        ),
        (
            "COMPUTE_HOST",
            {"event": "STARTED", "host_status": "NORMAL", "cluster_status": "ONLINE"},
            "finished",
            "the host has started, nothing is to be done",
        ),
        (
            "PROCESS",
            {"event": "STARTED", "process_name": "nova-compute"},
            "finished",
            "the process has started",
        ),
        ("PROCESS", {"event": "STOPPED", "process_name": "nova-compute"}, "ignored", NOT_YET),
        ("PROCESS", {"event": "STOPPED", "process_name": "libvirtd"}, "ignored", NOT_YET),
        ("VM", VM | {"event": "LIFECYCLE", "vir_domain_event": "STOPPED_FAILED"}, "ignored", NOT_YET),
        (
            "VM",
            VM | {"event": "QEMU_GUEST_AGENT_ERROR", "vir_domain_event": "STOPPED_FAILED"},
            "ignored",
            NOT_YET,
        ),
        ("VM", VM | {"event": "IO_ERROR", "vir_domain_event": "IO_ERROR_REPORT"}, "ignored", NOT_YET),
        (
            "VM",
            VM | {"event": "LIFECYCLE", "vir_domain_event": "STOPPED_SHUTDOWN"},
            "ignored",
            "LIFECYCLE/STOPPED_SHUTDOWN is no failure of a VM",
        ),
        ("VM", VM | {"event": "lifecycle", "vir_domain_event": "STOPPED_FAILED"}, "ignored", "is no failure"),
    ],
)
def test_what_asks_for_no_recovery_ends_at_once_with_the_reason(
    site: Site, kind: str, payload: dict[str, Any], status: str, message: str
) -> None:
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    answer = site.engine.notify(type=kind, payload=payload)
    assert answer["status"] == status
    assert message in answer["message"]
    recorded = site.engine.api.get_notification(answer["notification_uuid"])
    assert (recorded["type"], recorded["payload"], recorded["progress"]) == (kind, payload, [])
    assert not site.evacuations(server)
    assert not site.cloud.hosts[HOST].disabled


def test_a_notification_sent_again_is_answered_with_the_first(site: Site) -> None:
    (server,) = site.add(1)
    key = str(uuid.uuid4())
    first = site.recover(notification_uuid=key)
    again = site.engine.notify(notification_uuid=key.upper())
    assert first["notification_uuid"] == again["notification_uuid"] == key
    assert again["status"] == "finished"
    assert len(site.engine.api.list_notifications()) == 1
    site.assert_evacuated_once(server)


def test_a_notification_that_two_engines_get_at_once_is_no_duplicate_of_itself(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = site.engine.notify(notification_uuid=str(uuid.uuid4()))["notification_uuid"]

    journal = site.engine.service._journal
    real, looks = journal.notifications.get, []

    def look_before_the_other_wrote_it(notification_uuid: str) -> Notification:
        looks.append(notification_uuid)
        if len(looks) == 1:
            raise exceptions.NotificationNotFound(notification_uuid)
        return real(notification_uuid)

    with monkeypatch.context() as patch:
        patch.setattr(journal.notifications, "get", look_before_the_other_wrote_it)
        again = site.engine.notify(notification_uuid=key)
    assert again["notification_uuid"] == key
    assert len(site.engine.api.list_notifications()) == 1


def test_a_duplicate_is_refused_by_the_name_of_the_first(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.5})
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    first = site.engine.notify()["notification_uuid"]
    with pytest.raises(exceptions.DuplicateNotification, match=first):
        site.engine.notify()
    assert site.engine.wait(first)["status"] == "finished"
    site.assert_evacuated_once(server)


def test_an_equal_notification_after_the_end_is_no_duplicate(site: Site) -> None:
    site.recover()
    assert site.engine.recover()["message"] == "no instance to evacuate"


def test_without_a_detection_interval_nothing_is_a_duplicate(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.3}, duplicate_notification_detection_interval=0)
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    first, second = [site.engine.notify()["notification_uuid"] for _ in range(2)]
    assert site.engine.wait(second)["message"] == "no instance to evacuate"
    assert site.engine.wait(first)["message"] == "1 succeeded"
    site.assert_evacuated_once(server)


def test_an_empty_host_is_finished(site: Site) -> None:
    ended = site.recover()
    assert (ended["status"], ended["message"]) == ("finished", "no instance to evacuate")
    assert site.engine.api.list_vmoves(ended["notification_uuid"]) == []


def test_a_failed_instance_makes_an_error_with_its_reason(site: Site) -> None:
    well, ill = site.add(2)
    site.cloud.no_valid_host(ill.uuid)
    ended = site.recover()
    assert ended["status"] == "error"
    assert ended["message"].startswith("1 succeeded, 1 failed; ")
    assert f"{ill.uuid}: Nova found no host for it" in ended["message"]
    site.assert_evacuated_once(well)


def test_an_unknown_host_is_named(site: Site) -> None:
    ended = site.engine.recover("compute-99")
    assert ended["status"] == "failed"
    assert "'compute-99'" in ended["message"]


def test_a_host_is_not_mistaken_for_its_longer_namesake(site: Site) -> None:
    site.cloud.add_host("compute-11")
    other = site.cloud.add_server("compute-11")
    site.recover()
    assert not site.evacuations(other)


def test_a_cast_is_recorded_and_worked_on_too(site: Site) -> None:
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    key = str(uuid.uuid4())
    site.engine.api.cast_notification(build_notification(notification_uuid=key))
    site.until(site.engine.api.list_notifications)
    assert site.engine.wait(key)["status"] == "finished"
    site.assert_evacuated_once(server)


def test_a_bad_cast_leaves_one_warning(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.engine.api.cast_notification(build_notification(hostname=""))
    site.until(lambda: "Notification refused" in caplog.text)
    warnings = [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    assert [record.getMessage() for record in warnings] == [
        "Notification refused: hostname: '' should be non-empty"
    ]
    assert site.engine.api.list_notifications() == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "HOST"}, "^type: 'HOST' is not one of"),
        ({"hostname": "compute 1"}, "^hostname: "),
        ({"hostname": "c" * 256}, "^hostname: is longer than 255"),
        ({"hostname": 7}, "^hostname: 7 is not of type 'string'"),
        ({"generated_time": "yesterday"}, "^generated_time: 'yesterday' is not a valid date-time"),
        ({"payload": STOPPED | {"event": "DIED"}}, r"^payload.event: 'DIED'"),
        ({"payload": STOPPED | {"extra": 1}}, r"^payload: .*'extra'"),
        ({"payload": {"host_status": "NORMAL"}}, r"^payload: 'event' is a required"),
        ({"notification_uuid": "1"}, "^notification_uuid: '1' is not a valid uuid"),
        ({"colour": "red"}, "^notification: .*'colour'"),
    ],
)
def test_a_bad_field_is_refused_by_name(site: Site, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(exceptions.InvalidInput, match=message):
        site.engine.notify(**changes)
    assert site.engine.api.list_notifications() == []


def test_a_missing_field_is_refused_by_name(site: Site) -> None:
    for field in ("type", "hostname", "generated_time", "payload"):
        notification = build_notification()
        del notification[field]
        with pytest.raises(exceptions.InvalidInput, match=f"'{field}' is a required property"):
            site.engine.api.process_notification(notification)


def test_notifications_are_listed_and_filtered(site: Site) -> None:
    answers = [
        site.recover(),
        site.engine.recover("compute-99"),
        site.engine.notify("compute-2", payload=STOPPED | {"host_status": "UNKNOWN"}),
        site.engine.notify("compute-2", type="PROCESS", payload={"event": "STOPPED", "process_name": "x"}),
    ]
    uuids = [answer["notification_uuid"] for answer in answers]

    def listed(**filters: Any) -> list[str]:
        return [found["notification_uuid"] for found in site.engine.api.list_notifications(**filters)]

    assert listed() == uuids[::-1]
    assert listed(hostname="compute-2") == [uuids[3], uuids[2]]
    assert listed(type="PROCESS") == [uuids[3]]
    assert listed(status="ignored", type="COMPUTE_HOST") == [uuids[2]]
    assert listed(limit=1, status=None) == [uuids[3]]
    assert listed(hostname="elsewhere") == []


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"colour": "red"}, "'colour'"),
        ({"type": "HOST"}, r"filters\.type"),
        ({"status": "done"}, r"filters\.status"),
        ({"hostname": 1}, r"filters\.hostname"),
        ({"limit": 0}, r"filters\.limit"),
        ({"limit": True}, r"filters\.limit"),
    ],
)
def test_a_bad_filter_is_refused_by_name(site: Site, filters: dict[str, Any], message: str) -> None:
    with pytest.raises(exceptions.InvalidInput, match=message):
        site.engine.api.list_notifications(**filters)


def test_what_does_not_exist_is_not_found(site: Site) -> None:
    api = site.engine.api
    unknown = str(uuid.uuid4())
    for ask in (api.get_notification, api.list_vmoves, api.get_notification_recovery_workflow_details):
        with pytest.raises(exceptions.NotificationNotFound, match=unknown):
            ask(unknown)
        with pytest.raises(exceptions.InvalidInput, match="notification_uuid"):
            ask("nonsense")


def test_the_moves_and_the_workflow_are_shown(site: Site) -> None:
    server, stopped = *site.add(1, name="web"), *site.add(1, vm_state="stopped")
    ended = site.recover()
    move = site.vmove(ended, server)
    assert {name: move[name] for name in ("instance_name", "source_host", "dest_host", "status", "step")} == {
        "instance_name": "web",
        "source_host": HOST,
        "dest_host": server.host,
        "status": "succeeded",
        "step": "done",
    }
    assert (move["vm_state"], move["power_state"], move["locked_by_us"]) == ("active", 1, False)
    assert move["message"] == f"evacuated to {server.host}"
    assert move["start_time"] <= move["end_time"]
    assert site.vmove(ended, stopped)["vm_state"] == "stopped"

    details = site.engine.api.get_notification_recovery_workflow_details(ended["notification_uuid"])
    assert [(task["name"], task["state"], task["progress"]) for task in details] == [
        ("DisableComputeServiceTask", "SUCCESS", 1.0),
        ("PrepareHAEnabledInstancesTask", "SUCCESS", 1.0),
        ("EvacuateInstancesTask", "SUCCESS", 1.0),
    ]
    assert "2 of 2 instances" in details[1]["progress_details"][-1]["message"]
    told = [entry["message"] for entry in details[2]["progress_details"]]
    assert len(told) == 2
    assert any(server.uuid in message and "evacuated to" in message for message in told)
    assert details == ended["progress"]


def test_a_failed_task_is_shown(site: Site) -> None:
    ended = site.engine.recover("compute-99")
    assert [(task["name"], task["state"]) for task in ended["progress"]] == [
        ("DisableComputeServiceTask", "FAILURE")
    ]
