"""Compute services: what Nova tells of them, and how they are forced down and disabled."""

import uuid

import pytest

LONGEST = "r" * 255
NOTHING = "No updates were requested. Fields 'status' or 'forced_down' should be specified."


def test_a_services_fields(site, masakari):
    service = masakari.service(site.living)
    uuid.UUID(service.pop("id"))
    assert service.pop("updated_at")
    assert service == {
        "binary": "nova-compute",
        "host": site.living,
        "zone": "nova",
        "status": "enabled",
        "state": "up",
        "disabled_reason": None,
        "forced_down": False,
    }


def test_before_2_53_its_id_is_a_number(site, masakari):
    assert isinstance(masakari.service(site.living, "2.52")["id"], int)


def test_before_2_53_it_is_not_changed_by_its_uuid(site, masakari):
    uuid = masakari.service(site.living)["id"]
    answer = masakari.send("PUT", f"/os-services/{uuid}", {"status": "disabled"}, version="2.52")
    assert answer.refusal == (400, "'host' is a required property")
    assert masakari.service(site.living)["status"] == "enabled"


def test_before_2_11_forced_down_is_not_shown(site, masakari):
    assert "forced_down" not in masakari.service(site.living, "2.10")


def test_all_compute_services(site, masakari):
    found = masakari.get("/os-services", binary="nova-compute")["services"]
    assert {service["host"] for service in found} == set(site.hosts)


def test_an_unknown_host_has_none(masakari):
    assert masakari.get("/os-services", host="nowhere", binary="nova-compute")["services"] == []


def test_an_unknown_service(masakari):
    unknown = "00000000-0000-4000-8000-000000000000"
    answer = masakari.send("PUT", f"/os-services/{unknown}", {"forced_down": True})
    assert answer.refusal == (404, f"Service {unknown} could not be found.")


def test_disable_and_enable(site, masakari):
    answer = masakari.update_service(site.living, status="disabled", disabled_reason=LONGEST)
    try:
        assert answer.status == 200
        said = answer.body["service"]
        assert (said["status"], said["disabled_reason"], said["state"]) == ("disabled", LONGEST, "up")
        assert masakari.service(site.living)["disabled_reason"] == LONGEST
    finally:
        answer = masakari.update_service(site.living, status="enabled")
    said = answer.body["service"]
    assert (said["status"], said["disabled_reason"]) == ("enabled", None)


class TestByHost:
    """Before 2.53 a service is changed by its host and binary."""

    @pytest.fixture
    def change(self, site, masakari):
        """Change the service of the living host, and have it up and enabled again."""
        named = {"host": site.living, "binary": "nova-compute"}

        def change(action, version="2.52", **given):
            return masakari.send("PUT", f"/os-services/{action}", named | given, version=version)

        yield change
        assert change("enable").status == change("force-down", forced_down=False).status == 200
        service = masakari.service(site.living)
        assert (service["status"], service["forced_down"]) == ("enabled", False)

    def test_disable(self, site, masakari, change):
        said = change("disable-log-reason", disabled_reason=LONGEST).body["service"]
        assert said == {
            "host": site.living,
            "binary": "nova-compute",
            "status": "disabled",
            "disabled_reason": LONGEST,
        }
        service = masakari.service(site.living)
        assert (service["status"], service["disabled_reason"]) == ("disabled", LONGEST)

    def test_force_down(self, site, masakari, change):
        said = change("force-down", forced_down=True).body["service"]
        assert said == {"host": site.living, "binary": "nova-compute", "forced_down": True}
        assert masakari.service(site.living)["state"] == "down"

    def test_unknown_host(self, change):
        answer = change("disable", host="nowhere")
        assert answer.refusal == (404, "Host 'nowhere' is not mapped to any cell")

    def test_unknown_action(self, change):
        assert change("destroy").refusal == (404, "Unknown action")

    @pytest.mark.parametrize("reason", ["", LONGEST + "r"])
    def test_reason(self, change, reason):
        status, message = change("disable-log-reason", disabled_reason=reason).refusal
        assert (status, "field/attribute disabled_reason." in message) == (400, True)

    def test_not_any_more(self, change):
        assert change("disable", version="2.53").status == 400


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"status": "disabled", "disabled_reason": LONGEST + "r"}, "field/attribute disabled_reason."),
        ({"status": "disabled", "disabled_reason": ""}, "field/attribute disabled_reason."),
        ({"status": "off"}, "Invalid input for field/attribute status."),
        ({"forced_down": "perhaps"}, "Invalid input for field/attribute forced_down."),
        ({"disabled_reason": "why"}, NOTHING),
        ({}, NOTHING),
        ({"host": "compute1"}, "Additional properties are not allowed ('host' was unexpected)"),
        (
            {"status": "enabled", "disabled_reason": "why"},
            "Specifying 'disabled_reason' with status 'enabled' is invalid.",
        ),
    ],
    ids=[
        "long reason",
        "empty reason",
        "status",
        "forced_down",
        "reason alone",
        "nothing",
        "host",
        "reason to enable",
    ],
)
def test_what_is_refused(site, masakari, changes, text):
    status, message = masakari.update_service(site.living, **changes).refusal
    assert status == 400
    assert text in message
    service = masakari.service(site.living)
    assert (service["status"], service["forced_down"]) == ("enabled", False)


@pytest.mark.parametrize(
    "changes",
    [
        {"forced_down": True},
        {"status": "disabled", "disabled_reason": LONGEST},
        {"status": "disabled", "disabled_reason": LONGEST, "forced_down": True},
    ],
    ids=["forced down", "disabled", "both"],
)
def test_the_same_a_second_time_is_accepted(site, masakari, death, changes):
    assert masakari.update_service(site.failing, **changes).status == 200


def test_a_change_of_a_dead_service_is_as_good_as_a_report_to_its_updated_at(site, masakari, death):
    """So that alone does not tell a host that lives."""
    before = masakari.service(site.failing)["updated_at"]

    def change():
        masakari.update_service(site.failing, status="disabled", disabled_reason=str(uuid.uuid4()))
        return masakari.service(site.failing)["updated_at"] != before  # it shows whole seconds

    site.until(change, "another updated_at")
    # what changes nothing does not
    after = masakari.service(site.failing)
    masakari.update_service(site.failing, forced_down=True)
    assert masakari.service(site.failing) == after
    masakari.update_service(site.failing, status="disabled", disabled_reason=LONGEST)


def test_to_disable_it_took_as_long_as_nova_waits_for_an_answer(site, death, disabling):
    """That of a compute that was dead and looked up. It was asked for before all else of this host."""
    answer = disabling.result()
    assert answer.status == 200
    assert 0 <= answer.seconds - site.rpc_response_timeout < 3


def test_forced_down_and_disabled_at_once(site, masakari, death):
    """The service of a compute that is dead but looked up until then: nothing blocks."""
    assert (death.status, death.seconds < 2) == (200, True)
    for said in (death.body["service"], masakari.service(site.failing)):
        assert (said["forced_down"], said["state"], said["status"]) == (True, "down", "disabled")
        assert said["disabled_reason"] == LONGEST
