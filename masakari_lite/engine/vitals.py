"""How the engine is: what it tells systemd, a prober and an operator."""

from oslo_config import cfg

from masakari_lite import version
from masakari_lite.compute.nova import NovaAPI
from masakari_lite.engine import pulse
from masakari_lite.engine.claims import Claims
from masakari_lite.engine.dispatcher import Dispatcher
from masakari_lite.engine.health import Health
from masakari_lite.engine.looks import Looks
from masakari_lite.engine.systemd import Notifier
from masakari_lite.journal.store import Journal
from masakari_lite.models import JsonDict
from masakari_lite.rpc import transport
from masakari_lite.rpc.outage import Outage

# a cloud has many probers, and Nova and Keystone have better to do
_NOVA_SPARED = 10.0


class Vitals:
    """Knows what the engine is at, and whether it can work and lives.

    :ivar looks: watches the periodic looks into the journal
    :ivar pulse: is to be beaten every ``pulse.interval`` seconds
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        notifier: Notifier,
        journal: Journal,
        nova: NovaAPI,
        claims: Claims,
        dispatcher: Dispatcher,
        outage: Outage,
    ) -> None:
        self._host = transport.get_server_name(conf)
        self._notifier = notifier
        self._journal = journal
        self._nova = nova
        self._claims = claims
        self._dispatcher = dispatcher
        self._outage = outage
        self._is_ready = self._is_stopping = False
        self.looks = Looks(self._is_journal_there)
        self.pulse = pulse.Pulse(pulse.find_path(conf), notifier, self._check)
        self._health = Health(
            {
                "dispatcher": self.looks.check,
                "journal": self._check_journal,
                "nova": self._check_nova,
                "claims": self._claims.ping,
            },
            spared={"nova": _NOVA_SPARED},
        )
        # asked while the engine may be stuck, so by probes of its own
        self._journal_alone = Health({"journal": self._check_journal})

    def report(self) -> JsonDict:
        """Tell how the engine is (RPC get_health)."""
        checks = self._health.check()
        return {
            "host": self._host,
            "version": version.RELEASE,
            "healthy": all(check["ok"] for check in checks.values()),
            "checks": checks,
            "recoveries": self._dispatcher.hosts,
        }

    def tell_ready(self) -> None:
        """Tell systemd that the engine serves."""
        self._is_ready = True
        self._notifier.tell_ready()
        self._notifier.set_status(self._describe())

    def tell_stopping(self) -> None:
        """Tell systemd that the engine ends."""
        self._is_stopping = True
        self._notifier.tell_stopping()
        self._notifier.set_status(self._describe())

    def _check(self) -> None:
        self._notifier.set_status(self._describe())
        self.looks.check()

    def _describe(self) -> str:
        hosts = self._dispatcher.hosts
        recovering = f"recovering {len(hosts)} hosts: {', '.join(hosts)}" if hosts else "no host to recover"
        if self._is_stopping:
            return f"stopping; {recovering}"
        is_cut_off = self._outage.is_on or not self._is_ready
        return f"{'waiting for the message broker' if is_cut_off else 'ready'}; {recovering}"

    def _is_journal_there(self) -> bool:
        return bool(self._journal_alone.check()["journal"]["ok"])

    def _check_journal(self) -> str:
        self._journal.ping()
        return "can be read"

    def _check_nova(self) -> str:
        return f"answers, at microversion {self._nova.ping()}"
