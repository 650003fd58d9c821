"""Where the errors of novaclient, keystoneauth and requests become ours."""

import contextlib
import re
from collections.abc import Iterator

import requests
import urllib3.exceptions
from keystoneauth1 import exceptions as ks_exceptions
from novaclient import exceptions as nova_exceptions

from masakari_lite import exceptions

# raised before a byte of the request has left
_NEVER_SENT = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)

_TOKEN_PATH = "/auth/tokens"

_BY_STATUS: dict[int, type[exceptions.NovaError]] = {
    400: exceptions.NovaBadRequest,
    # Nova's 401 speaks of the token alone: it was revoked while another green thread fetched a new one
    401: exceptions.NovaUnavailable,
    409: exceptions.NovaConflict,
    429: exceptions.NovaUnavailable,
}

# any other 404 is a wrong address, and says nothing of the instance
_INSTANCE_NOT_FOUND = re.compile(r"Instance \S+ could not be found")

# of urllib3's, between an address that the message has already and the cause
_POOLS_WORDS = re.compile(
    r""": _?HTTPS?ConnectionPool\(.*\(Caused by \w+\(["'](?:_?HTTPS?Connection\(.*?\): )?(.*)["']\)\)$"""
)

_UNTRUSTED = " (check cafile in [nova] of masakari.conf)"
_SILENT = " (check that Keystone answers at auth_url within timeout, both in [nova] of masakari.conf)"
_HINTS = {
    404: " (check region_name, valid_interfaces and endpoint_override in [nova] of masakari.conf)",
    401: " (check the credentials in [nova] of masakari.conf)",
}
_POLICY_HINT = " (give the user in [nova] of masakari.conf the admin role, or this policy)"

# every other 409 is about what the instance has: a vTPM, a share ...
_WRONG_STATE = re.compile(r"while it is in (vm_state|task_state)")
_POLICY = re.compile(r"Policy doesn't allow")


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn every error of the client libraries into one of ours.

    :param what: the request in words, for the message: ``evacuate instance <uuid>``
    :raises NovaError: its subclass says what may be done next
    """
    try:
        yield
    except nova_exceptions.ClientException as error:
        raise _from_answer(what, error) from error
    except ks_exceptions.HttpError as error:
        raise _from_keystone(what, error) from error
    except ks_exceptions.ConnectionError as error:
        raise _from_lost_connection(what, error) from error
    except (ks_exceptions.ClientException, nova_exceptions.UnsupportedVersion) as error:
        raise _from_discovery(what, error) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # a proxy's page, say, where Nova's JSON was to be: Nova may be at work behind it
        raise exceptions.NovaUnanswered(f"{what}: the answer is not Nova's: {_describe(error)}") from error


def _describe(error: Exception) -> str:
    field = str(error.args[0]) if error.args else ""
    if isinstance(error, KeyError | AttributeError) and " " not in field:
        return f"it lacks {field!r}"
    return f"it has another form ({error})"


def _from_answer(what: str, error: nova_exceptions.ClientException) -> exceptions.NovaError:
    message = f"{what}: HTTP {error.code} {error.message}{_HINTS.get(error.code, '')}"
    if error.request_id:
        message += f" ({error.request_id})"
    if error.code == 429:
        return exceptions.NovaUnavailable(message, retry_after=float(getattr(error, "retry_after", 0) or 0))
    if error.code == 404 and _INSTANCE_NOT_FOUND.search(str(error.message)):
        return exceptions.InstanceNotFound(message)
    if error.code == 409 and _WRONG_STATE.search(str(error.message)):
        return exceptions.NovaWrongState(message)
    if error.code == 403:
        if _POLICY.search(str(error.message)):
            return exceptions.NovaForbidden(message + _POLICY_HINT)
        return exceptions.NovaNotSupported(message)
    if error.code >= 500:
        # a gateway's answer says only that the gateway has given up; Nova's own names the request
        is_novas = error.code in (500, 503) and bool(error.request_id)
        return exceptions.NovaUnanswered(message, is_over=is_novas)
    return _BY_STATUS.get(error.code, exceptions.NovaError)(message)


def _from_keystone(what: str, error: ks_exceptions.HttpError) -> exceptions.NovaError:
    message = f"{what}: Keystone answered HTTP {error.http_status} {error.message}"
    if _is_passing(error.http_status):
        return exceptions.NovaUnavailable(message)  # without a token nothing reached Nova
    return exceptions.NovaForbidden(message + _HINTS[401])


def _from_discovery(what: str, error: Exception) -> exceptions.NovaError:
    """Keystone's catalog or Nova's versions could not be read; nothing was asked of Nova yet."""
    causes = list(_causes(error))
    if _is_untrusted(causes):
        return exceptions.NovaError(f"{what}: {error}{_UNTRUSTED}")
    for cause in causes:
        is_away = isinstance(cause, ks_exceptions.ConnectionError | requests.exceptions.ConnectionError)
        if is_away or (isinstance(cause, ks_exceptions.HttpError) and _is_passing(cause.http_status)):
            return exceptions.NovaUnavailable(f"{what}: {_shorten(error)}")
    hint = " (check auth_url, region_name and valid_interfaces in [nova] of masakari.conf)"
    return exceptions.NovaError(f"{what}: {error}{hint}")


def _is_untrusted(causes: list[BaseException]) -> bool:
    errors = (requests.exceptions.SSLError, ks_exceptions.SSLError)
    return any(isinstance(cause, errors) for cause in causes)


def _is_passing(status: int) -> bool:
    return status == 429 or status >= 500


def _from_lost_connection(what: str, error: ks_exceptions.ConnectionError) -> exceptions.NovaError:
    causes = list(_causes(error))
    cause = _shorten(error)
    if _is_untrusted(causes):
        return exceptions.NovaError(f"{what}: {error}{_UNTRUSTED}")
    if _TOKEN_PATH in str(error):
        return exceptions.NovaUnavailable(f"{what}: {cause}{_SILENT}")  # without a token nothing reached Nova
    if any(isinstance(cause, _NEVER_SENT) for cause in causes):
        return exceptions.NovaUnavailable(f"{what}: {cause}")
    return exceptions.NovaUnanswered(f"{what}: {cause}")


def _shorten(error: Exception) -> str:
    """Say what keystoneauth says without what urllib3 says in it of its pool."""
    return _POOLS_WORDS.sub(r": \1", str(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk an error's causes; requests keeps urllib3's in ``args`` and its ``reason``."""
    seen: set[int] = set()
    todo: list[object] = [error]
    while todo:
        found = todo.pop()
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        todo += [found.__cause__, found.__context__, getattr(found, "reason", None), *found.args]
