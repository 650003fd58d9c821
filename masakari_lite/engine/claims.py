"""Which engine recovers which host: claims that several engines respect, kept with tooz."""

import hashlib
import logging
import threading
import time
from typing import Any
from urllib import parse

import tooz
from oslo_config import cfg
from tooz import coordination

from masakari_lite import concurrency, exceptions
from masakari_lite.engine import leases
from masakari_lite.trouble import Trouble

LOG = logging.getLogger(__name__)

# A claim is renewed every quarter of its lease, and no longer acted on when three quarters have passed
# since the last renewal that held: what was sent just before has a quarter to arrive.
_RENEWALS = 4
_USABLE = 0.75


def _now() -> float:
    """Tell a time that goes on while the process is stopped or the machine suspended, in seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


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
            raise exceptions.ClaimLost(f"the claim on host {self.host} was lost: another engine may go on")

    def renew(self) -> None:
        """Prolong the lease.

        :raises Exception: of the backend, when it did not answer; the claim lasts until its lease ends
        """
        asked_at = _now()
        if not self.is_lost:
            is_held = leases.prolong(self._lock)
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

    def __init__(self, conf: cfg.ConfigOpts, engine_name: str) -> None:
        """Prepare; the backend is first asked when something is to be claimed.

        :param engine_name: unique to this run of this engine
        :raises ConfigurationError: when ``[coordination] backend_url`` cannot work
        """
        self._url = conf.coordination.backend_url
        self._lease_time = conf.coordination.lease_time
        self._topic = conf.masakari_topic
        self._probe = f" probe of {engine_name}"  # no host has a name like it
        self._held: dict[str, Claim] = {}
        self._lock = threading.Lock()
        self._trouble = Trouble(LOG, "The claims on hosts cannot be renewed", "The claims are renewed again")
        self._is_started = False
        self._coordinator = self._build(engine_name)

    def start(self) -> None:
        """Begin to renew what is claimed."""
        concurrency.spawn(self._renew_again_and_again)

    def claim(self, host: str) -> Claim | None:
        """Claim a host.

        :returns: None when another engine, or another recovery of this one, has it
        :raises CoordinationError: when the backend cannot be used
        """
        if host in self._held:
            return None
        try:
            asked_at = _now()
            lock = self._connect().get_lock(self._name_lock(host))
            if not lock.acquire(blocking=False):
                return None
            leases.begin(lock, self._lease_time)
        except Exception as error:
            where = leases.hide_password(self._url)
            raise exceptions.CoordinationError(
                f"the claims in {where} ([coordination] backend_url) cannot be used: {error}"
            ) from error
        if not self._held:
            self._trouble.end()  # there is nothing to renew that could tell it
        self._held[host] = Claim(host, lock, self._lease_time, asked_at)
        return self._held[host]

    def release(self, claim: Claim) -> None:
        """Let another engine have the host."""
        self._held.pop(claim.host, None)
        claim.release()

    def ping(self) -> str:
        """Make sure that claims can be made.

        :returns: for the operator, where they are
        :raises CoordinationError: when they cannot
        """
        claim = self.claim(self._probe)
        if claim:
            self.release(claim)
        return f"{parse.urlsplit(self._url).scheme}, {len(self._held)} held"

    def stop(self) -> None:
        """Let go of everything."""
        for claim in list(self._held.values()):
            self.release(claim)
        if self._is_started:
            self._is_started = False
            try:
                self._coordinator.stop()
            except Exception as error:  # noqa: BLE001 - drivers let their clients' own errors through
                LOG.info("The coordination service was left without a good-bye: %s", error)

    def _build(self, engine_name: str) -> Any:
        if "lock_timeout=" in self._url:
            raise leases.refuse(self._url, "say lock_timeout as [coordination] lease_time")
        # an answer that comes later than the next renewal is of no use; a kazoo session is the lease itself
        limit = max(1, self._lease_time // _RENEWALS)
        is_session = self._url.startswith(("zookeeper:", "kazoo:"))
        try:
            coordinator = coordination.get_coordinator(
                self._url,
                engine_name.encode(),
                lock_timeout=str(self._lease_time),
                timeout=str(self._lease_time if is_session else limit),
                socket_timeout=str(limit),
                socket_connect_timeout=str(limit),
            )
        except ValueError as error:
            raise leases.refuse(self._url, "it is malformed") from error  # its text may have the password
        except (tooz.ToozError, RuntimeError, ImportError) as error:  # stevedore's is a RuntimeError
            raise leases.refuse(self._url, str(error)) from error
        leases.hasten(coordinator)
        return coordinator

    def _connect(self) -> Any:
        with self._lock:
            if not self._is_started:
                self._coordinator.start()
                self._is_started = True
            return self._coordinator

    def _name_lock(self, host: str) -> bytes:
        """Make a name that every backend takes: MySQL's may have 64 characters, a file's no slash."""
        return b"masakari-lite-" + hashlib.sha256(f"{self._topic}/{host}".encode()).hexdigest()[:32].encode()

    def _renew_again_and_again(self) -> None:
        while True:
            time.sleep(self._lease_time / _RENEWALS)
            self._renew_all()

    def _renew_all(self) -> None:
        """Renew each claim, none waiting for another's answer."""
        claims = list(self._held.values())
        failures = [
            outcome.error
            for outcome in concurrency.run_all(Claim.renew, claims, len(claims) or 1)
            if outcome.error
        ]
        if failures:
            self._trouble.begin(failures[0])
        elif any(not claim.is_lost for claim in claims):
            self._trouble.end()
