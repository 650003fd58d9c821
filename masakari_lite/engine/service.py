"""The life of the engine process: start, drain, stop."""

import contextlib
import functools
import itertools
import logging
import os
import socket
import time
import uuid
from collections.abc import Callable

from oslo_config import cfg
from oslo_service import service

from masakari_lite import concurrency, exceptions
from masakari_lite.compute.nova import NovaAPI
from masakari_lite.coordination import backends
from masakari_lite.coordination.claims import Claim, Claims
from masakari_lite.engine.admission import Admission
from masakari_lite.engine.dispatcher import Dispatcher
from masakari_lite.engine.events import Events
from masakari_lite.engine.manager import EngineManager
from masakari_lite.engine.stale_locks import StaleLocks
from masakari_lite.health.monitor import HealthMonitor
from masakari_lite.health.systemd import Notifier
from masakari_lite.journal.store import Journal
from masakari_lite.models import Notification
from masakari_lite.outage import OutageReporter
from masakari_lite.recovery import registry
from masakari_lite.recovery.context import build_context
from masakari_lite.recovery.results import Result
from masakari_lite.rpc import broker_log, server, transport

LOG = logging.getLogger(__name__)

# so that the drain ends before oslo.service ends the process
_MARGIN = 1.0
# between two attempts to listen at a broker that refuses it, in seconds
_PAUSES = (1, 2, 5, 10, 30)


