"""What Nova's answers say, in our nouns; a field that is missing is named, and what to do about it."""

import datetime
from typing import Any

from masakari_lite import exceptions
from masakari_lite.models import ComputeService, Instance, JsonDict, Migration

_UNKNOWN = "UNKNOWN"
"""The status of a server or service whose cell does not answer (from microversion 2.69 on)."""

_ALL_FILTERS = "os_compute_api:servers:allow_all_filters"
# fields that Nova leaves out, or empties, for a user without the policy
_POLICIES = {
    "OS-EXT-SRV-ATTR:host": "os_compute_api:os-extended-server-attributes",
    "source_compute": "os_compute_api:os-migrations:index:host",
}


def is_unknown(record: JsonDict) -> bool:
    """Return whether the cell of a server or service does not answer."""
    return bool(record.get("status") == _UNKNOWN)


def explain_down_cell(name: str) -> exceptions.CellUnavailable:
    """Build the error for what Nova shows with status UNKNOWN.

    :param name: what that is, in words
    """
    return exceptions.CellUnavailable(
        f"Nova shows the {name} with status UNKNOWN: the database of its cell does not answer; "
        "nothing is believed of its host until it does"
    )


def explain_ignored_filter(name: str, found: str) -> exceptions.NovaForbidden:
    """Build the error for a list that has what it should not have.

    :param name: of the filter
    :param found: what is in the list
    """
    return exceptions.NovaForbidden(
        f"Nova ignores the filter {name} of a list of servers, which has {found}: give the user in [nova] of "
        f"masakari.conf the admin role, or the policy {_ALL_FILTERS}"
    )


def to_iso(moment: datetime.datetime) -> str:
    """Write a time (UTC) as Nova's changes-since takes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def to_host(service: JsonDict) -> str:
    """Read the host of a compute service; of one whose cell does not answer, too.

    :raises NovaError: when it is missing
    """
    return str(_Answer(f"compute service {service.get('id')}", service)["host"])


def to_service(service: JsonDict) -> ComputeService:
    """Read a compute service (``GET /os-services``).

    :raises CellUnavailable: when the cell of its host does not answer
    :raises NovaError: naming the field that is missing
    """
    answer = _Answer(f"compute service of {service.get('host')}", service)
    return ComputeService(
        uuid=answer["id"],
        host=answer["host"],
        # whatever is not surely down may be alive
        is_up=answer["state"] != "down",
        is_enabled=answer["status"] == "enabled",
        updated_at=answer["updated_at"] or "",
        disabled_reason=service.get("disabled_reason") or "",
    )


def to_uuid(server: JsonDict) -> str:
    """Read the uuid of a server in a list without details (``GET /servers``)."""
    return str(_Answer("server in a list", server)["id"])


def to_instance(server: JsonDict) -> Instance:
    """Read a server (``GET /servers/detail``, as an administrator).

    :raises CellUnavailable: when the cell of the server does not answer
    :raises NovaError: naming the field that is missing, and the policy that hides it
    """
    answer = _Answer(f"instance {server.get('id')}", server)
    return Instance(
        uuid=answer["id"],
        name=answer["name"],
        host=answer["OS-EXT-SRV-ATTR:host"] or None,
        vm_state=answer["OS-EXT-STS:vm_state"],
        task_state=answer["OS-EXT-STS:task_state"],
        power_state=answer["OS-EXT-STS:power_state"] or 0,
        locked=answer["locked"],
        locked_reason=server.get("locked_reason"),
        metadata=answer["metadata"],
        fault=server.get("fault", {}).get("message", ""),
    )


def to_migration(record: JsonDict) -> Migration:
    """Read a migration record (``GET /os-migrations``).

    :raises NovaError: naming the field that is missing, and the policy that hides it
    """
    answer = _Answer(f"migration record {record.get('id')}", record)
    if answer["source_compute"] is None:
        raise answer.lacks("source_compute")  # every record has one
    return Migration(
        id=answer["id"],
        instance_uuid=answer["instance_uuid"],
        type=record.get("migration_type") or "",
        status=answer["status"],
        source_host=answer["source_compute"],
        dest_host=answer["dest_compute"],
    )


class _Answer:
    """One record of an answer, of which every field that is read must be there."""

    def __init__(self, name: str, fields: JsonDict) -> None:
        """Take a record.

        :param name: what it is about, for the error's message
        """
        self._name = name
        self._fields = fields

    def __getitem__(self, field: str) -> Any:
        if field not in self._fields:
            raise self.lacks(field)
        return self._fields[field]

    def lacks(self, field: str) -> exceptions.NovaError:
        """Build the error that names a missing field."""
        if is_unknown(self._fields):
            return explain_down_cell(self._name)
        message = f"Nova does not show {field} of the {self._name}"
        if field in _POLICIES:
            return exceptions.NovaForbidden(
                f"{message}: give the user in [nova] of masakari.conf the admin role, or the policy "
                f"{_POLICIES[field]}"
            )
        return exceptions.NovaUnanswered(f"{message}: its answer is not complete")
