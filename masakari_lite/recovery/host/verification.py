"""Verifying that instances have arrived: Nova's own lists must show what the evacuation records have told."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator

from masakari_lite import concurrency, exceptions
from masakari_lite.models import Instance, JsonDict, Step, VMove, VMoveStatus
from masakari_lite.reasons import Reason
from masakari_lite.recovery.context import RecoveryContext
from masakari_lite.recovery.host import states
from masakari_lite.recovery.host.restoration import explain_task

LOG = logging.getLogger(__name__)

_EVERY = 60
"""So many verify_intervals pass between two verifications while instances are evacuated."""


class Verification:
    """Gives unverified vmoves their final status, many at once: one list of each host that has received some.

    Their instances are unlocked already. What a list does not confirm is asked for by itself.
    """

    def __init__(self, context: RecoveryContext) -> None:
        self._context = context
        self._unverified: dict[str, VMove] = {}
        self._verified_at = time.monotonic()

    def add(self, vmove: VMove) -> None:
        """Have a vmove verified whose instance is unlocked; one with a final status needs nothing."""
        if vmove.is_unverified:
            self._unverified[vmove.instance_uuid] = vmove

    @contextlib.contextmanager
    def repeated(self) -> Iterator[None]:
        """Verify periodically until the block ends: where one takes long, the others need not wait for it."""
        end = threading.Event()
        verifying = concurrency.spawn(self._verify_until, end)
        try:
            yield
        finally:
            end.set()
            verifying.wait()

    def verify(self) -> list[VMove]:
        """Verify what was added and has no final status yet.

        :returns: what Nova does not confirm; it stays unverified
        :raises NovaError: when Nova does not tell how an instance is
        :raises JournalError: when a final status could not be written
        :raises ClaimLost: when another engine has claimed the notification
        """
        begun_at = time.monotonic()
        for remark, vmoves in self._find_confirmed([*self._unverified.values()]).items():
            self._complete(vmoves, remark)
            for vmove in vmoves:
                del self._unverified[vmove.instance_uuid]
        self._verified_at = begun_at
        return [*self._unverified.values()]

    def _verify_until(self, end: threading.Event) -> None:
        while not end.wait(_EVERY * self._context.conf.verify_interval):
            try:
                self.verify()
            except exceptions.NovaError as error:
                LOG.info("[%s] verifying again: %s", self._context.notification.notification_uuid, error)
            except (exceptions.RecoveryLeft, exceptions.JournalError):
                return  # whoever evacuates finds the same

    def _find_confirmed(self, vmoves: list[VMove]) -> dict[str, list[VMove]]:
        """Find those that have arrived, by the remark that their messages get; mostly there is none."""
        hosts = {vmove.dest_host for vmove in vmoves if vmove.dest_host}
        found = self._context.poller.list_arrived(hosts, self._verified_at)
        confirmed: dict[str, list[VMove]] = {}
        for vmove in vmoves:
            instance = self._find(vmove, found)
            if instance is None or _has_arrived(vmove, instance):
                remark = explain_task(instance) if instance and instance.task_state else ""
                confirmed.setdefault(remark, []).append(vmove)
        return confirmed

    def _find(self, vmove: VMove, found: dict[str, Instance]) -> Instance | None:
        """Return an instance; None when it was deleted since."""
        instance = found.get(vmove.instance_uuid)
        if instance is None or not _has_arrived(vmove, instance):
            instance = self._context.poller.fetch_instance(vmove.instance_uuid)
        return instance if instance and not instance.is_deleted else None

    def _complete(self, vmoves: list[VMove], remark: str) -> None:
        changes: JsonDict = {
            "status": VMoveStatus.SUCCEEDED,
            "reason": Reason.EVACUATED,
            "step": Step.DONE,
            "locked_by_us": False,
        }
        if not remark:
            self._context.journal.vmoves.complete(self._context.notification, vmoves, **changes)
            return
        for vmove in vmoves:
            changes["message"] = f"{vmove.message}; {remark}"
            self._context.journal.vmoves.complete(self._context.notification, [vmove], **changes)


def _has_arrived(vmove: VMove, instance: Instance) -> bool:
    """Return whether an instance is on another host and well; whatever its owner has done to it since.

    :param instance: as Nova shows it after it was unlocked
    """
    is_rebuilding = instance.task_state in states.REBUILDING
    is_well = instance.vm_state != "error" and not is_rebuilding
    return instance.is_deleted or (instance.host != vmove.source_host and is_well)
