"""Nova's and Keystone's clocks: how far they differ from this machine's is logged, and does not matter."""

import contextlib
import datetime
import email.utils
import logging
from typing import Any

import requests
from keystoneauth1.identity import base
from oslo_utils import timeutils

from masakari_lite import clocks, exceptions
from masakari_lite.models import JsonDict

LOG = logging.getLogger(__name__)

# a service that is reported up has reported within Nova's service_down_time; seconds, its default
_REPORTED_WITHIN = 60.0


class NovaClock:
    """What is known of the time at Nova.

    Nova's times are compared with the time at which one of its services has reported last: both are by the
    clocks of Nova's own servers. The Date header of its answers may be another machine's, a proxy's, and some
    web servers send none: it shows how far Nova's clock differs from ours, and nothing depends on it.
    """

    def __init__(self) -> None:
        self._skew = clocks.Skew(LOG, "Nova's")
        self._has_date = False

    def note_answer(self, answer: requests.Response, **_arguments: Any) -> None:
        """Read an answer's Date header (a hook of requests); it has whole seconds."""
        if "X-Compute-Request-Id" not in answer.headers or "Date" not in answer.headers:
            return  # is not Nova's
        with contextlib.suppress(ValueError, OverflowError):
            moment = _to_utc(email.utils.parsedate_to_datetime(answer.headers["Date"]))
            ahead = (moment - clocks.wall()).total_seconds()
            self._has_date = True
            self._skew.note(ahead, ahead + 1 + answer.elapsed.total_seconds())

    def read(self, services: list[JsonDict], took: float) -> clocks.Reading:
        """Return the time at Nova by its services: it is later than that, by service_down_time at most.

        Of several clocks the one that is furthest behind counts: a host that has reported since a
        notification came must never look as if it had not.

        :param services: of Nova's, as ``GET /os-services`` shows them
        :param took: how many seconds ago they were asked for
        :raises NovaUnavailable: when none is up
        """
        reports = [
            _to_utc(timeutils.parse_isotime(service["updated_at"]))
            for service in services
            if service.get("state") == "up" and service.get("updated_at")
        ]
        if not reports:
            raise exceptions.NovaUnavailable(
                "Nova cannot evacuate anything: no nova-scheduler is up ('openstack compute service list')"
            )
        reading = clocks.Reading(min(reports), clocks.steady(), took)
        if not self._has_date:
            ahead = (reading.moment - clocks.wall()).total_seconds()
            self._skew.note(ahead, ahead + _REPORTED_WITHIN + took)
        return reading


def follow_keystone(auth: Any) -> None:
    """Have a token renewed when it ends by Keystone's clock.

    keystoneauth compares Keystone's time of its end with this machine's clock. With that ahead by a token's
    lifetime it would fetch a token for each request.

    :param auth: any auth plugin; those without tokens of Keystone's stay as they are
    """
    if not isinstance(auth, base.BaseIdentityPlugin):
        return
    fetch, margin = auth.get_auth_ref, auth.MIN_TOKEN_LIFE_SECONDS
    skew = clocks.Skew(LOG, "Keystone's")

    def get_auth_ref(session: Any) -> Any:
        asked_at, wall = clocks.steady(), clocks.wall()
        token = fetch(session)
        took = clocks.steady() - asked_at
        if token.issued is not None:
            ahead = (_to_utc(token.issued) - wall).total_seconds()
            skew.note(ahead - took, ahead)
            # whether a token ends sooner than so is asked before each request, by this machine's clock
            auth.MIN_TOKEN_LIFE_SECONDS = margin + ahead
        return token

    auth.get_auth_ref = get_auth_ref


def _to_utc(moment: datetime.datetime) -> datetime.datetime:
    utc: datetime.datetime = timeutils.normalize_time(moment)
    return utc
