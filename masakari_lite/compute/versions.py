"""Where below a compute endpoint Nova's API is, and up to which microversion it goes.

An endpoint may name no version, an old one or the right one, and a project after it, with or without a slash
at its end. Nova's version 2.1 is below all of them.
"""

import dataclasses
import re
from typing import Any

from keystoneauth1 import exceptions as ks_exceptions
from novaclient import exceptions as nova_exceptions

from masakari_lite import exceptions
from masakari_lite.models import JsonDict

_VERSION = re.compile(r"(/v2(\.[01])?(/[^/]+)?)?/*$")
_SUFFIX = "/v2.1"


@dataclasses.dataclass(frozen=True)
class Service:
    """What a compute endpoint has.

    :ivar newest: the newest microversion, None when Nova does not tell
    :ivar url: where its version 2.1 is, None when that is the endpoint as it is
    """

    newest: str | None
    url: str | None


def find(client: Any) -> Service:
    """Ask a compute endpoint for its version 2.1 (``GET /v2.1/``).

    :param client: novaclient's SessionClient
    :raises ClientException: of novaclient, when it refuses
    :raises NovaError: when there is no compute endpoint, or Nova is not there
    """
    try:
        endpoint = client.get_endpoint()
    except ks_exceptions.CatalogException as error:
        raise exceptions.NovaError(_tell_missing(client)) from error
    root = _VERSION.sub("", endpoint, count=1)
    url = root + _SUFFIX
    is_right = f"{endpoint}/".startswith(f"{url}/")
    response, body = client.request(f"{url}/", "GET", raise_exc=False)
    if response.status_code == 401:
        return Service(None, None if is_right else url)  # some clouds keep it to themselves
    found = _find_version(body)
    if found is None and not is_right:  # a proxy may show the version alone, at a path of its own
        _, body_there = client.request(endpoint, "GET", raise_exc=False)
        found, is_right = _find_version(body_there), True
    if found is None:
        raise _refuse(response, body, url, endpoint)
    return Service(found["version"], None if is_right else url)


def _find_version(body: Any) -> JsonDict | None:
    found = body.get("version") if isinstance(body, dict) else None
    return found if isinstance(found, dict) and found.get("version") and found.get("min_version") else None


def _refuse(response: Any, body: Any, url: str, endpoint: str) -> Exception:
    status = response.status_code
    if status >= 400 and status != 404:
        refusal: Exception = nova_exceptions.from_response(response, body, url, "GET")
        return refusal
    message = (
        f"the compute endpoint {endpoint} is not Nova's: GET {url}/ was answered by HTTP {status} and no "
        "version of Nova; correct it in Keystone's catalog, or set endpoint_override in [nova]"
    )
    # the page of a proxy in front of Nova may be temporary
    return exceptions.NovaError(message) if status == 404 else exceptions.NovaUnanswered(message)


def _tell_missing(client: Any) -> str:
    interfaces = [client.interface] if isinstance(client.interface, str) else client.interface or ()
    catalog = client.session.auth.get_access(client.session).service_catalog
    found = sorted(
        {
            f"{kind} ({entry['interface']}, region {entry.get('region_id') or entry.get('region')})"
            for kind, entries in catalog.get_endpoints().items()
            for entry in entries
        }
    )
    named = f" named {client.service_name!r}" if client.service_name else ""
    where = f" in region {client.region_name!r}" if client.region_name else ""
    return (
        f"Keystone's catalog has no {' or '.join(interfaces)} endpoint of a service of type "
        f"{client.service_type!r}{named}{where} for this user (check region_name, valid_interfaces and "
        "service_type in [nova] of masakari.conf, or os_region_name and nova_catalog_admin_info in "
        f"[DEFAULT]); it has: {', '.join(found) or 'nothing'}"
    )
