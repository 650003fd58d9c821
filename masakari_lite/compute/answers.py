"""What Nova's answers say, in our nouns; a missing field raises KeyError or AttributeError."""

import datetime
from typing import Any

from masakari_lite.models import ComputeService, Instance, JsonDict, Migration


def to_iso(moment: datetime.datetime) -> str:
    """Write a time (UTC) as Nova's changes-since takes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def to_service(service: Any) -> ComputeService:
    """Read a compute service, as novaclient shows it."""
    return ComputeService(
        uuid=service.id,
        host=service.host,
        # whatever is not surely down may be alive
        is_up=service.state != "down",
        is_enabled=service.status == "enabled",
        updated_at=service.updated_at or "",
    )


def to_instance(server: JsonDict) -> Instance:
    """Read a server (``GET /servers/detail``, as an administrator)."""
    return Instance(
        uuid=server["id"],
        name=server["name"],
        host=server["OS-EXT-SRV-ATTR:host"] or None,
        vm_state=server["OS-EXT-STS:vm_state"],
        task_state=server["OS-EXT-STS:task_state"],
        power_state=server["OS-EXT-STS:power_state"] or 0,
        locked=server["locked"],
        locked_reason=server.get("locked_reason"),
        metadata=server["metadata"],
        fault=server.get("fault", {}).get("message", ""),
    )


def to_migration(record: JsonDict) -> Migration:
    """Read a migration record (``GET /os-migrations``)."""
    return Migration(
        id=record["id"],
        instance_uuid=record["instance_uuid"],
        type=record.get("migration_type") or "",
        status=record["status"],
        source_host=record["source_compute"],
        dest_host=record["dest_compute"],
    )
