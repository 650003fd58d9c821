"""The errors of the simulated APIs, with Nova's own messages."""

from __future__ import annotations

from typing import Any

# the name of the element in the body of an error, by its status
FAULT_NAMES = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}


class ApiError(Exception):
    """Raised when a request is refused: has the status and the body of the response."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def body(self) -> dict[str, Any]:
        """Return the response's body in Nova's form."""
        name = FAULT_NAMES.get(self.status, "computeFault")
        return {name: {"code": self.status, "message": self.message}}


class KeystoneError(ApiError):
    """Raised when Keystone, or the token check in front of Nova, refuses a request."""

    def body(self) -> dict[str, Any]:
        title = {401: "Unauthorized", 404: "Not Found", 403: "Forbidden"}.get(self.status, "Bad Request")
        return {"error": {"code": self.status, "message": self.message, "title": title}}


def unauthorized() -> KeystoneError:
    """Return the 401 for a missing, wrong or expired credential."""
    return KeystoneError(401, "The request you have made requires authentication.")


def bad_request(message: str) -> ApiError:
    """Return a 400."""
    return ApiError(400, message)


def policy_forbids(rule: str) -> ApiError:
    """Return the 403 that names the policy rule a user does not satisfy."""
    return ApiError(403, f"Policy doesn't allow {rule} to be performed.")


def not_found(what: str, uuid: str) -> ApiError:
    """Return the 404 for an unknown "Instance" or "Service"."""
    return ApiError(404, f"{what} {uuid} could not be found.")


def locked(uuid: str) -> ApiError:
    """Return the 409 a normal user gets for an instance that is locked."""
    return ApiError(409, f"Instance {uuid} is locked")


def down_cell() -> ApiError:
    """Return the 500 for a request that needs the database of a cell that does not answer."""
    return ApiError(
        500,
        "Unexpected API Error. Please contact the administrator\n<class 'nova.exception.NovaException'>",
    )


def wrong_state(action: str, uuid: str, attribute: str, state: str | None) -> ApiError:
    """Return the 409 for an action that the instance's vm_state or task_state does not allow."""
    return ApiError(409, f"Cannot '{action}' instance {uuid} while it is in {attribute} {state}")


def invalid_field(field: str, value: object, why: str) -> ApiError:
    """Return the 400 for a body that does not satisfy the API's schema."""
    return bad_request(f"Invalid input for field/attribute {field}. Value: {value}. {why}")
