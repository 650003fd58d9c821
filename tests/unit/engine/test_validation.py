"""Bad input is refused by name; good input never is."""

import datetime
import json
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masakari_lite import exceptions
from masakari_lite.engine import validation
from masakari_lite.models import Notification, NotificationStatus, NotificationType

UUID = "0f0e0d0c-0b0a-4009-8807-060504030201"
PAYLOADS = {
    "COMPUTE_HOST": {"event": "STOPPED", "host_status": "NORMAL", "cluster_status": "OFFLINE"},
    "VM": {"event": "LIFECYCLE", "instance_uuid": UUID, "vir_domain_event": "STOPPED_FAILED"},
    "PROCESS": {"event": "STOPPED", "process_name": "nova-compute"},
}
OPTIONAL = {("COMPUTE_HOST", "cluster_status"), ("COMPUTE_HOST", "host_status")}
FIELDS = [(kind, field) for kind, payload in PAYLOADS.items() for field in payload]
WRONG_TYPES = [None, 7, 1.5, True, ["x"], {"x": 1}]


def build(kind="COMPUTE_HOST", **changes):
    raw = {
        "type": kind,
        "hostname": "compute-1",
        "generated_time": "2026-11-22T16:55:00",
        "payload": dict(PAYLOADS[kind]),
    }
    return raw | changes


def refused(raw, match):
    with pytest.raises(exceptions.InvalidInput, match=match) as told:
        validation.parse_notification(raw)
    message = str(told.value)
    assert len(message) < 500
    assert message.isprintable()
    return message


class TestGood:
    @pytest.mark.parametrize("kind", PAYLOADS)
    def test_each_type(self, kind):
        found = validation.parse_notification(build(kind, notification_uuid=UUID))
        assert found == Notification(
            UUID, NotificationType(kind), "compute-1", datetime.datetime(2026, 11, 22, 16, 55), PAYLOADS[kind]
        )
        assert found.status is NotificationStatus.NEW

    @pytest.mark.parametrize("given", [{}, {"notification_uuid": None}])
    def test_a_uuid_is_made_where_none_is_given(self, given):
        (made,) = {validation.parse_notification(build(**given)).notification_uuid for _ in range(3)}
        assert str(uuid.UUID(made)) == made

    @pytest.mark.parametrize(
        ("changes", "is_same"),
        [
            ({"generated_time": "2026-11-22T17:55:00+01:00"}, True),
            ({"generated_time": "2026-11-22T16:55:00.000001"}, False),
            ({"hostname": "compute-2"}, False),
            ({"payload": {"event": "STARTED", "host_status": "NORMAL"}}, False),
        ],
    )
    def test_the_uuid_that_is_made_is_the_same_for_the_same_notification(self, changes, is_same):
        one, other = (validation.parse_notification(build(**given)) for given in ({}, changes))
        assert (one.notification_uuid == other.notification_uuid) == is_same

    def test_the_order_of_the_payload_makes_no_difference_to_the_uuid(self):
        payload = dict(reversed(PAYLOADS["COMPUTE_HOST"].items()))
        one, other = (validation.parse_notification(build(**given)) for given in ({}, {"payload": payload}))
        assert one.notification_uuid == other.notification_uuid

    @pytest.mark.parametrize("event", ["STARTED", "STOPPED"])
    @pytest.mark.parametrize("host_status", ["NORMAL", "UNKNOWN"])
    def test_each_payload_of_a_host(self, event, host_status):
        payload = {"event": event, "host_status": host_status}
        assert validation.parse_notification(build(payload=payload)).payload == payload

    @pytest.mark.parametrize(
        ("kind", "payload"),
        [
            ("COMPUTE_HOST", {"event": "STOPPED"}),
            ("COMPUTE_HOST", {"event": "STARTED"}),
            ("COMPUTE_HOST", {"event": "STOPPED", "cluster_status": "OFFLINE"}),
            ("COMPUTE_HOST", {"event": "STARTED", "cluster_status": "ONLINE", "host_status": "NORMAL"}),
            ("VM", PAYLOADS["VM"] | {"event": "e" * 255, "vir_domain_event": "STOPPED FAILED, größe"}),
            ("VM", PAYLOADS["VM"] | {"event": " ", "vir_domain_event": "stopped_failed"}),
            ("PROCESS", {"event": "STARTED", "process_name": "/usr/bin/nova-compute --config-file x"}),
            ("PROCESS", {"event": "STOPPED", "process_name": "p" * 255}),
        ],
    )
    def test_what_masakaris_api_accepts(self, kind, payload):
        assert validation.parse_notification(build(kind, payload=payload)).payload == payload

    @pytest.mark.parametrize("hostname", ["a", "h" * 255, "node-1.example.org", "COMPUTE_1", "fe80::1"])
    def test_host_names(self, hostname):
        assert validation.parse_notification(build(hostname=hostname)).hostname == hostname


