"""The connection to Nova: one session and one token, at one negotiated microversion, with our errors."""

import copy
import dataclasses
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib import parse

from novaclient import api_versions
from novaclient import client as nova_client
from oslo_config import cfg

from masakari_lite import exceptions
from masakari_lite.compute import retries, session, times, transport, versions
from masakari_lite.compute.errors import translated
from masakari_lite.models import JsonDict

LOG = logging.getLogger(__name__)
T = TypeVar("T")

# 2.53 names compute services by UUID; from 2.95 on an evacuated instance stays stopped at its destination
OLDEST = api_versions.APIVersion("2.53")
NEWEST = api_versions.APIVersion("2.94")
_LISTINGS = 5


def is_retriable(error: BaseException) -> bool:
    """Return whether the same request may succeed later."""
    return isinstance(error, exceptions.Retriable)


def _allow() -> None:
    """Guard nothing."""


@dataclasses.dataclass
class _Negotiated:
    """The client at the microversion that both sides have, once that is known, and others; for all copies."""

    client: Any = None
    override: str | None = None
    others: dict[str, Any] = dataclasses.field(default_factory=dict)


class NovaClient:
    """Sends requests to Nova, and repeats those that may safely be repeated.

    That is for ``[nova] retry_period`` seconds. One serves all recoveries of an engine, from any number of
    green threads.
    """

    def __init__(self, conf: cfg.ConfigOpts, is_stopping: Callable[[], bool]) -> None:
        """Build the client; nothing is sent before the first call.

        :param is_stopping: true ends the repetition of requests
        :raises ConfigurationError: when the configuration does not say how to authenticate
        """
        self._conf = conf
        self._is_stopping = is_stopping
        self._endpoint = session.find_endpoint(conf)
        self._session = session.build_session(conf)
        self.clock = times.NovaClock()
        self._session.session.hooks["response"].append(self.clock.note_answer)
        self._negotiated = _Negotiated()
        self.check_guard: Callable[[], None] = _allow

    def guarded_by(self, guard: Callable[[], None]) -> "NovaClient":
        """Make another one, on the same session, that asks before each request that changes something.

        :param guard: called right before the bytes of a request are sent, each time that they are; what it
            raises is raised instead
        """
        guarded = copy.copy(self)
        guarded.check_guard = guard
        return guarded

    def negotiate(self, patient: bool = True) -> str:
        """Find Nova below its endpoint, and the best microversion that both sides have, once.

        :param patient: repeat the request for ``[nova] retry_period`` seconds
        :returns: the microversion, "2.94" at most
        :raises NovaError: naming the endpoint, when Nova is not there
        :raises ConfigurationError: when the cloud is older than 2.53 (Pike)
        """
        if self._negotiated.client is None:
            client = self._build("2.1", self._endpoint.override).client
            found = self.repeat(
                "ask Nova for its microversions", lambda: versions.find(client), patient=patient
            )
            newest = api_versions.APIVersion(found.newest) if found.newest else OLDEST
            if newest < OLDEST:
                raise exceptions.ConfigurationError(
                    f"Nova offers microversion {newest.get_string()} at most; masakari-lite works from "
                    f"{OLDEST.get_string()} (Pike) on"
                )
            override = self._negotiated.override = found.url or self._endpoint.override
            self._negotiated.client = self._build(min(newest, NEWEST).get_string(), override)
        return str(self._negotiated.client.api_version.get_string())

    @property
    def is_for_system(self) -> bool:
        """Whether the token is for the system, and not for a project."""
        return session.is_for_system(self._session)

    @property
    def api(self) -> Any:
        """Novaclient at the negotiated microversion."""
        if self._negotiated.client is None:
            self.negotiate()
        return self._negotiated.client

    def at(self, microversion: str) -> Any:
        """Return novaclient for what only an older microversion can do."""
        others = self._negotiated.others
        if microversion not in others:
            self.negotiate()
            others[microversion] = self._build(microversion, self._negotiated.override)
        return others[microversion]

    def has(self, microversion: str) -> bool:
        """Return whether Nova has a microversion."""
        return bool(self.api.api_version >= api_versions.APIVersion(microversion))

    def get(self, what: str, path: str) -> JsonDict:
        """Send a GET request once.

        :param what: the request in words, for messages: "show instance <uuid>"; likewise everywhere here
        """
        body: JsonDict = self.repeat(what, lambda: self.api.client.get(path)[1], patient=False)
        return body

    def change(
        self,
        what: str,
        request: Callable[[], T],
        is_passing: Callable[[BaseException], bool] = is_retriable,
        endless: bool = False,
    ) -> T:
        """Send a request that changes something, if the guard allows it.

        :param is_passing: tells whether to send it again after an error
        :param endless: repeat it until the engine stops, not only for ``[nova] retry_period``
        """

        def guarded() -> T:
            self._session.get_auth_headers()  # a new token changes nothing, so the guard is not asked
            with transport.guarded_by(self.check_guard):
                return request()

        self.negotiate()
        return self.repeat(what, guarded, is_passing, endless)

    def repeat(
        self,
        what: str,
        request: Callable[[], T],
        is_passing: Callable[[BaseException], bool] = is_retriable,
        endless: bool = False,
        patient: bool = True,
    ) -> T:
        """Send a request that changes nothing, again while it fails for a reason that passes.

        :param patient: false sends it once
        :raises NovaError: the last error
        """

        def send() -> T:
            with translated(what):
                return request()

        period = None if endless else self._conf.nova.retry_period if patient else 0
        return retries.repeat(send, is_passing, period, self._is_stopping)

    def list_pages(
        self, what: str, key: str, convert: Callable[[JsonDict], T], path: str, query: JsonDict
    ) -> list[T]:
        """List all pages; start again when the record that a page was to start after is deleted meanwhile.

        :param key: of the records in the answer's body
        :param convert: makes one of ours of each record
        :raises NovaUnavailable: when the list changed again and again
        """
        for _ in range(_LISTINGS):
            try:
                return [*self._pages(what, key, convert, path, query)]
            except exceptions.NovaBadRequest as error:
                if "marker" not in str(error).lower():
                    raise
                LOG.info("%s: started again, as the list has changed: %s", what, error)
        raise exceptions.NovaUnavailable(f"{what}: the list changed while it was read, {_LISTINGS} times")

    def _pages(
        self, what: str, key: str, convert: Callable[[JsonDict], T], path: str, query: JsonDict
    ) -> Iterator[T]:
        """Follow the links to the next page: Nova's own limit, 1,000 by default, may be lower than ours."""
        page = parse.urlencode(query)

        def fetch() -> tuple[list[T], str]:
            body = self.api.client.get(f"{path}?{page}")[1]
            links = [link["href"] for link in body.get(f"{key}_links", ()) if link["rel"] == "next"]
            return [convert(found) for found in body[key]], parse.urlsplit(links[0]).query if links else ""

        while page:
            found, page = self.repeat(what, fetch)
            yield from found

    def _build(self, microversion: str, override: str | None) -> Any:
        return nova_client.Client(
            microversion,
            session=self._session,
            service_type=self._endpoint.service_type,
            service_name=self._endpoint.service_name,
            endpoint_type=self._endpoint.interface,
            region_name=self._endpoint.region_name,
            endpoint_override=override,
        )
