"""The life of the engine process: start, drain, stop."""

import fcntl
import functools
import logging
import pathlib
from collections.abc import Callable
from typing import TextIO

from oslo_config import cfg
from oslo_service import service

from masakari_lite import concurrency, exceptions
from masakari_lite.compute.nova import NovaAPI
from masakari_lite.engine.dispatcher import Dispatcher
from masakari_lite.engine.manager import EngineManager
from masakari_lite.journal.store import Journal
from masakari_lite.models import Notification, NotificationStatus
from masakari_lite.recovery import flows
from masakari_lite.recovery.context import build_context
from masakari_lite.rpc import server, transport

LOG = logging.getLogger(__name__)

# so that the drain ends before oslo.service ends the process
_MARGIN = 1.0


class EngineService(service.Service):
    """Serves RPC and recovers hosts until it is stopped."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        """Open what the engine works with; nothing is served yet.

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
        self._journal = Journal(conf)
        self._dispatcher = Dispatcher(conf, self._journal, self._recover)
        self._nova = NovaAPI(conf, self._dispatcher.is_stopping)
        self._transport = transport.get_transport(conf)
        manager = EngineManager(conf, self._journal, self._dispatcher)
        self._server = server.build_server(conf, self._transport, manager)
        self._claim = _claim_state_path(conf)

    def start(self) -> None:
        """Serve RPC, take up what an earlier engine left, and look again periodically."""
        conf = self._conf
        # neither a broker nor a Nova that is away keeps the engine from going on with what it has to do
        concurrency.spawn(self._serve)
        concurrency.spawn(self._check_nova)
        self._dispatcher.end_expired_ones()
        self._dispatcher.take_up()
        self._repeat(conf.process_unfinished_notifications_interval, self._dispatcher.take_up_left_ones)
        self._repeat(conf.check_expired_notifications_interval, self._dispatcher.end_expired_ones)

    def stop(self, graceful: bool = True) -> None:
        """Accept nothing new, finish the instances in flight, leave the rest in the journal."""
        LOG.info("The engine stops: no new instance is begun, those in flight are finished")
        if self._is_serving:
            self._server.stop()
        limit = self._conf.graceful_shutdown_timeout
        if not self._dispatcher.stop(max(0.0, limit - _MARGIN) if limit else None):
            LOG.warning(
                "The instances in flight were not finished within graceful_shutdown_timeout (%s s); the next "
                "start goes on with them",
                limit,
            )
        super().stop(graceful=False)
        if self._is_serving:
            self._server.wait()
            self._transport.cleanup()
        self._journal.close()
        self._claim.close()
        LOG.info("The engine has stopped")

    def reset(self) -> None:
        """Note that the mutable options were read again (SIGHUP); the next recovery uses them."""
        LOG.info("The mutable options were read again")

    def _recover(self, notification: Notification) -> tuple[NotificationStatus, str]:
        context = build_context(
            self._conf, self._journal, self._nova, notification, self._dispatcher.is_stopping
        )
        return flows.run_host_failure_flow(context)

    def _serve(self) -> None:
        self._server.start()  # waits for the broker
        self._is_serving = True
        LOG.info("The engine is ready and listens on topic %s", self._conf.masakari_topic)

    def _check_nova(self) -> None:
        """Say at start, not in the night, that Nova cannot be used; it may still come up."""
        try:
            LOG.info("Nova answers, at microversion %s", self._nova.check())
        except exceptions.MasakariLiteError as error:
            LOG.error("No host can be recovered until this is mended: %s", error)

    def _repeat(self, interval: float, work: Callable[[], None]) -> None:
        self.tg.add_timer(interval, functools.partial(_survive, work), initial_delay=interval)


def _claim_state_path(conf: cfg.ConfigOpts) -> TextIO:
    """Keep a second engine off the same state_path: it would evacuate what this one evacuates.

    :returns: the file whose lock lasts as long as it is open; a killed process's ends with it
    :raises ConfigurationError: when state_path cannot be used, or another engine uses it
    """
    path = pathlib.Path(conf.state_path, "masakari-lite-engine.lock")
    try:
        claim = path.open("w")
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        claim.close()
        raise exceptions.ConfigurationError(
            f"[DEFAULT] state_path: another engine works with {conf.state_path}; stop it first"
        ) from error
    except OSError as error:
        raise exceptions.ConfigurationError(
            f"[DEFAULT] state_path: {conf.state_path} must exist and be writable: {error.strerror}"
        ) from error
    return claim


def _survive(work: Callable[[], None]) -> None:
    """Keep a periodic look alive: a journal that is away now may be back at the next one."""
    try:
        work()
    except exceptions.JournalError as error:
        LOG.error("%s", error)