class TestBad:
    @pytest.mark.parametrize("raw", [None, 7, "COMPUTE_HOST", [], True, [build()]])
    def test_no_notification_at_all(self, raw):
        refused(raw, "^notification: ")

    @pytest.mark.parametrize("field", ["type", "hostname", "generated_time", "payload"])
    def test_a_missing_field(self, field):
        raw = build()
        del raw[field]
        refused(raw, f"'{field}' is a required property")

    @pytest.mark.parametrize(("kind", "field"), [entry for entry in FIELDS if entry not in OPTIONAL])
    def test_a_missing_field_of_the_payload(self, kind, field):
        raw = build(kind)
        del raw["payload"][field]
        refused(raw, f"^payload: '{field}' is a required property")

    def test_an_unknown_field(self):
        refused(build(severity="high"), "'severity' was unexpected")

    @pytest.mark.parametrize("kind", PAYLOADS)
    def test_an_unknown_field_of_the_payload(self, kind):
        refused(
            build(kind, payload=PAYLOADS[kind] | {"severity": "high"}),
            "^payload: .*'severity' was unexpected",
        )

    def test_a_payload_of_another_type(self):
        refused(build("VM", payload=PAYLOADS["PROCESS"]), "^payload: ")

    @pytest.mark.parametrize("value", WRONG_TYPES)
    @pytest.mark.parametrize("field", ["type", "hostname", "generated_time", "payload", "notification_uuid"])
    def test_a_field_of_a_wrong_type(self, field, value):
        if (field, value) == ("notification_uuid", None):
            assert validation.parse_notification(build(notification_uuid=None))
        elif field == "payload" and isinstance(value, dict):
            refused(build(payload=value), "^payload: ")
        else:
            refused(build(**{field: value}), f"^{field}: ")

    @pytest.mark.parametrize("value", [*WRONG_TYPES, "", "x\x00", "x" * 256])
    @pytest.mark.parametrize(("kind", "field"), FIELDS)
    def test_a_wrong_value_in_the_payload(self, kind, field, value):
        refused(build(kind, payload=PAYLOADS[kind] | {field: value}), rf"^payload\.{field}: ")

    @pytest.mark.parametrize(
        ("kind", "field", "value"),
        [
            ("COMPUTE_HOST", "event", "stopped"),
            ("COMPUTE_HOST", "event", "STOPPED "),
            ("COMPUTE_HOST", "host_status", "normal"),
            ("COMPUTE_HOST", "cluster_status", "Offline"),
            ("PROCESS", "event", "LIFECYCLE"),
            ("VM", "instance_uuid", "instance-00000001"),
        ],
    )
    def test_what_masakaris_api_refuses_too(self, kind, field, value):
        refused(build(kind, payload=PAYLOADS[kind] | {field: value}), rf"^payload\.{field}: ")

    @pytest.mark.parametrize(
        ("kind", "field"), [("VM", "event"), ("VM", "vir_domain_event"), ("PROCESS", "process_name")]
    )
    class TestFreeText:
        @pytest.mark.parametrize("value", ["a\nb", "\x1b[2J", "a\x7f"])
        def test_control_characters_are_accepted_as_by_masakari(self, kind, field, value):
            accepted = validation.parse_notification(build(kind, payload=PAYLOADS[kind] | {field: value}))
            assert accepted.payload[field] == value

        @pytest.mark.parametrize("value", ["a\x00b", "\ud800"])
        def test_what_no_database_takes_is_refused(self, kind, field, value):
            refused(
                build(kind, payload=PAYLOADS[kind] | {field: value}), rf"^payload\.{field}: has characters"
            )

    @pytest.mark.parametrize("kind", ["compute_host", "HOST", "", " VM"])
    def test_an_unknown_type(self, kind):
        refused(build() | {"type": kind}, "^type: ")

    @pytest.mark.parametrize(
        "hostname", ["", " ", "a b", "a/b", "höst", "a\n", "\ud800", "a;b", "${host}", "'; DROP", "h" * 256]
    )
    def test_a_wrong_host_name(self, hostname):
        refused(build(hostname=hostname), "^hostname: ")

    def test_what_is_too_long_is_not_repeated(self):
        assert "longer than 255" in refused(build(hostname="h" * 100_000), "^hostname: ")
        refused(build() | {"x" * 100_000: 1}, "notification: ")
        refused(build(generated_time="2" * 100_000), "^generated_time: ")


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("2026-11-22T16:55:00", (2026, 11, 22, 16, 55)),
            ("2026-11-22T16:55:00Z", (2026, 11, 22, 16, 55)),
            ("2026-11-22 16:55:00.123456", (2026, 11, 22, 16, 55, 0, 123456)),
            ("2026-11-22T18:55:00+02:00", (2026, 11, 22, 16, 55)),
            ("2026-11-22T01:00:00-23:59", (2026, 11, 23, 0, 59)),
            ("2024-02-29T00:00:00+05:30", (2024, 2, 28, 18, 30)),
            ("2027-01-01T00:30:00+01:00", (2026, 12, 31, 23, 30)),
            ("1970-01-01T00:00:00Z", (1970, 1, 1)),
            ("2026-11-22", (2026, 11, 22)),
            ("2026-11-22T16:55", (2026, 11, 22, 16, 55)),
            ("20261122T165500Z", (2026, 11, 22, 16, 55)),
            ("2026-11-22T16:55:00,5", (2026, 11, 22, 16, 55, 0, 500000)),
            ("2026-11-22T16:55:00.1234567", (2026, 11, 22, 16, 55, 0, 123456)),
            ("2026-11-22T16:55:00+0200", (2026, 11, 22, 14, 55)),
            ("2026-11-22T16:55:00-02", (2026, 11, 22, 18, 55)),
            ("9999-12-31T23:59:59Z", (9999, 12, 31, 23, 59, 59)),
        ],
    )
    def test_odd_but_good(self, text, moment):
        found = validation.parse_notification(build(generated_time=text)).generated_time
        assert found == datetime.datetime(*moment)
        assert found.tzinfo is None

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "now",
            "1732294500",
            "2023-02-29T00:00:00",
            "2026-13-01T00:00:00",
            "2026-11-22T24:00:01",
            "2026-06-30T23:59:60Z",
            "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-01:00",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+01:00",
            "0000-00-00T00:00:00",
            "2026-11-22T16:55:00+99:00",
            "2026-11-22T16:55:00\x00",
            "\uff12026-11-22T16:55:00",
        ],
    )
    def test_bad(self, text):
        refused(build(generated_time=text), "^generated_time: .*is not a valid date-time")

    @settings(deadline=None)
    @given(
        st.datetimes(datetime.datetime(1971, 1, 1), datetime.datetime(9998, 1, 1), timezones=st.timezones())
    )
    def test_any_moment_that_python_writes(self, moment):
        found = validation.parse_notification(build(generated_time=moment.isoformat())).generated_time
        # isoformat() keeps the offset's seconds, ISO 8601 has none
        assert abs(found - moment.astimezone(datetime.UTC).replace(tzinfo=None)) < datetime.timedelta(
            minutes=1
        )


