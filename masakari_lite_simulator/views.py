"""Servers, services and migration records in Nova's responses, by microversion and caller."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from masakari_lite_simulator.clock import isoformat, isoformat_micro
from masakari_lite_simulator.cloud import Cloud
from masakari_lite_simulator.http import Request
from masakari_lite_simulator.models import Host, Migration, Server

FLAVOR = {
    "vcpus": 1,
    "ram": 64,
    "disk": 1,
    "ephemeral": 0,
    "swap": 0,
    "original_name": "nano",
    "extra_specs": {},
}
SCHEDULER = "5b6ed3ac-4f05-4b83-8d2c-3f4d4a2f0a11"
IMAGE = "b8146d63-1bba-4dce-ab69-e64975b6b038"

REBUILDING = dict.fromkeys(("rebuilding", "rebuild_block_device_mapping", "rebuild_spawning"), "REBUILD")

# vm_state: (status, the status instead of it by task_state)
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


ATTRIBUTES = "os_compute_api:os-extended-server-attributes"
MIGRATION_HOSTS = "os_compute_api:os-migrations:index:host"


def status(server: Server) -> str:
    """Return a server's status, which Nova derives from its vm_state and task_state."""
    default, by_task = STATUSES.get(server.vm_state, ("UNKNOWN", {}))
    return by_task.get(server.task_state or "", default)


def server_json(cloud: Cloud, request: Request, server: Server) -> str:
    """Return a server's JSON for the caller; rendered once until the server changes."""
    host_status = _host_status(cloud, server) if request.caller.is_admin else ""
    key = (request.version, host_status, request.base_url, request.may(ATTRIBUTES))
    text = server.rendered.get(key)
    if text is None:
        view = server_view(request, server, host_status, cloud.hosts[server.host].node)
        text = server.rendered[key] = json.dumps(view)
    return text


def short_server_view(request: Request, server: Server) -> dict[str, Any]:
    """Return a server in a list without details."""
    return {"id": server.uuid, "name": server.name, "links": _links(request, f"servers/{server.uuid}")}


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
    if request.may(ATTRIBUTES):
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
    # from 2.47 on the flavor itself instead of a link to it
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


def down_server_view(request: Request, server: Server) -> dict[str, Any]:
    """Return a server in a cell that does not answer, from microversion 2.69 on."""
    return {
        "id": server.uuid,
        "status": "UNKNOWN",
        "tenant_id": server.project.id,
        "created": isoformat(server.created),
        "links": _links(request, f"servers/{server.uuid}"),
    }


def down_service_view(host: Host) -> dict[str, Any]:
    """Return a service in a cell that does not answer, from microversion 2.69 on."""
    return {"binary": "nova-compute", "host": host.name, "status": "UNKNOWN"}


def service_view(cloud: Cloud, request: Request, host: Host) -> dict[str, Any]:
    """Return the fields of a host's nova-compute service."""
    updated = cloud.nova_now() if host.alive else host.updated
    view: dict[str, Any] = {
        "binary": "nova-compute",
        "host": host.name,
        "id": host.uuid if request.version >= (2, 53) else host.id,
        "zone": "nova",
        "status": "disabled" if host.disabled else "enabled",
        "state": "up" if cloud.is_up(host) else "down",
        "updated_at": isoformat_micro(updated),
        "disabled_reason": host.disabled_reason,
    }
    if request.version >= (2, 11):
        view["forced_down"] = host.forced_down
    return view


def scheduler_view(cloud: Cloud, request: Request) -> dict[str, Any]:
    """Return the fields of the only nova-scheduler."""
    view: dict[str, Any] = {
        "binary": "nova-scheduler",
        "host": "controller",
        "id": SCHEDULER if request.version >= (2, 53) else 0,
        "zone": "internal",
        "status": "enabled",
        "state": "up" if cloud.options.scheduler_is_up else "down",
        "updated_at": isoformat_micro(cloud.nova_now()),
        "disabled_reason": None,
    }
    if request.version >= (2, 11):
        view["forced_down"] = False
    return view


def migration_view(request: Request, migration: Migration) -> dict[str, Any]:
    """Return the fields of a migration record."""
    shown = request.may(MIGRATION_HOSTS)
    view: dict[str, Any] = {
        "id": migration.id,
        "instance_uuid": migration.instance_uuid,
        "status": migration.status,
        "source_compute": migration.source_compute if shown else None,
        "source_node": migration.source_node if shown else None,
        "dest_compute": migration.dest_compute if shown else None,
        "dest_node": migration.dest_node if shown else None,
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
