"""Nova's servers: listing them, and the actions that a recovery needs."""

import datetime
import logging
from collections.abc import Callable

from novaclient import exceptions as nova_exceptions

from masakari_lite import exceptions
from masakari_lite.compute import responses
from masakari_lite.compute.client import NovaClient, is_retriable
from masakari_lite.models import Instance, JsonDict

LOG = logging.getLogger(__name__)

_LOCKED_REASON = "2.73"
_DOWN_CELLS = "2.69"
# the last that says 500, and not 404, of an instance whose cell does not answer
_NO_DOWN_CELLS = "2.68"
_REASON_LENGTH = 255
_PAGE = 1000


def _is_never(error: BaseException) -> bool:
    return False


def _is_not_final(error: BaseException) -> bool:
    return isinstance(error, exceptions.NovaError) and not isinstance(error, exceptions.InstanceNotFound)


def _do_nothing() -> None:
    """Note nothing."""


class Servers:
    """The calls of ``/servers``."""

    def __init__(self, client: NovaClient) -> None:
        self._client = client

    @property
    def has_locked_reason(self) -> bool:
        """Whether locks carry a reason (microversion 2.73)."""
        return self._client.has(_LOCKED_REASON)

    def ping(self) -> None:
        """List one server, and try only once (``GET /servers``)."""
        self._client.get("list one server", "/servers?limit=1")

    def get(self, uuid: str, endless: bool = False) -> Instance:
        """Fetch one instance.

        :param endless: ask until Nova answers or the engine stops, not only for ``[nova] retry_period``
        :raises InstanceNotFound: when it was deleted
        """

        def ask() -> Instance:
            try:
                return responses.to_instance(self._client.api.servers.get(uuid).to_dict())
            except nova_exceptions.NotFound:
                self._require_deleted(uuid)
                raise

        is_passing = _is_not_final if endless else is_retriable
        return self._client.repeat(f"show instance {uuid}", ask, is_passing, endless)

    def list_on(self, host: str) -> list[Instance]:
        """List the instances of all projects on a host; Nova leaves out what it could not read."""
        instances = self._list(f"list the instances on {host}", {"host": host})
        for instance in instances:
            if instance.host != host:
                raise responses.explain_ignored_filter("host", f"instance {instance.uuid} on {instance.host}")
        return instances

    def list_changed(self, host: str, since: datetime.datetime) -> list[str]:
        """List the uuids of the instances on a host that have changed since, deleted ones too.

        Without details (``GET /servers``): Nova reads nothing but the instances themselves for it.

        :param since: by Nova's clock (UTC)
        """
        query = {"all_tenants": 1, "limit": _PAGE, "host": host, "changes-since": responses.to_iso(since)}
        what = f"list the changed instances on {host}"
        return self._client.list_pages(what, "servers", responses.to_uuid, "/servers", query)

    def list_arrived(self, host: str, since: datetime.datetime) -> list[Instance]:
        """List the instances on a host that have changed since, with details, but for deleted ones.

        :param since: by Nova's clock (UTC)
        """
        filters = {"host": host, "changes-since": responses.to_iso(since), "deleted": "false"}
        return self._list(f"list the instances that have arrived on {host}", filters)

    def list_locked(self) -> list[Instance]:
        """List the locked instances of all projects, but for cells that do not answer; not before 2.73."""
        return self._list("list the locked instances", {"locked": "true"})

    def lock(self, uuid: str, reason: str, on_unanswered: Callable[[], None] = _do_nothing) -> None:
        """Lock an instance against its users; the reason is kept from microversion 2.73 on.

        :param on_unanswered: called when Nova may carry out one of the requests after this call has returned
        """
        arguments = {"reason": reason[:_REASON_LENGTH]} if self.has_locked_reason else {}

        def is_passing(error: BaseException) -> bool:
            if isinstance(error, exceptions.NovaUnanswered) and not error.is_over:
                on_unanswered()
            return is_retriable(error)

        self._client.change(
            f"lock instance {uuid}", lambda: self._client.api.servers.lock(uuid, **arguments), is_passing
        )

    def unlock(self, uuid: str, endless: bool = True) -> None:
        """Unlock an instance.

        :param endless: ask until Nova has done it or the engine stops, not only for ``[nova] retry_period``
        :raises InstanceNotFound: when it was deleted
        """
        self._client.change(
            f"unlock instance {uuid}",
            lambda: self._client.api.servers.unlock(uuid),
            is_passing=_is_not_final if endless else is_retriable,
            endless=endless,
        )

    def evacuate(self, uuid: str) -> None:
        """Have Nova rebuild the instance on a host of the scheduler's choice; sent once, never again.

        :raises NovaUnavailable: when Nova surely does not act on it
        :raises NovaUnanswered: when nobody knows whether Nova acts on it
        :raises HostStillUp: when Nova takes the compute service for up
        """
        try:
            self._client.change(
                f"evacuate instance {uuid}", lambda: self._client.api.servers.evacuate(uuid), _is_never
            )
        except exceptions.NovaBadRequest as error:
            if "still in use" in str(error):
                raise exceptions.HostStillUp(str(error)) from error
            raise

    def stop(self, uuid: str) -> None:
        """Power an instance off (``os-stop``)."""
        self._client.change(f"stop instance {uuid}", lambda: self._client.api.servers.stop(uuid))

    def start(self, uuid: str) -> None:
        """Power an instance on (``os-start``)."""
        self._client.change(f"start instance {uuid}", lambda: self._client.api.servers.start(uuid))

    def reset_state(self, uuid: str, state: str) -> None:
        """Set vm_state to ``active`` or ``error`` and clear the task_state (``os-resetState``)."""
        self._client.change(
            f"reset the state of instance {uuid}", lambda: self._client.api.servers.reset_state(uuid, state)
        )

    def _require_deleted(self, uuid: str) -> None:
        """Make sure that an instance that is not found was deleted: its cell may not answer.

        :raises CellUnavailable: when it is there
        """
        if self._client.has(_DOWN_CELLS):
            self._client.at(_NO_DOWN_CELLS).servers.get(uuid)
            raise exceptions.CellUnavailable(f"Nova did not find instance {uuid}, and then did")

    def _list(self, what: str, filters: JsonDict) -> list[Instance]:
        query = {"all_tenants": 1, "limit": _PAGE, **filters}
        return self._client.list_pages(what, "servers", responses.to_instance, "/servers/detail", query)
