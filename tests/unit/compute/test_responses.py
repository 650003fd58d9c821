"""Each field of Nova's answers that is read is named when it is missing, with what to do about it."""

from typing import Any

import pytest

from masakari_lite import exceptions
from masakari_lite.compute import responses

SERVICE = {
    "id": "a",
    "host": "compute-1",
    "state": "down",
    "status": "enabled",
    "updated_at": "2026-01-31T03:00:00.0",
}
SERVER: dict[str, Any] = {
    "id": "b",
    "name": "web",
    "OS-EXT-SRV-ATTR:host": "compute-1",
    "OS-EXT-STS:vm_state": "active",
    "OS-EXT-STS:task_state": None,
    "OS-EXT-STS:power_state": 1,
    "locked": False,
    "metadata": {},
}
MIGRATION = {
    "id": 7,
    "instance_uuid": "b",
    "status": "done",
    "source_compute": "compute-1",
    "dest_compute": "compute-2",
}
READERS = {
    "compute service of compute-1": (responses.to_service, SERVICE),
    "instance b": (responses.to_instance, SERVER),
    "migration record 7": (responses.to_migration, MIGRATION),
}
CASES = [(name, field) for name, (_, record) in READERS.items() for field in record]


@pytest.mark.parametrize("name", READERS)
def test_a_whole_record_is_read(name: str) -> None:
    reader, record = READERS[name]
    assert reader(record)


@pytest.mark.parametrize(("name", "field"), CASES)
def test_a_missing_field_is_named(name: str, field: str) -> None:
    reader, record = READERS[name]
    rest = {key: value for key, value in record.items() if key != field}
    kind = name.rpartition(" ")[0]
    with pytest.raises(exceptions.NovaError, match=rf"^Nova does not show {field} of the {kind}"):
        reader(rest)


@pytest.mark.parametrize(
    ("name", "field", "policy"),
    [
        ("instance b", "OS-EXT-SRV-ATTR:host", "os_compute_api:os-extended-server-attributes"),
        ("migration record 7", "source_compute", "os_compute_api:os-migrations:index:host"),
    ],
)
def test_a_policy_that_hides_a_field_is_named(name: str, field: str, policy: str) -> None:
    reader, record = READERS[name]
    with pytest.raises(exceptions.NovaForbidden, match=rf"{field} of .* the policy {policy}$"):
        reader({key: value for key, value in record.items() if key != field})


def test_nova_empties_the_host_of_a_record_that_it_may_not_show() -> None:
    with pytest.raises(exceptions.NovaForbidden, match="source_compute"):
        responses.to_migration(MIGRATION | {"source_compute": None, "dest_compute": None})


def test_a_record_without_a_destination_is_read() -> None:
    assert responses.to_migration(MIGRATION | {"dest_compute": None}).dest_host is None


@pytest.mark.parametrize("name", ["compute service of compute-1", "instance b"])
def test_a_record_of_a_down_cell_is_told(name: str) -> None:
    reader, record = READERS[name]
    down = {key: record[key] for key in ("id", "host") if key in record} | {"status": "UNKNOWN"}
    with pytest.raises(exceptions.CellUnavailable, match="status UNKNOWN: the database of its cell"):
        reader(down)
