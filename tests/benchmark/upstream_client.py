"""Tell Masakari's engine of failed hosts, and wait for the end: run by the interpreter of its virtualenv.

It does what masakari-api does after it has checked a notification: writes it to the database and casts it to
the engine. It reads what to do from standard input and prints how long it took, both as JSON.
"""

import json
import sys
import time
import uuid

from masakari import config, context, objects, rpc
from masakari.conf import CONF
from masakari.engine import rpcapi
from oslo_utils import timeutils

_POLL_INTERVAL = 0.5
_RUNNING = ("new", "running")


def main() -> None:
    """Notify of all hosts at once."""
    order = json.load(sys.stdin)
    config.parse_args(["masakari", "--config-file", order["config"]])
    CONF.set_override("use_stderr", False)
    objects.register_all()
    rpc.init(CONF)
    admin = context.get_admin_context()
    segment = _create(objects.FailoverSegment, admin, recovery_method="auto", service_type="COMPUTE")
    for host in order["other_hosts"]:
        _create_host(admin, segment, host)
    hosts = [_create_host(admin, segment, host) for host in order["hosts"]]
    engine = rpcapi.EngineAPI()
    begun = time.time()
    notifications = []
    for host in hosts:
        notification = objects.Notification(
            context=admin,
            type="COMPUTE_HOST",
            payload={"event": "STOPPED", "host_status": "NORMAL", "cluster_status": "OFFLINE"},
            generated_time=timeutils.utcnow(),
            source_host_uuid=host.uuid,
            failover_segment_uuid=segment.uuid,
            status="new",
        )
        notification.create()
        engine.process_notification(admin, notification)
        notifications.append(notification.notification_uuid)
    while True:
        statuses = [objects.Notification.get_by_uuid(admin, one).status for one in notifications]
        if not set(statuses) & set(_RUNNING):
            break
        time.sleep(_POLL_INTERVAL)
    json.dump({"begun": begun, "wall": time.time() - begun, "statuses": statuses}, sys.stdout)


def _create_host(admin, segment, name):
    attributes = {"type": "COMPUTE", "control_attributes": "none", "failover_segment": segment}
    return _create(objects.Host, admin, name=name, reserved=False, on_maintenance=False, **attributes)


def _create(kind, admin, **fields):
    fields.setdefault("name", str(uuid.uuid4()))
    made = kind(context=admin, **fields)
    made.create()
    return made


if __name__ == "__main__":
    main()