class EngineService(service.Service):
    """Serves RPC and recovers hosts until it is stopped."""

    def __init__(self, conf: cfg.ConfigOpts, notifier: Notifier | None = None) -> None:
        """Open what the engine works with; nothing is served yet.

        :param notifier: systemd, which the state of the engine is reported to
        :raises ConfigurationError: when the configuration can't work
        :raises JournalError: when the journal can't be used
        """
        super().__init__()
        if not concurrency.is_patched():
            raise exceptions.ConfigurationError(
                "the process is not monkey-patched, so instances would be evacuated one after the other; "
                "start the engine by its command, masakari-lite-engine"
            )
        self._conf = conf
        self._is_serving = False
        _check_state_path(conf)
        backends.check(conf)
        name = _name_engine(conf)
        self._journal = Journal(conf)
        self._claims = Claims(conf, name, self._journal.uuid)
        self._events = Events()
        self._dispatcher = Dispatcher(
            conf, self._journal, self._claims, name, self._recover, Admission(), self._events
        )
        self._nova = NovaAPI(conf, self._dispatcher.is_stopping)
        self._stale_locks = StaleLocks(conf, self._journal, self._nova, self._claims)
        self._broker_log = broker_log.BrokerLogFilter()
        self._transport = transport.get_transport(conf)
        self._health = HealthMonitor(
            conf,
            notifier or Notifier(),
            self._journal,
            self._nova,
            self._claims,
            lambda: self._dispatcher.hosts,
            self._broker_log,
        )
        manager = EngineManager(conf, self._journal, self._dispatcher, self._health.report)
        self._build_server = functools.partial(server.build_server, conf, self._transport, manager)
        self._server = self._build_server()

    def start(self) -> None:
        """Serve RPC, resume what an earlier engine left, and poll the journal periodically."""
        conf = self._conf
        # recoveries are resumed even while the broker or Nova is unreachable
        self._broker_log.begin_to_watch()
        self.tg.add_timer(self._health.heartbeat.interval, self._health.heartbeat.beat, initial_delay=0)
        concurrency.spawn(self._serve)
        concurrency.spawn(self._check_nova)
        self._claims.start()
        watch = self._health.watchdog.watch
        self._dispatcher.start(watch)
        self._repeat(
            conf.check_expired_notifications_interval,
            watch(self._dispatcher.give_up_expired, conf.check_expired_notifications_interval),
            OutageReporter(
                LOG, "Expired notifications cannot be given up", "Expired notifications are given up again"
            ),
        )
        self._repeat(
            conf.process_unfinished_notifications_interval,
            self._stale_locks.clean_up,
            OutageReporter(LOG, "Stale locks cannot be released", "Stale locks are released again"),
        )

    def stop(self, graceful: bool = True) -> None:
        """Accept nothing new, finish the instances in flight, leave the rest in the journal."""
        LOG.info(
            "The engine stops: no new instance is begun, those in flight are finished; a second SIGTERM ends "
            "it at once"
        )
        self._health.tell_stopping()
        # an unreachable broker must not delay the drain
        refusing = concurrency.spawn(self._server.stop) if self._is_serving else None
        limit = self._conf.graceful_shutdown_timeout
        if not self._dispatcher.stop(max(0.0, limit - _MARGIN) if limit else None):
            LOG.warning(
                "The instances in flight were not finished within graceful_shutdown_timeout (%s s); the next "
                "start resumes them",
                limit,
            )
        self._claims.stop()  # other engines may resume at once
        if refusing:
            refusing.wait()
        super().stop(graceful=False)
        if refusing:
            self._server.wait()
            self._transport.cleanup()
        self._broker_log.cease_to_watch()
        self._journal.close()
        self._health.heartbeat.end()
        LOG.info("The engine has stopped")

    def reset(self) -> None:
        """Note that the mutable options were read again (SIGHUP); the next recovery uses them."""
        LOG.info("The mutable options were read again")

    def _recover(self, notification: Notification, claim: Claim) -> Result:
        def is_stopping() -> bool:
            return self._dispatcher.is_stopping() or claim.is_lost

        context = build_context(self._conf, self._journal, self._nova, notification, is_stopping, claim.check)
        with contextlib.closing(context.poller):
            return registry.find_recovery(notification.type)(context)

    def _serve(self) -> None:
        """Listen as soon as the broker lets us; a wrong queue or permission may be corrected meanwhile."""
        outage = OutageReporter(LOG, "No RPC can be served", "RPC is served again")
        for pause in itertools.chain(_PAUSES, itertools.repeat(_PAUSES[-1])):
            try:
                self._server.start()  # waits for an unreachable broker
                break
            except Exception as error:  # noqa: BLE001 - of the driver's client library, whichever it is
                outage.begin(self._broker_log.refuse(error))
                time.sleep(pause)
                if self._dispatcher.is_stopping():
                    return
                self._server = self._build_server()  # one can be started once
        outage.end()
        self._broker_log.end()
        self._is_serving = True
        if self._dispatcher.is_stopping():  # the broker came back meanwhile
            self._server.stop()
            return
        self._health.tell_ready()
        LOG.info("The engine is ready and listens on topic %s", self._conf.masakari_topic)

    def _check_nova(self) -> None:
        """Log at start, not only when a host has failed, that Nova cannot be used; it may still come up."""
        try:
            LOG.info("Nova answers, at microversion %s", self._nova.check())
        except exceptions.MasakariLiteError as error:
            LOG.error("No host can be recovered until this is fixed: %s", error)

    def _repeat(self, interval: float, work: Callable[[], None], outage: OutageReporter) -> None:
        """Do periodic work, the first time at once."""
        self.tg.add_timer(interval, functools.partial(self._survive, work, outage))

    def _survive(self, work: Callable[[], None], outage: OutageReporter) -> None:
        """Keep periodic work alive: what is unreachable now may answer the next time."""
        try:
            work()
            outage.end()
        except Exception as error:
            if not isinstance(error, exceptions.MasakariLiteError):
                LOG.exception("Unexpected error in periodic work")
            if not self._dispatcher.is_stopping():
                outage.begin(error)


def _name_engine(conf: cfg.ConfigOpts) -> str:
    """Make a name that no other engine, and no other run of this one, has."""
    return f"{conf.host or socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def _check_state_path(conf: cfg.ConfigOpts) -> None:
    if not os.access(conf.state_path, os.W_OK | os.X_OK):
        raise exceptions.ConfigurationError(
            f"[DEFAULT] state_path: {conf.state_path} must exist and be writable"
        )
