"""Whatever comes by RPC: the server stays up, writes nothing unreadable, and begins nothing by mistake."""

import contextlib
from collections.abc import Iterator
from typing import Any

import hypothesis
import oslo_messaging
import pytest
from hypothesis import strategies as st

from masakari_lite import exceptions
from masakari_lite.engine import validation
from masakari_lite.rpc import transport
from tests.harness.monitor import HOST, build_notification
from tests.harness.site import Site

TEXT = st.text(max_size=40) | st.sampled_from(["", "x" * 256, "\x00", "compute-1", "COMPUTE_HOST", "1", "-1"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("type", "hostname", "generated_time", "payload", "notification_uuid")
# what is almost right: a good notification with some fields missing, wrong or too many
NOTIFICATIONS = st.builds(
    lambda wrong, missing: {
        name: value for name, value in (build_notification() | wrong).items() if name not in missing
    },
    st.dictionaries(st.sampled_from(FIELDS) | TEXT, JSON, min_size=1, max_size=3),
    st.sets(st.sampled_from(FIELDS), max_size=2),
)
PAYLOADS = st.builds(
    lambda kind, payload: build_notification(type=kind, payload=payload),
    st.sampled_from(["COMPUTE_HOST", "VM", "PROCESS"]),
    st.dictionaries(
        st.sampled_from(["event", "host_status", "cluster_status", "instance_uuid", "process_name"]) | TEXT,
        JSON | st.sampled_from(["STOPPED", "NORMAL", "ONLINE"]),
        max_size=5,
    ),
)
METHODS = [
    "process_notification",
    "get_notification",
    "list_notifications",
    "list_vmoves",
    "get_notification_recovery_workflow_details",
]
OURS = (exceptions.InvalidInput, exceptions.DuplicateNotification, exceptions.NotificationNotFound)

fuzz = hypothesis.settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def client(site: Site) -> Iterator[Any]:
    """Connect as any program on the message bus can; afterwards a good notification must be served."""
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    assert site.engine
    connection = transport.get_transport(site.conf)
    yield oslo_messaging.get_rpc_client(connection, transport.get_target(site.conf), timeout=10)
    assert not site.cloud.migrations
    for found in site.engine.api.list_notifications():
        assert site.engine.api.get_notification(found["notification_uuid"]) == found
        assert site.engine.api.list_vmoves(found["notification_uuid"]) == []
        assert found["status"] != "running"
    assert site.engine.recover()["status"] == "finished"
    site.assert_evacuated_once(server)


@hypothesis.given(notification=JSON | NOTIFICATIONS | PAYLOADS)
@fuzz
def test_any_notification(client: Any, notification: Any) -> None:
    hypothesis.assume(not _is_good(notification))
    with contextlib.suppress(*OURS):
        answer = client.call({}, "process_notification", notification=notification)
        assert answer["status"] in ("ignored", "finished")


def _is_good(notification: Any) -> bool:
    """Tell whether it asks for a recovery: hypothesis may find a good one."""
    try:
        parsed = validation.parse_notification(notification)
    except exceptions.InvalidInput:
        return False
    return parsed.payload.get("event") == "STOPPED" and parsed.payload.get("host_status") == "NORMAL"


@hypothesis.given(method=st.sampled_from(METHODS), arguments=st.dictionaries(TEXT, JSON, max_size=3))
@fuzz
def test_any_arguments(client: Any, method: str, arguments: dict[str, Any]) -> None:
    hypothesis.assume(not {"self", "ctxt", "method"} & set(arguments))
    with contextlib.suppress(*OURS):
        assert isinstance(client.call({}, method, **arguments), list | dict)


@hypothesis.given(
    method=st.sampled_from(METHODS), name=st.sampled_from([*FIELDS, "limit", "status"]), value=JSON
)
@fuzz
def test_any_value_of_a_known_argument(client: Any, method: str, name: str, value: Any) -> None:
    with contextlib.suppress(*OURS):
        assert isinstance(client.call({}, method, **{name: value}), list | dict)


@hypothesis.given(value=JSON | NOTIFICATIONS)
@fuzz
def test_any_cast(client: Any, value: Any) -> None:
    hypothesis.assume(not _is_good(value))
    client.cast({}, "process_notification", notification=value)


@hypothesis.given(method=TEXT.filter(lambda name: name not in METHODS))
@fuzz
def test_any_method(client: Any, method: str) -> None:
    with pytest.raises(oslo_messaging.MessagingException) as caught:
        client.call({}, method)
    assert not isinstance(caught.value, oslo_messaging.MessagingTimeout)


@pytest.mark.parametrize("method", ["_accept", "_find", "__init__", "__class__"])
def test_what_is_private_is_not_called(client: Any, method: str) -> None:
    with pytest.raises(oslo_messaging.MessagingException) as caught:
        client.call({}, method, notification_uuid="x", unknown={})
    assert not isinstance(caught.value, oslo_messaging.MessagingTimeout)
