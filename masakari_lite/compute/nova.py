"""Nova as the engine needs it; the only importer of novaclient beside the translation of its errors."""

import copy
import dataclasses
import datetime
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib import parse

from novaclient import api_versions
from novaclient import client as nova_client
from oslo_config import cfg

from masakari_lite import exceptions
from masakari_lite.compute import answers, retries, session, wire
from masakari_lite.compute.errors import translated
from masakari_lite.models import ComputeService, Instance, JsonDict, Migration

LOG = logging.getLogger(__name__)
T = TypeVar("T")

# 2.53 names compute services by UUID; from 2.95 on an evacuated instance stays stopped at its destination
OLDEST = api_versions.APIVersion("2.53")
NEWEST = api_versions.APIVersion("2.94")
_CHANGES_SINCE = api_versions.APIVersion("2.59")
_LOCKED_REASON = api_versions.APIVersion("2.73")
_REASON_LENGTH = 255
_PAGE = 1000


def _is_retriable(error: BaseException) -> bool:
    return isinstance(error, exceptions.Retriable)


def _is_never(error: BaseException) -> bool:
    return False


def _is_not_final(error: BaseException) -> bool:
    return isinstance(error, exceptions.NovaError) and not isinstance(error, exceptions.InstanceNotFound)


def _allow() -> None:
    """Guard nothing."""


@dataclasses.dataclass
class _Negotiated:
    """The client at the microversion that both sides have, once that is known; shared by all copies."""

    client: Any = None


