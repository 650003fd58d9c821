"""How servers, services and migration records look in Nova's answers, by microversion and caller."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from masakari_lite.simulator.clock import isoformat, isoformat_micro
from masakari_lite.simulator.cloud import Cloud
from masakari_lite.simulator.http import Request
from masakari_lite.simulator.models import Host, Migration, Server

FLAVOR = {
    "vcpus": 1,
    "ram": 64,
    "disk": 1,
    "ephemeral": 0,
    "swap": 0,
    "original_name": "nano",
    "extra_specs": {},
}
IMAGE = "b8146d63-1bba-4dce-ab69-e64975b6b038"

REBUILDING = dict.fromkeys(("rebuilding", "rebuild_block_device_mapping", "rebuild_spawning"), "REBUILD")

# vm_state: (status, what it is instead while a task goes on)
STATUSES: dict[str, tuple[str, dict[str, str]]] = {
    "active": (
        "ACTIVE",
        REBUILDING
        | {
            "rebooting": "REBOOT",
            "reboot_started": "REBOOT",
            "rebooting_hard": "HARD_REBOOT",
            "migrating": "MIGRATING",
        },
    ),
    "building": ("BUILD", {}),
    "stopped": ("SHUTOFF", REBUILDING),
    "error": ("ERROR", REBUILDING),
    "paused": ("PAUSED", {"migrating": "MIGRATING"}),
    "suspended": ("SUSPENDED", {}),
    "rescued": ("RESCUE", {}),
    "resized": ("VERIFY_RESIZE", {}),
    "deleted": ("DELETED", {}),
    "soft-delete": ("SOFT_DELETED", {}),
    "shelved": ("SHELVED", {}),
    "shelved_offloaded": ("SHELVED_OFFLOADED", {}),
}

PROGRESS = frozenset({"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"})


def status(server: Server) -> str:
    """Return a server's status, which Nova makes of its vm_state and task_state."""
    default, by_task = STATUSES.get(server.vm_state, ("UNKNOWN", {}))
    return by_task.get(server.task_state or "", default)


def server_json(cloud: Cloud, request: Request, server: Server) -> str:
    """Return a server's JSON as that caller sees it; rendered once for each state it is in."""
    host_status = _host_status(cloud, server) if request.caller.is_admin else ""
    key = (request.version, host_status, request.base_url)
    text = server.rendered.get(key)
    if text is None:
        view = server_view(request, server, host_status, cloud.hosts[server.host].node)
        text = server.rendered[key] = json.dumps(view)
    return text


def server_view(request: Request, server: Server, host_status: str, node: str) -> dict[str, Any]:
    """Return a server's fields; `host_status` is empty for a caller who is not an admin."""
    state = status(server)
    view = {
        "accessIPv4": "",
        "accessIPv6": "",
        "addresses": {},
        "created": isoformat(server.created),
        "flavor": _flavor(request),
        "hostId": hashlib.sha224((server.project.id + server.host).encode()).hexdigest(),
        "id": server.uuid,
        "image": {"id": IMAGE, "links": _links(request, f"images/{IMAGE}")[1:]},
        "links": _links(request, f"servers/{server.uuid}"),
        "metadata": server.metadata,
        "name": server.name,
        "status": state,
        "tenant_id": server.project.id,
        "user_id": server.user_id,
        "updated": isoformat(server.updated),
        "OS-DCF:diskConfig": "MANUAL",
        "OS-EXT-AZ:availability_zone": "nova",
        "config_drive": "",
        "key_name": None,
        "OS-SRV-USG:launched_at": isoformat_micro(server.created),
        "OS-SRV-USG:terminated_at": isoformat_micro(server.terminated) if server.terminated else None,
        "OS-EXT-STS:task_state": server.task_state,
        "OS-EXT-STS:vm_state": server.vm_state,
        "OS-EXT-STS:power_state": server.power_state,
        "os-extended-volumes:volumes_attached": [],
    }
    if state in PROGRESS:
        view["progress"] = 0
    if server.fault and state in ("ERROR", "DELETED"):
        fault = {**server.fault, "created": isoformat(server.fault["created"])}
        if not host_status:
            del fault["details"]
        view["fault"] = fault
    if host_status:
        view |= _admin_view(request, server, host_status, node)
    return view | _newer_view(request, server)


