"""The life of the engine process: start, drain, stop."""

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
from masakari_lite.engine.claims import Claim, Claims
from masakari_lite.engine.dispatcher import Dispatcher
from masakari_lite.engine.janitor import Janitor
from masakari_lite.engine.manager import EngineManager
from masakari_lite.engine.systemd import Notifier
from masakari_lite.engine.vitals import Vitals
from masakari_lite.journal.store import Journal
from masakari_lite.models import Notification
from masakari_lite.recovery import flows
from masakari_lite.recovery.context import build_context
from masakari_lite.rpc import outage, server, transport
from masakari_lite.trouble import Trouble

LOG = logging.getLogger(__name__)

# so that the drain ends before oslo.service ends the process
_MARGIN = 1.0
# between two tries to listen at a broker that refuses it, in seconds
_PAUSES = (1, 2, 5, 10, 30)


class EngineService(service.Service):
    """Serves RPC and recovers hosts until it is stopped."""

    def __init__(self, conf: cfg.ConfigOpts, notifier: Notifier | None = None) -> None:
        """Open what the engine works with; nothing is served yet.

        :param notifier: is told how the engine is
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
        _warn_of_local_claims(conf)
        name = _name_engine(conf)
        self._journal = Journal(conf)
        self._claims = Claims(conf, name)
        self._dispatcher = Dispatcher(conf, self._journal, self._claims, name, self._recover)
        self._nova = NovaAPI(conf, self._dispatcher.is_stopping)
        self._janitor = Janitor(conf, self._journal, self._nova, self._claims)
        self._outage = outage.Outage()
        self._transport = transport.get_transport(conf)
        self._vitals = Vitals(
            conf,
            notifier or Notifier(),
            self._journal,
            self._nova,
            self._claims,
            self._dispatcher,
            self._outage,
        )
        manager = EngineManager(conf, self._journal, self._dispatcher, self._vitals.report)
        self._build_server = functools.partial(server.build_server, conf, self._transport, manager)
        self._server = self._build_server()

    def start(self) -> None:
        """Serve RPC, take up what an earlier engine left, and look again periodically."""
        conf = self._conf
        # neither a broker nor a Nova that is away keeps the engine from going on with what it has to do
        self._outage.begin_to_watch()
        self.tg.add_timer(self._vitals.pulse.interval, self._vitals.pulse.beat, initial_delay=0)
        concurrency.spawn(self._serve)
        concurrency.spawn(self._check_nova)
        self._claims.start()
        watch = self._vitals.looks.watch
        self._dispatcher.start(watch)
        self._repeat(
            conf.check_expired_notifications_interval,
            watch(self._dispatcher.end_expired_ones, conf.check_expired_notifications_interval),
            Trouble(LOG, "Expired notifications are not ended", "Expired notifications are ended again"),
        )
        self._repeat(
            conf.process_unfinished_notifications_interval,
            self._janitor.clean_up,
            Trouble(LOG, "Leftover locks are not looked for", "Leftover locks are looked for again"),
        )

    def stop(self, graceful: bool = True) -> None:
        """Accept nothing new, finish the instances in flight, leave the rest in the journal."""
        LOG.info(
            "The engine stops: no new instance is begun, those in flight are finished; a second SIGTERM ends "
            "it at once"
        )
        self._vitals.tell_stopping()
        # a broker that is away must not keep the drain from its beginning
        refusing = concurrency.spawn(self._server.stop) if self._is_serving else None
        limit = self._conf.graceful_shutdown_timeout
        if not self._dispatcher.stop(max(0.0, limit - _MARGIN) if limit else None):
            LOG.warning(
                "The instances in flight were not finished within graceful_shutdown_timeout (%s s); the next "
                "start goes on with them",
                limit,
            )
        self._claims.stop()  # other engines may go on at once
        if refusing:
            refusing.wait()
        super().stop(graceful=False)
        if refusing:
            self._server.wait()
            self._transport.cleanup()
        self._outage.cease_to_watch()
        self._journal.close()
        self._vitals.pulse.end()
        LOG.info("The engine has stopped")

    def reset(self) -> None:
        """Note that the mutable options were read again (SIGHUP); the next recovery uses them."""
        LOG.info("The mutable options were read again")

    def _recover(self, notification: Notification, claim: Claim) -> flows.Result:
        def is_stopping() -> bool:
            return self._dispatcher.is_stopping() or claim.is_lost

        context = build_context(self._conf, self._journal, self._nova, notification, is_stopping, claim.check)
        return flows.run_host_failure_flow(context)

    def _serve(self) -> None:
        """Listen as soon as the broker lets us; a queue or a permission that is wrong may be mended."""
        trouble = Trouble(LOG, "No RPC can be served", "RPC is served again")
        for pause in itertools.chain(_PAUSES, itertools.repeat(_PAUSES[-1])):
            try:
                self._server.start()  # waits for a broker that is away
                break
            except Exception as error:  # noqa: BLE001 - of the driver's client library, whichever it is
                trouble.begin(error)
                time.sleep(pause)
                if self._dispatcher.is_stopping():
                    return
                self._server = self._build_server()  # one can be started once
        trouble.end()
        self._outage.end()
        self._is_serving = True
        if self._dispatcher.is_stopping():  # the broker came back meanwhile
            self._server.stop()
            return
        self._vitals.tell_ready()
        LOG.info("The engine is ready and listens on topic %s", self._conf.masakari_topic)

    def _check_nova(self) -> None:
        """Say at start, not in the night, that Nova cannot be used; it may still come up."""
        try:
            LOG.info("Nova answers, at microversion %s", self._nova.check())
        except exceptions.MasakariLiteError as error:
            LOG.error("No host can be recovered until this is mended: %s", error)

    def _repeat(self, interval: float, work: Callable[[], None], trouble: Trouble) -> None:
        """Do periodic work, the first time at once."""
        self.tg.add_timer(interval, functools.partial(self._survive, work, trouble))

    def _survive(self, work: Callable[[], None], trouble: Trouble) -> None:
        """Keep periodic work alive: what is away now may be back the next time."""
        try:
            work()
            trouble.end()
        except Exception as error:
            if not isinstance(error, exceptions.MasakariLiteError):
                LOG.exception("unexpected")
            if not self._dispatcher.is_stopping():
                trouble.begin(error)


def _name_engine(conf: cfg.ConfigOpts) -> str:
    """Make a name that no other engine, and no other run of this one, has."""
    return f"{conf.host or socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def _warn_of_local_claims(conf: cfg.ConfigOpts) -> None:
    is_shared = not conf.database.connection.startswith("sqlite")
    if is_shared and conf.coordination.backend_url.startswith("file:"):
        LOG.warning(
            "The journal is on a server, but [coordination] backend_url is a directory of this machine: set "
            "it to a service (redis://...) before an engine of another machine uses the same journal"
        )


def _check_state_path(conf: cfg.ConfigOpts) -> None:
    if not os.access(conf.state_path, os.W_OK | os.X_OK):
        raise exceptions.ConfigurationError(
            f"[DEFAULT] state_path: {conf.state_path} must exist and be writable"
        )
