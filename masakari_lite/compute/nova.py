"""Nova as the engine needs it: its resources by one connection."""

import copy
import logging
from collections.abc import Callable

from oslo_config import cfg

from masakari_lite import concurrency, exceptions
from masakari_lite.compute import cells, responses
from masakari_lite.compute.arrivals import Arrivals
from masakari_lite.compute.client import NovaClient
from masakari_lite.compute.evacuations import EvacuationPoller
from masakari_lite.compute.host_servers import HostServers
from masakari_lite.compute.migrations import Migrations
from masakari_lite.compute.pace import Pace
from masakari_lite.compute.servers import Servers
from masakari_lite.compute.services import ComputeServices

LOG = logging.getLogger(__name__)

_TURNS = 20
"""So many instances are locked and asked to be evacuated at once: Nova has few workers, an engine has one."""
_LONGEST_TURN = 5.0
"""Seconds; where a cell does not answer, the recoveries in others go on."""

_SYSTEM_SCOPE = (
    "the token is for the system (system scope), which Nova refuses unless [oslo_policy] enforce_scope is "
    "false in nova.conf: give the user the admin role in a project, and set the project"
)


class NovaAPI:
    """Nova's resources.

    :ivar services: ``/os-services``
    :ivar servers: ``/servers``
    :ivar migrations: ``/os-migrations``
    :ivar evacuations: polls the records of all hosts that are recovered
    :ivar beginning: an engine's turns to list a host's instances, or to lock one and have it evacuated
    :ivar unlocking: turns to unlock one
    :ivar arrivals: lists what has arrived on other hosts, for all recoveries
    :ivar host_servers: all servers of a host, compared with what its hypervisor has
    """

    def __init__(self, conf: cfg.ConfigOpts, is_stopping: Callable[[], bool] = lambda: False) -> None:
        """Build the client; nothing is sent before the first call.

        :param is_stopping: true ends the repetition of requests
        :raises ConfigurationError: when the configuration does not say how to authenticate
        """
        self._use(NovaClient(conf, is_stopping))
        self.beginning = concurrency.Turns(_TURNS, _LONGEST_TURN)
        self.unlocking = concurrency.Turns(_TURNS, _LONGEST_TURN)
        self.arrivals = Arrivals(self.servers, Pace())
        self.evacuations = EvacuationPoller(self.migrations, Pace())

    def _use(self, client: NovaClient) -> None:
        self.client = client
        self.services = ComputeServices(client)
        self.servers = Servers(client)
        self.migrations = Migrations(client, self.servers)
        self.host_servers = HostServers(client, self.services, self.servers)

    def guarded_by(self, guard: Callable[[], None]) -> "NovaAPI":
        """Make another one, on the same session, that asks before each request that changes something.

        :param guard: called right before the bytes of a request are sent, each time that they are; what it
            raises is raised instead
        """
        guarded = copy.copy(self)
        guarded._use(self.client.guarded_by(guard))
        return guarded

    def check(self) -> str:
        """Make sure that Nova answers and that the credentials suffice.

        :returns: the microversion that is used
        :raises NovaError: saying what is wrong
        :raises ConfigurationError: when the cloud is older than 2.53 (Pike)
        """
        microversion = self.client.negotiate()
        try:
            services = self.services.list_all("list compute services")
        except exceptions.NovaForbidden as error:
            if not self.client.is_for_system:
                raise
            raise exceptions.NovaForbidden(f"{error}; {_SYSTEM_SCOPE}") from error
        unknown = [service["host"] for service in services if responses.is_unknown(service)]
        if unknown:
            LOG.warning("%s", cells.describe_down_cells(unknown))
        return microversion

    def ping(self) -> str:
        """Find out whether Nova and Keystone answer now: one small request, sent once.

        :returns: the microversion that is used
        :raises NovaError: saying what is wrong
        """
        microversion = self.client.negotiate(patient=False)
        self.servers.ping()
        return microversion