class NovaAPI:
    """Nova's calls by one session and one token, at one negotiated microversion, with our errors.

    One serves all recoveries of an engine, from any number of green threads.

    Calls that may safely be repeated are, for ``[nova] retry_period`` seconds; ``evacuate`` may not.
    """

    def __init__(self, conf: cfg.ConfigOpts, is_stopping: Callable[[], bool] = lambda: False) -> None:
        """Build the client; nothing is sent before the first call.

        :param is_stopping: true ends the repetition of requests
        :raises ConfigurationError: when the configuration does not say how to authenticate
        """
        self._conf = conf
        self._is_stopping = is_stopping
        self._endpoint = session.find_endpoint(conf)
        self._session = session.build_session(conf)
        self._negotiated = _Negotiated()
        self._guard: Callable[[], None] = _allow

    def guarded_by(self, guard: Callable[[], None]) -> "NovaAPI":
        """Make another one, on the same session, that asks before each request that changes something.

        :param guard: called right before the bytes of a request are sent, each time that they are; what it
            raises is raised instead
        """
        guarded = copy.copy(self)
        guarded._guard = guard
        return guarded

    def check_guard(self) -> None:
        """Ask the guard whether anything may still be changed; it raises when not."""
        self._guard()

    def negotiate(self, patient: bool = True) -> str:
        """Find the best microversion that both sides have (``GET /``), once.

        :param patient: repeat the request for ``[nova] retry_period`` seconds
        :returns: the microversion, "2.94" at most
        :raises ConfigurationError: when the cloud is older than 2.53 (Pike)
        """
        if self._negotiated.client is None:
            current = self._repeat(
                "ask Nova for its microversions",
                self._build_client("2.1").versions.get_current,
                patient=patient,
            )
            newest = api_versions.APIVersion(current.version or "2.1") if current else OLDEST
            if newest < OLDEST:
                raise exceptions.ConfigurationError(
                    f"Nova offers microversion {newest.get_string()} at most; masakari-lite works from "
                    f"{OLDEST.get_string()} (Pike) on"
                )
            self._negotiated.client = self._build_client(min(newest, NEWEST).get_string())
        return str(self._negotiated.client.api_version.get_string())

    def check(self) -> str:
        """Make sure that Nova answers and that the credentials suffice.

        :returns: the microversion that is used
        :raises NovaError: saying what is wrong
        :raises ConfigurationError: when the cloud is older than 2.53 (Pike)
        """
        microversion = self.negotiate()
        self._repeat("list compute services", lambda: self._client.services.list(binary="nova-compute"))
        return microversion

    def ping(self) -> str:
        """Find out whether Nova and Keystone answer now: one small request (``GET /servers``), sent once.

        :returns: the microversion that is used
        :raises NovaError: saying what is wrong
        """
        microversion = self.negotiate(patient=False)
        self._repeat("list one server", lambda: self._client.client.get("/servers?limit=1"), patient=False)
        return microversion

    @property
    def has_locked_reason(self) -> bool:
        """Whether locks carry a reason (microversion 2.73)."""
        return bool(self._client.api_version >= _LOCKED_REASON)

    def get_compute_service(self, host: str) -> ComputeService:
        """Fetch the nova-compute service of a host (``GET /os-services``).

        :raises ComputeServiceNotFound: when Nova has none
        """
        found = self._repeat(
            f"list the compute service of {host}",
            lambda: [
                answers.to_service(service)
                for service in self._client.services.list(host=host, binary="nova-compute")
            ],
        )
        for service in found:
            if service.host == host:
                return service
        raise exceptions.ComputeServiceNotFound(
            f"Nova has no nova-compute service on a host named {host!r}; 'openstack compute service list' "
            "shows the names"
        )

    def force_down(self, service: ComputeService) -> None:
        """Have Nova take the service for down at once (``PUT /os-services/{uuid}``, 2.53)."""
        self._change(
            f"force down the compute service of {service.host}",
            lambda: self._client.services.force_down(service.uuid, True),
        )

    def disable(self, service: ComputeService, reason: str) -> None:
        """Keep the scheduler from the host.

        Not for a service that is dead but still looks up: Nova then waits for it as long as its
        ``rpc_response_timeout``.
        """
        self._change(
            f"disable the compute service of {service.host}",
            lambda: self._client.services.disable_log_reason(service.uuid, reason),
        )

    def list_instances(self, host: str) -> list[Instance]:
        """List the instances of all projects on a host, all pages."""
        return self._list_instances(f"list the instances on {host}", {"host": host})

    def list_changed_instances(self, since: datetime.datetime) -> list[Instance]:
        """List the instances of the cloud that changed since then (UTC), deleted ones included."""
        return self._list_instances("list changed instances", {"changes-since": answers.to_iso(since)})

    def list_locked_instances(self) -> list[Instance]:
        """List the locked instances of all projects; not before microversion 2.73."""
        return self._list_instances("list the locked instances", {"locked": "true"})

    def get_instance(self, uuid: str, endless: bool = False) -> Instance:
        """Fetch one instance.

        :param endless: ask until Nova answers or the engine stops, not only for ``[nova] retry_period``
        :raises InstanceNotFound: when it was deleted
        """
        return self._repeat(
            f"show instance {uuid}",
            lambda: answers.to_instance(self._client.servers.get(uuid).to_dict()),
            is_passing=_is_not_final if endless else _is_retriable,
            endless=endless,
        )

    def list_evacuations(self, host: str, since: datetime.datetime | None = None) -> list[Migration]:
        """List the evacuation records away from a host (``GET /os-migrations``).

        :param since: only those that changed since then (UTC); ignored before microversion 2.59
        """
        return self._list_migrations(
            f"list the evacuations from {host}",
            {"migration_type": "evacuation", "source_compute": host},
            since,
        )

    def list_migrations_of(self, instance_uuid: str) -> list[Migration]:
        """List all migration records of one instance, whatever their type."""
        return self._list_migrations(
            f"list the migrations of instance {instance_uuid}", {"instance_uuid": instance_uuid}, None
        )

    def lock(self, uuid: str, reason: str) -> None:
        """Lock an instance against its users; the reason is kept from microversion 2.73 on."""
        arguments = {"reason": reason[:_REASON_LENGTH]} if self.has_locked_reason else {}
        self._change(f"lock instance {uuid}", lambda: self._client.servers.lock(uuid, **arguments))

    def unlock(self, uuid: str, endless: bool = True) -> None:
        """Unlock an instance.

        :param endless: ask until Nova has done it or the engine stops, not only for ``[nova] retry_period``
        :raises InstanceNotFound: when it was deleted
        """
        self._change(
            f"unlock instance {uuid}",
            lambda: self._client.servers.unlock(uuid),
            is_passing=_is_not_final if endless else _is_retriable,
            endless=endless,
        )

    def evacuate(self, uuid: str) -> None:
        """Have Nova rebuild the instance on a host of the scheduler's choice; sent once, never again.

        :raises NovaUnavailable: when Nova surely does not act on it
        :raises NovaUnanswered: when nobody knows whether Nova acts on it
        :raises HostStillUp: when Nova takes the compute service for up
        """
        try:
            self._change(
                f"evacuate instance {uuid}",
                lambda: self._client.servers.evacuate(uuid),
                is_passing=_is_never,
            )
        except exceptions.NovaBadRequest as error:
            if "still in use" in str(error):
                raise exceptions.HostStillUp(str(error)) from error
            raise

    def stop(self, uuid: str) -> None:
        """Power an instance off (``os-stop``)."""
        self._change(f"stop instance {uuid}", lambda: self._client.servers.stop(uuid))

    def start(self, uuid: str) -> None:
        """Power an instance on (``os-start``)."""
        self._change(f"start instance {uuid}", lambda: self._client.servers.start(uuid))

    def reset_state(self, uuid: str, state: str) -> None:
        """Set vm_state to ``active`` or ``error`` and clear the task_state (``os-resetState``)."""
        self._change(
            f"reset the state of instance {uuid}", lambda: self._client.servers.reset_state(uuid, state)
        )

    @property
    def _client(self) -> Any:
        if self._negotiated.client is None:
            self.negotiate()
        return self._negotiated.client

    def _build_client(self, microversion: str) -> Any:
        return nova_client.Client(
            microversion,
            session=self._session,
            service_type=self._endpoint.service_type,
            service_name=self._endpoint.service_name,
            endpoint_type=self._endpoint.interface,
            region_name=self._endpoint.region_name,
            endpoint_override=self._endpoint.override,
        )

    def _change(
        self,
        what: str,
        request: Callable[[], T],
        is_passing: Callable[[BaseException], bool] = _is_retriable,
        endless: bool = False,
    ) -> T:
        """Send a request that changes something, if the guard lets it pass."""

        def guarded() -> T:
            self._session.get_auth_headers()  # a new token is nothing to ask for leave for
            with wire.guarded_by(self._guard):
                return request()

        self._client  # noqa: B018 - negotiated before, too
        return self._repeat(what, guarded, is_passing, endless)

    def _repeat(
        self,
        what: str,
        request: Callable[[], T],
        is_passing: Callable[[BaseException], bool] = _is_retriable,
        endless: bool = False,
        patient: bool = True,
    ) -> T:
        def send() -> T:
            with translated(what):
                return request()

        period = None if endless else self._conf.nova.retry_period if patient else 0
        return retries.repeat(send, is_passing, period, self._is_stopping)

    def _list_instances(self, what: str, filters: JsonDict) -> list[Instance]:
        query = {"all_tenants": 1, "limit": _PAGE, **filters}
        return list(self._pages(what, "servers", answers.to_instance, "/servers/detail", query))

    def _list_migrations(
        self, what: str, filters: JsonDict, since: datetime.datetime | None
    ) -> list[Migration]:
        query = dict(filters)
        if self._client.api_version >= _CHANGES_SINCE:
            query["limit"] = _PAGE
            if since:
                query["changes-since"] = answers.to_iso(since)
        return list(self._pages(what, "migrations", answers.to_migration, "/os-migrations", query))

    def _pages(
        self, what: str, key: str, convert: Callable[[JsonDict], T], path: str, query: JsonDict
    ) -> Iterator[T]:
        """Follow the links to the next page: Nova's own limit, 1,000 by default, may be lower than ours."""
        page = parse.urlencode(query)

        def fetch() -> tuple[list[T], list[str]]:
            body = self._client.client.get(f"{path}?{page}")[1]
            links = [link["href"] for link in body.get(f"{key}_links", ()) if link["rel"] == "next"]
            return [convert(found) for found in body[key]], links

        while page:
            found, links = self._repeat(what, fetch)
            yield from found
            page = parse.urlsplit(links[0]).query if links else ""
