"""What interrupted recoveries have left in Nova: found by the journal, removed when nobody resumes them."""

import logging

from oslo_config import cfg

from masakari_lite import exceptions
from masakari_lite.compute.nova import NovaAPI
from masakari_lite.coordination.claims import Claim, Claims
from masakari_lite.journal.store import Journal
from masakari_lite.models import Instance, JsonDict, Notification, Step, VMove, VMoveStatus
from masakari_lite.reasons import Reason
from masakari_lite.recovery import late_requests, results
from masakari_lite.recovery.context import build_locked_reason
from masakari_lite.recovery.locking import find_locking_vmove, names_us

LOG = logging.getLogger(__name__)


class StaleLocks:
    """Checks the vmoves of which something may be left, when the engine starts and then periodically.

    The journal names them: a lock of ours whose recovery is not running, or a request that Nova may have
    carried out late. What it costs Nova grows with those alone.

    Only when an engine starts all locked instances of the cloud are listed, once: a lock that names
    masakari-lite and that the journal does not know may be of another journal, or written by the instance's
    owner, so it is logged and left.
    """

    def __init__(self, conf: cfg.ConfigOpts, journal: Journal, nova: NovaAPI, claims: Claims) -> None:
        self._conf = conf
        self._journal = journal
        self._nova = nova
        self._claims = claims
        self._has_listed = False

    def clean_up(self) -> None:
        """Remove what is left, and log what is not known.

        :raises MasakariLiteError: when the journal, Nova or the claims cannot be used; call it again
        """
        for vmove in self._journal.vmoves.list_stale(self._conf.nova.late_request_period):
            try:
                self._settle(vmove)
            except exceptions.NovaError as error:  # the others need not wait for this one
                LOG.warning(
                    "[instance: %s] Its stale lock could not be released and is checked again: %s",
                    vmove.instance_uuid,
                    error,
                )
        if not self._has_listed:
            self._log_unknown_locks()
            self._has_listed = True

    def _settle(self, vmove: VMove) -> None:
        claim = self._claims.claim(vmove.source_host)
        if claim is None:
            return  # a recovery of the host runs: the next check sees what it has left
        try:
            notification = self._journal.notifications.get(vmove.notification_uuid)
            if not notification.status.is_active:
                _Check(self._conf, self._journal, self._nova, claim, notification, vmove).run()
        finally:
            self._claims.release(claim)

    def _log_unknown_locks(self) -> None:
        if not self._nova.servers.has_locked_reason:
            return
        for instance in self._nova.servers.list_locked():
            if names_us(instance) and find_locking_vmove(self._journal, instance) is None:
                LOG.warning(
                    "[instance: %s] is locked with the reason %r, but this journal has no such lock: it is "
                    "left as it is. If no other masakari-lite uses this cloud: openstack server unlock %s",
                    instance.uuid,
                    instance.locked_reason,
                    instance.uuid,
                )


class _Check:
    """The check of one vmove, while its host is claimed."""

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        journal: Journal,
        nova: NovaAPI,
        claim: Claim,
        notification: Notification,
        vmove: VMove,
    ) -> None:
        self._conf = conf
        self._journal = journal
        self._nova = nova.guarded_by(claim.check)
        self._notification = notification
        self._vmove = vmove

    def run(self) -> None:
        vmove = self._vmove
        # the step of an unfinished vmove tells what may have been sent
        changes: JsonDict = {"step": Step.DONE if vmove.status.is_final else vmove.step}
        try:
            instance = self._nova.servers.get(vmove.instance_uuid)
        except exceptions.InstanceNotFound:
            changes["recheck_at"] = None  # what was left was deleted with it
        else:
            changes |= self._check(instance)
        self._journal.vmoves.update(self._notification, vmove, locked_by_us=False, **changes)
        if "status" in changes:
            self._tell()

    def _check(self, instance: Instance) -> JsonDict:
        if self._is_locked_by_us(instance):
            self._log("the lock of an interrupted recovery is removed")
            self._nova.servers.unlock(instance.uuid, endless=False)
        if self._vmove.locked_by_us:
            return {"recheck_at": late_requests.find_recheck_time(self._conf, self._journal.clock)}
        is_ill = instance.vm_state == "error" and self._vmove.vm_state != "error"
        if is_ill and self._is_back:
            self._log(
                "is in error now, although it was evacuated: if it runs, reset its state: "
                f"openstack server set --state active {instance.uuid}"
            )
        if instance.locked and not self._nova.servers.has_locked_reason and not self._vmove.locked:
            self._log("is locked: unless somebody else has done it, a lock request was late: unlock it")
        return {"recheck_at": None} | self._find_double()

    def _is_locked_by_us(self, instance: Instance) -> bool:
        if self._nova.servers.has_locked_reason:
            reason = build_locked_reason(self._vmove.notification_uuid)
            return instance.locked and instance.locked_reason == reason
        return instance.locked and self._vmove.locked_by_us

    @property
    def _is_back(self) -> bool:
        return self._vmove.status is VMoveStatus.SUCCEEDED

    def _find_double(self) -> JsonDict:
        vmove = self._vmove
        records = self._nova.migrations.list_evacuations_of(vmove.instance_uuid, vmove.source_host)
        message = late_requests.describe_double_evacuation(records, vmove.migration_baseline)
        if not message or not self._is_back:
            return {}
        self._log(message)
        return {"status": VMoveStatus.FAILED, "reason": Reason.EVACUATED_TWICE, "message": message}

    def _tell(self) -> None:
        """Have the notification say what is so now, though it has ended."""
        vmoves = self._journal.vmoves.list_of(self._notification.notification_uuid)
        result = results.summarize(vmoves)
        self._journal.notifications.update(
            self._notification,
            status=result.status,
            reason=result.reason,
            message=result.message,
            retry_at=result.retry_at,
        )

    def _log(self, message: str) -> None:
        uuid = self._notification.notification_uuid
        LOG.warning("[%s] [instance: %s] %s", uuid, self._vmove.instance_uuid, message)
