"""masakari-lite notification create, list, show."""

from __future__ import annotations

import argparse
import datetime
import time
from typing import Any

from cliff.lister import Lister
from cliff.show import ShowOne

from masakari_lite import printable
from masakari_lite.cli import columns, following
from masakari_lite.cli.app import positive_seconds
from masakari_lite.cli.errors import CommandError
from masakari_lite.cli.output import PrintableOutput
from masakari_lite.models import JsonDict, NotificationStatus, NotificationType

_BAD_ENDS = (NotificationStatus.ERROR, NotificationStatus.FAILED)
_LISTED = ("notification_uuid", "type", "hostname", "status", "generated_time", "message")
_SHOWN = (
    "notification_uuid",
    "type",
    "hostname",
    "generated_time",
    "payload",
    "status",
    "reason",
    "message",
    "attempts",
    "retry_at",
    "owner",
    "created_at",
    "updated_at",
)
_LONGEST_WAIT = 3600.0

# type: (the options that belong to it with their defaults; None must be given, "" may be left out)
_PAYLOADS: dict[NotificationType, dict[str, str | None]] = {
    NotificationType.COMPUTE_HOST: {"event": "STOPPED", "host_status": "NORMAL", "cluster_status": ""},
    NotificationType.VM: {"event": "LIFECYCLE", "instance_uuid": None, "vir_domain_event": None},
    NotificationType.PROCESS: {"event": "STOPPED", "process_name": None},
}
_FIELDS = tuple(dict.fromkeys(field for fields in _PAYLOADS.values() for field in fields))


class CreateNotification(PrintableOutput, ShowOne):
    """Notify the engine that something failed.

    The exit status is 1 when the notification has ended as error or failed.
    """

    _status = NotificationStatus.NEW

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take what a monitor would send."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        kinds = [str(kind) for kind in NotificationType]
        add = parser.add_argument
        add("--type", choices=kinds, default="COMPUTE_HOST", help="what failed (%(default)s)")
        add("--hostname", required=True, help="the host that failed, or on which it failed")
        add("--event", help="what happened (STOPPED; LIFECYCLE for a VM)")
        add("--host-status", metavar="NORMAL|UNKNOWN", help="whether the host is surely off (NORMAL)")
        add("--cluster-status", metavar="ONLINE|OFFLINE", help="of a COMPUTE_HOST, as its cluster sees it")
        add("--instance-uuid", help="of a VM, which must be given")
        add("--vir-domain-event", help="libvirt's event of a VM, which must be given")
        add("--process-name", help="of a PROCESS, which must be given")
        add("--generated-time", metavar="TIME", help="when it was seen, ISO 8601, UTC (now)")
        add("--notification-uuid", metavar="UUID", help="to send the same notification again safely")
        add(
            "--wait",
            action="store_true",
            help="wait until it is completed, or is to be retried later, and show its progress on stderr",
        )
        add(
            "--wait-timeout",
            type=positive_seconds,
            default=_LONGEST_WAIT,
            metavar="SECONDS",
            help="the longest to wait (%(default)g)",
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Return in the exit status whether the notification has ended badly."""
        return super().run(parsed_args) or int(self._status in _BAD_ENDS)

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """Send the notification, and wait for its end if that is wanted."""
        notification = build_notification(parsed_args)
        engine = self.app.connect()
        answer = engine.process_notification(notification)
        shown: tuple[str, ...] = ("notification_uuid", "status", "message")
        if parsed_args.wait:
            self._wait(engine, answer["notification_uuid"], parsed_args.wait_timeout)
            answer = engine.get_notification(answer["notification_uuid"])
            shown = _SHOWN
        self._status = NotificationStatus(answer["status"])
        return shown, _show(answer, shown)

    def _wait(self, engine: following.Engine, uuid: str, limit: float) -> None:
        self._say(f"notification {uuid}")
        for snapshot in following.follow(engine, uuid, limit, complain=self._say):
            for vmove in snapshot.changed:
                name = f"{vmove['instance_uuid']} {vmove['instance_name']}"
                self._say(f"[{snapshot.ended}/{len(snapshot.vmoves)}] {name} {following.describe(vmove)}")
            if snapshot.is_final:
                return
        raise CommandError(
            f"notification {uuid} is not completed within {limit:g} s; the engine continues: "
            f"masakari-lite notification show {uuid}"
        )

    def _say(self, message: str) -> None:
        self.app.stderr.write(f"{time.strftime('%H:%M:%S')} {printable.escape(message)}\n")
        self.app.stderr.flush()


class ListNotifications(PrintableOutput, Lister):
    """List notifications, the newest first."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take the filters."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        add = parser.add_argument
        add("--type", choices=[str(kind) for kind in NotificationType], help="only those of a type")
        add("--hostname", help="only those of a host")
        add("--status", choices=[str(status) for status in NotificationStatus], help="only those in a status")
        add("--limit", type=int, help="at most so many")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Ask for the list."""
        filters = {name: getattr(parsed_args, name) for name in ("type", "hostname", "status", "limit")}
        given = {name: value for name, value in filters.items() if value is not None}
        found = self.app.connect().list_notifications(**given)
        return _LISTED, [columns.pick(record, _LISTED) for record in found]


class ShowNotification(PrintableOutput, ShowOne):
    """Show a notification, and the progress of its recovery task by task."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take the notification's uuid."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("notification_uuid", metavar="UUID", help="of the notification")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """Ask for the notification and its workflow."""
        engine = self.app.connect()
        record = engine.get_notification(parsed_args.notification_uuid)
        workflow = engine.get_notification_recovery_workflow_details(parsed_args.notification_uuid)
        values = (*_show(record, _SHOWN), columns.Workflow(workflow))
        return (*_SHOWN, "recovery_workflow_details"), values


def build_notification(arguments: argparse.Namespace) -> JsonDict:
    """Make of the options what a monitor would send.

    :raises CommandError: naming the option that is missing or does not belong to the type
    """
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    notification = {
        "type": arguments.type,
        "hostname": arguments.hostname,
        "generated_time": arguments.generated_time or now.isoformat(),
        "payload": _build_payload(arguments),
    }
    if arguments.notification_uuid:
        notification["notification_uuid"] = arguments.notification_uuid
    return notification


def _build_payload(arguments: argparse.Namespace) -> JsonDict:
    fields = _PAYLOADS[NotificationType(arguments.type)]
    payload = {}
    for name in _FIELDS:
        option = f"--{name.replace('_', '-')}"
        given = getattr(arguments, name)
        if name not in fields:
            if given is not None:
                raise CommandError(f"{option} does not belong to --type {arguments.type}")
            continue
        value = fields[name] if given is None else given
        if value is None:
            raise CommandError(f"{option} must be given with --type {arguments.type}")
        if value or given is not None:
            payload[name] = value
    return payload


def _show(record: JsonDict, shown: tuple[str, ...]) -> tuple[Any, ...]:
    values = dict(zip(shown, columns.pick(record, shown), strict=True))
    if "payload" in values:
        values["payload"] = columns.Fields(values["payload"])
    return tuple(values.values())