def _admin_view(request: Request, server: Server, host_status: str, node: str) -> dict[str, Any]:
    view: dict[str, Any] = {
        "OS-EXT-SRV-ATTR:host": server.host,
        "OS-EXT-SRV-ATTR:hypervisor_hostname": node,
        "OS-EXT-SRV-ATTR:instance_name": f"instance-{server.id:08x}",
    }
    if request.version >= (2, 3):
        view |= {
            "OS-EXT-SRV-ATTR:hostname": server.name,
            "OS-EXT-SRV-ATTR:kernel_id": "",
            "OS-EXT-SRV-ATTR:launch_index": 0,
            "OS-EXT-SRV-ATTR:ramdisk_id": "",
            "OS-EXT-SRV-ATTR:reservation_id": f"r-{server.uuid[:8]}",
            "OS-EXT-SRV-ATTR:root_device_name": "/dev/sda",
            "OS-EXT-SRV-ATTR:user_data": None,
        }
    if request.version >= (2, 16):
        view["host_status"] = host_status
    return view


def _newer_view(request: Request, server: Server) -> dict[str, Any]:
    """Return the fields that microversions added."""
    added: tuple[tuple[tuple[int, int], str, Any], ...] = (
        ((2, 9), "locked", server.locked),
        ((2, 19), "description", None),
        ((2, 26), "tags", []),
        ((2, 63), "trusted_image_certificates", None),
        ((2, 73), "locked_reason", server.locked_reason),
        ((2, 90), "OS-EXT-SRV-ATTR:hostname", server.name),
        ((2, 96), "pinned_availability_zone", None),
    )
    return {name: value for since, name, value in added if request.version >= since}


def _flavor(request: Request) -> dict[str, Any]:
    # 2.47 shows what the flavor is instead of a link to it
    if request.version >= (2, 47):
        return FLAVOR
    return {"id": "nano", "links": _links(request, "flavors/nano")[1:]}


def _links(request: Request, path: str) -> list[dict[str, str]]:
    return [
        {"rel": "self", "href": f"{request.base_url}/compute/v2.1/{path}"},
        {"rel": "bookmark", "href": f"{request.base_url}/compute/{path}"},
    ]


def _host_status(cloud: Cloud, server: Server) -> str:
    host = cloud.hosts[server.host]
    if host.forced_down:
        return "DOWN"
    if not cloud.is_up(host):
        return "UNKNOWN"
    return "MAINTENANCE" if host.disabled else "UP"


def service_view(cloud: Cloud, request: Request, host: Host) -> dict[str, Any]:
    """Return the fields of a host's nova-compute service."""
    updated = cloud.now if host.alive else max(host.last_seen, host.changed)
    view: dict[str, Any] = {
        "binary": "nova-compute",
        "host": host.name,
        "id": host.uuid if request.version >= (2, 53) else host.id,
        "zone": "nova",
        "status": "disabled" if host.disabled else "enabled",
        "state": "up" if cloud.is_up(host) else "down",
        "updated_at": isoformat_micro(cloud.clock.wall(updated)),
        "disabled_reason": host.disabled_reason,
    }
    if request.version >= (2, 11):
        view["forced_down"] = host.forced_down
    return view


def migration_view(request: Request, migration: Migration) -> dict[str, Any]:
    """Return the fields of a migration record."""
    view: dict[str, Any] = {
        "id": migration.id,
        "instance_uuid": migration.instance_uuid,
        "status": migration.status,
        "source_compute": migration.source_compute,
        "source_node": migration.source_node,
        "dest_compute": migration.dest_compute,
        "dest_node": migration.dest_node,
        "dest_host": None,
        "old_instance_type_id": None,
        "new_instance_type_id": None,
        "created_at": isoformat_micro(migration.created),
        "updated_at": None if migration.updated is None else isoformat_micro(migration.updated),
    }
    if request.version >= (2, 23):
        view["migration_type"] = migration.migration_type
    if request.version >= (2, 59):
        view["uuid"] = migration.uuid
    if request.version >= (2, 80):
        view |= {"user_id": migration.user_id, "project_id": migration.project_id}
    return view