class TestUuids:
    @pytest.mark.parametrize(
        "form", [UUID, UUID.upper(), UUID.replace("-", ""), f"{{{UUID}}}", f"urn:uuid:{UUID}"]
    )
    def test_every_form_is_the_same_uuid(self, form):
        assert validation.parse_uuid(form) == UUID
        assert validation.parse_notification(build(notification_uuid=form)).notification_uuid == UUID

    @pytest.mark.parametrize("text", ["", "x", UUID[:-1], UUID + "0", UUID.replace("0", "g"), " " * 36])
    def test_what_is_none(self, text):
        with pytest.raises(exceptions.InvalidInput, match=r"^instance_uuid: .*is not a valid uuid"):
            validation.parse_uuid(text, "instance_uuid")
        if text:
            refused(build(notification_uuid=text), "^notification_uuid: ")

    def test_an_empty_one_is_refused(self):
        refused(build(notification_uuid=""), "^notification_uuid: '' is not a valid uuid")

    def test_an_instances_uuid_is_brought_into_its_usual_form(self):
        raw = build("VM", payload=PAYLOADS["VM"] | {"instance_uuid": UUID.upper().replace("-", "")})
        assert validation.parse_notification(raw).payload["instance_uuid"] == UUID


class TestFilters:
    @pytest.mark.parametrize(
        "filters",
        [
            {},
            {"type": "VM"},
            {"hostname": "compute-1", "status": "running"},
            {"limit": 1},
            {"limit": 1000},
            *({"status": str(status)} for status in NotificationStatus),
        ],
    )
    def test_good(self, filters):
        assert validation.parse_filters(filters | {"type": filters.get("type")}) == filters

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("type", "vm"),
            ("hostname", ""),
            ("hostname", 7),
            ("hostname", "\x00"),
            ("status", "done"),
            ("limit", 0),
            ("limit", 1001),
            ("limit", "10"),
            ("limit", True),
            ("limit", -1),
            ("colour", "red"),
        ],
    )
    def test_bad(self, name, value):
        with pytest.raises(exceptions.InvalidInput, match=f"filters.*{name}"):
            validation.parse_filters({name: value})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=40), inner, max_size=4),
    max_leaves=12,
)
KNOWN = ["type", "hostname", "generated_time", "payload", "notification_uuid"]
NAMES = st.sampled_from([*KNOWN, "event", "host_status", "instance_uuid"]) | st.text(max_size=20)
TEXTS = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters=[*map(chr, range(32)), "\x7f"]),
    min_size=1,
    max_size=255,
)
GOOD = {
    "COMPUTE_HOST": st.fixed_dictionaries(
        {"event": st.sampled_from(["STARTED", "STOPPED"])},
        optional={
            "host_status": st.sampled_from(["NORMAL", "UNKNOWN"]),
            "cluster_status": st.sampled_from(["ONLINE", "OFFLINE"]),
        },
    ),
    "VM": st.fixed_dictionaries(
        {"event": TEXTS, "instance_uuid": st.uuids().map(str), "vir_domain_event": TEXTS}
    ),
    "PROCESS": st.fixed_dictionaries(
        {"event": st.sampled_from(["STARTED", "STOPPED"]), "process_name": TEXTS}
    ),
}
NOTIFICATIONS = st.sampled_from(sorted(GOOD)).flatmap(
    lambda kind: st.fixed_dictionaries(
        {
            "type": st.just(kind),
            "hostname": st.from_regex(r"[A-Za-z0-9._:-]{1,255}", fullmatch=True),
            "generated_time": st.datetimes(datetime.datetime(1970, 1, 1)).map(datetime.datetime.isoformat),
            "payload": GOOD[kind],
        },
        optional={"notification_uuid": st.uuids().map(str) | st.none()},
    )
)


