"""The health of the engine: what systemd, a probe and an operator see of it."""

from collections.abc import Callable

from oslo_config import cfg

from masakari_lite import version
from masakari_lite.compute.nova import NovaAPI
from masakari_lite.coordination.claims import Claims
from masakari_lite.health import heartbeat
from masakari_lite.health.checks import HealthChecks
from masakari_lite.health.systemd import Notifier
from masakari_lite.health.watchdog import PollWatchdog
from masakari_lite.journal.store import Journal
from masakari_lite.models import JsonDict
from masakari_lite.rpc import transport
from masakari_lite.rpc.broker_log import BrokerLogFilter

# a cloud has many probers, and Nova and Keystone have better to do
_NOVA_MAX_AGE = 10.0


class HealthMonitor:
    """Knows what the engine does, and whether it works.

    :ivar watchdog: makes sure that the periodic polls of the journal return
    :ivar heartbeat: to be sent every ``heartbeat.interval`` seconds
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        notifier: Notifier,
        journal: Journal,
        nova: NovaAPI,
        claims: Claims,
        list_hosts: Callable[[], list[str]],
        outage: BrokerLogFilter,
    ) -> None:
        self._host = transport.get_server_name(conf)
        self._notifier = notifier
        self._journal = journal
        self._nova = nova
        self._claims = claims
        self._list_hosts = list_hosts
        self._outage = outage
        self._is_ready = self._is_stopping = False
        self.watchdog = PollWatchdog(self._does_journal_answer)
        self.heartbeat = heartbeat.Heartbeat(
            heartbeat.find_path(conf), notifier, self._check, self._describe_outage
        )
        self._health = HealthChecks(
            {
                "dispatcher": self.watchdog.check,
                "journal": self._check_journal,
                "nova": self._check_nova,
                "claims": self._claims.ping,
            },
            max_ages={"nova": _NOVA_MAX_AGE},
        )
        # asked while the engine may be stuck, so by probes of its own
        self._journal_alone = HealthChecks({"journal": self._check_journal})

    def report(self) -> JsonDict:
        """Return how the engine is (RPC get_health)."""
        checks = self._health.check()
        return {
            "host": self._host,
            "version": version.RELEASE,
            "healthy": all(check["ok"] for check in checks.values()),
            "checks": checks,
            "recoveries": self._list_hosts(),
        }

    def tell_ready(self) -> None:
        """Notify systemd that the engine serves."""
        self._is_ready = True
        self._notifier.tell_ready()
        self._notifier.set_status(self._describe())

    def tell_stopping(self) -> None:
        """Notify systemd that the engine ends."""
        self._is_stopping = True
        self._notifier.tell_stopping()
        self._notifier.set_status(self._describe())

    def _check(self) -> None:
        self._notifier.set_status(self._describe())
        self.watchdog.check()

    def _describe(self) -> str:
        hosts = self._list_hosts()
        recovering = f"recovering {len(hosts)} hosts: {', '.join(hosts)}" if hosts else "no host to recover"
        if self._is_stopping:
            return f"stopping; {recovering}"
        is_cut_off = self._outage.is_on or not self._is_ready
        return f"{'waiting for the message broker' if is_cut_off else 'ready'}; {recovering}"

    def _describe_outage(self) -> str:
        """Return why there is no answer by RPC, for whoever reads the heartbeat."""
        return self._outage.reason

    def _does_journal_answer(self) -> bool:
        return bool(self._journal_alone.check()["journal"]["ok"])

    def _check_journal(self) -> str:
        self._journal.ping()
        return "can be read"

    def _check_nova(self) -> str:
        return f"answers, at microversion {self._nova.ping()}"
