"""Which engine recovers which host: claims that several engines respect."""

import hashlib
import logging
import threading
import time
from typing import Any

from oslo_config import cfg

from masakari_lite import concurrency, exceptions
from masakari_lite.coordination import backends, leases
from masakari_lite.coordination.database import DatabaseCoordinator
from masakari_lite.outage import OutageReporter

LOG = logging.getLogger(__name__)

# A claim is renewed every quarter of its lease, and no longer acted on when three quarters have passed
# since the last renewal that held: what was sent just before has a quarter to arrive.
_RENEWALS = 4
_USABLE = 0.75


_now = leases.now
# no host has a name like it
_PROBE = " probe"


class Claim:
    """This engine's right to recover one host, for as long as ``check()`` raises nothing."""

    def __init__(self, host: str, lock: Any, lease_time: float, as_of: float) -> None:
        """Hold an acquired lock.

        :param as_of: when the lock was surely ours, by ``_now()``
        """
        self.host = host
        self._lock = lock
        self._usable = lease_time * _USABLE
        self._confirmed_at = as_of
        self._is_lost = False

    @property
    def is_lost(self) -> bool:
        """Whether another engine may own the host by now; once lost, a claim stays so."""
        self._is_lost = self._is_lost or _now() - self._confirmed_at > self._usable
        return self._is_lost

    def check(self) -> None:
        """Make sure that the host is still this engine's, right before something is done about it.

        :raises ClaimLost: when another engine may have taken it over
        """
        if self.is_lost:
            raise exceptions.ClaimLost(
                f"the claim on host {self.host} was lost: another engine may resume its recovery"
            )

    def renew(self) -> None:
        """Prolong the lease.

        :raises Exception: of the backend, when it did not answer; the claim lasts until its lease ends
        """
        asked_at = _now()
        if not self.is_lost:
            is_held = leases.renew(self._lock)
            self._is_lost = self._is_lost or not is_held  # released meanwhile, it stays so
            self._confirmed_at = asked_at

    def release(self) -> None:
        """Let another engine have the host; what can't be released ends with its lease.

        Whoever still works on the host in this engine does nothing more about it.
        """
        self._is_lost = True
        try:
            self._lock.release()
        except Exception as error:  # noqa: BLE001 - drivers let their clients' own errors through
            LOG.info("The claim on host %s is left to its lease: %s", self.host, error)


class Claims:
    """The claims of one engine."""

    def __init__(self, conf: cfg.ConfigOpts, engine_name: str, journal_uuid: str) -> None:
        """Prepare; the backend is first asked when something is to be claimed.

        :param engine_name: unique to this run of this engine
        :param journal_uuid: the claims are for all engines of this journal, whatever topic they listen on
        :raises ConfigurationError: when ``[coordination] backend_url`` cannot work
        """
        self._scheme = backends.find_scheme(conf)
        self._where = backends.describe(conf)
        self._lease_time = conf.coordination.lease_time
        self._journal_uuid = journal_uuid
        self._claimed: dict[str, Claim] = {}
        self._lock = threading.Lock()
        self._outage = OutageReporter(
            LOG, "The claims on hosts cannot be renewed", "The claims are renewed again"
        )
        self._is_started = False
        self._coordinator = backends.build(conf, engine_name)

    def start(self) -> None:
        """Begin to renew what is claimed."""
        concurrency.spawn(self._renew_again_and_again)

    def claim(self, host: str) -> Claim | None:
        """Claim a host.

        :returns: None when another engine, or another recovery of this one, has it
        :raises CoordinationError: when the backend cannot be used
        """
        if host in self._claimed:
            return None
        try:
            asked_at = _now()
            lock = self._connect().get_lock(self._name_lock(host))
            if not lock.acquire(blocking=False):
                return None
            leases.set_expiry(lock, self._lease_time)
        except Exception as error:
            raise exceptions.CoordinationError(
                f"the claims in {self._where} cannot be used: {error}"
            ) from error
        if not self._claimed:
            self._outage.end()  # there is nothing to renew that could tell it
        self._claimed[host] = Claim(host, lock, self._lease_time, asked_at)
        return self._claimed[host]

    def release(self, claim: Claim) -> None:
        """Let another engine have the host."""
        self._claimed.pop(claim.host, None)
        claim.release()

    def ping(self) -> str:
        """Make sure that claims can be made.

        :returns: for the operator, where they are
        :raises CoordinationError: when they cannot
        """
        claim = self.claim(_PROBE)
        if claim:
            self.release(claim)
        return f"{self._scheme}, {len(self._claimed)} claimed"

    def stop(self) -> None:
        """Let go of everything."""
        for claim in list(self._claimed.values()):
            self.release(claim)
        if self._is_started:
            self._is_started = False
            try:
                self._coordinator.stop()
            except Exception as error:  # noqa: BLE001 - drivers let their clients' own errors through
                LOG.info("The connection to the coordination service was not closed cleanly: %s", error)

    def _connect(self) -> Any:
        with self._lock:
            if not self._is_started:
                self._coordinator.start()
                self._is_started = True
            return self._coordinator

    def _name_lock(self, host: str) -> bytes:
        """Make a name that every backend takes: MySQL's may have 64 characters, a file's no slash."""
        return (
            b"masakari-lite-"
            + hashlib.sha256(f"{self._journal_uuid}/{host}".encode()).hexdigest()[:32].encode()
        )

    def _renew_again_and_again(self) -> None:
        while True:
            time.sleep(self._lease_time / _RENEWALS)
            self._renew_all()
            self._watch_others()

    def _renew_all(self) -> None:
        """Renew each claim, none waiting for another's answer."""
        claims = list(self._claimed.values())
        failures = [
            outcome.error
            for outcome in concurrency.run_all(Claim.renew, claims, len(claims) or 1)
            if outcome.error
        ]
        if failures:
            self._outage.begin(failures[0])
        elif any(not claim.is_lost for claim in claims):
            self._outage.end()

    def _watch_others(self) -> None:
        """Have the claims of engines that died known as such when they are wanted, not a lease later."""
        if isinstance(self._coordinator, DatabaseCoordinator):
            try:
                self._coordinator.watch()
            except exceptions.JournalError as error:
                LOG.debug("The claims of other engines cannot be read: %s", error)