def parse_or_refuse(raw):
    """Parse anything: the only error may be InvalidInput, and its message must be fit for a log."""
    try:
        return validation.parse_notification(raw)
    except exceptions.InvalidInput as error:
        message = str(error)
    message.encode()
    assert message.isprintable()
    assert len(message) < 500
    return message


class TestFuzz:
    @settings(deadline=None)
    @given(JSON)
    def test_anything(self, raw):
        assert isinstance(parse_or_refuse(raw), str)

    @settings(max_examples=300, deadline=None)
    @given(st.dictionaries(NAMES, JSON, max_size=6))
    def test_things_with_known_fields(self, raw):
        parse_or_refuse(raw)

    @settings(max_examples=300, deadline=None)
    @given(NOTIFICATIONS, st.sampled_from(KNOWN), JSON)
    def test_one_field_of_a_good_one_is_anything(self, raw, field, value):
        found = parse_or_refuse(raw | {field: value})
        # a type of another kind makes the payload wrong
        assert isinstance(found, Notification) or found.startswith((field, "payload"))

    @settings(max_examples=300, deadline=None)
    @given(NOTIFICATIONS, st.data(), JSON)
    def test_one_field_of_a_good_payload_is_anything(self, raw, data, value):
        field = data.draw(st.sampled_from(sorted(raw["payload"])))
        found = parse_or_refuse(raw | {"payload": raw["payload"] | {field: value}})
        assert isinstance(found, Notification) or found.startswith(f"payload.{field}: ")

    @settings(deadline=None)
    @given(NOTIFICATIONS)
    def test_a_good_one_is_always_accepted(self, raw):
        sent = json.loads(json.dumps(raw))
        found = validation.parse_notification(sent)
        assert (found.hostname, found.payload) == (raw["hostname"], raw["payload"])
        assert sent == raw, "the parser changed what it was given"

    @pytest.mark.parametrize("depth", [100, 400])
    @pytest.mark.parametrize("field", [*KNOWN, "other"])
    def test_deep_nesting(self, field, depth):
        assert isinstance(parse_or_refuse(build(**{field: json.loads("[" * depth + "]" * depth)})), str)

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**4000, -0.0])
    @pytest.mark.parametrize("field", [*KNOWN, "other"])
    def test_odd_numbers(self, field, value):
        assert isinstance(parse_or_refuse(build(**{field: value})), str)
