"""Refusing bad input by name, before anything is written or begun."""

import datetime
import json
import uuid
from typing import Any

import jsonschema
from oslo_utils import timeutils

from masakari_lite import exceptions
from masakari_lite.models import JsonDict, Notification, NotificationStatus, NotificationType

_TEXT = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    # neither NUL nor lone surrogates, which no database takes; else as free as Masakari has it
    "pattern": "^[^\x00\ud800-\udfff]+\\Z",
}
_UUID = {"type": "string", "format": "uuid"}


def _payload(required: tuple[str, ...], **properties: JsonDict) -> JsonDict:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


_PAYLOADS = {
    NotificationType.COMPUTE_HOST: _payload(
        # masakari-monitors' driver for Kubernetes sends no more
        ("event",),
        event={"enum": ["STARTED", "STOPPED"]},
        host_status={"enum": ["NORMAL", "UNKNOWN"]},
        cluster_status={"enum": ["ONLINE", "OFFLINE"]},
    ),
    NotificationType.VM: _payload(
        ("event", "instance_uuid", "vir_domain_event"),
        event=_TEXT,
        instance_uuid=_UUID,
        vir_domain_event=_TEXT,
    ),
    NotificationType.PROCESS: _payload(
        ("event", "process_name"), event={"enum": ["STARTED", "STOPPED"]}, process_name=_TEXT
    ),
}

_NOTIFICATION = {
    "type": "object",
    "properties": {
        "type": {"enum": [str(kind) for kind in NotificationType]},
        "hostname": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[A-Za-z0-9._:-]+\Z"},
        "generated_time": {"type": "string", "format": "date-time"},
        "payload": {"type": "object"},
        "notification_uuid": {"anyOf": [_UUID, {"type": "null"}]},
    },
    "required": ["type", "hostname", "generated_time", "payload"],
    "additionalProperties": False,
}

_FILTERS = {
    "type": "object",
    "properties": {
        "type": {"enum": [str(kind) for kind in NotificationType]},
        "hostname": _TEXT,
        "status": {"enum": [str(status) for status in NotificationStatus]},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
    },
    "additionalProperties": False,
}

# notifications that came without uuid have theirs from this and from what they say
_SAME = uuid.UUID("5f0f1bd3-9a0e-4f3c-8d0b-6c1b2d5e7a94")
_CHECKER = jsonschema.FormatChecker(formats=())
_REASON_LENGTH = 200


@_CHECKER.checks("uuid", raises=ValueError)
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or bool(uuid.UUID(value))


@_CHECKER.checks("date-time", raises=(ValueError, OverflowError))
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or _to_utc(value).year >= 1970


def parse_notification(raw: Any) -> Notification:
    """Make a notification of what a monitor sent.

    :raises InvalidInput: naming the field that is missing or wrong
    """
    _check(_NOTIFICATION, raw, "notification")
    kind = NotificationType(raw["type"])
    payload = dict(raw["payload"])
    _check(_PAYLOADS[kind], payload, "payload")
    if "instance_uuid" in payload:
        payload["instance_uuid"] = parse_uuid(payload["instance_uuid"], "payload.instance_uuid")
    generated_time = _to_utc(raw["generated_time"])
    return Notification(
        notification_uuid=parse_uuid(
            raw.get("notification_uuid") or _make_uuid(kind, raw["hostname"], generated_time, payload)
        ),
        type=kind,
        hostname=raw["hostname"],
        generated_time=generated_time,
        payload=payload,
    )


def _make_uuid(
    kind: NotificationType, hostname: str, generated_time: datetime.datetime, payload: JsonDict
) -> str:
    """Make the uuid of a notification that came without one: the same, sent again, has the same."""
    text = json.dumps([kind, hostname, generated_time.isoformat(), payload], sort_keys=True)
    return str(uuid.uuid5(_SAME, text))


def parse_uuid(value: Any, field: str = "notification_uuid") -> str:
    """Bring a uuid into its usual form.

    :raises InvalidInput: when it is none
    """
    _check(_UUID, value, field)
    return str(uuid.UUID(value))


def parse_filters(raw: JsonDict) -> JsonDict:
    """Check the filters of a list; those that are None do not filter.

    :raises InvalidInput: naming the filter that is unknown or wrong
    """
    filters = {name: value for name, value in raw.items() if value is not None}
    _check(_FILTERS, filters, "filters")
    return filters


def _check(schema: JsonDict, value: Any, field: str) -> None:
    validator = jsonschema.Draft202012Validator(schema, format_checker=_CHECKER)
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    if error is None:
        return
    path = ".".join(str(part) for part in error.absolute_path)
    where = path if field == "notification" and path else ".".join(filter(None, (field, path)))
    raise exceptions.InvalidInput(f"{where}: {_explain(error)}")


def _explain(error: Any) -> str:
    if error.validator == "pattern":
        return "has characters that are not allowed"
    if error.validator == "format":
        return f"{_shorten(error.instance)} is not a valid {error.validator_value}"
    if error.validator == "maxLength":
        return f"is longer than {error.validator_value} characters"
    if error.validator == "anyOf":
        return f"{_shorten(error.instance)} is not a valid uuid"
    return _shorten(error.message, quote=False)


def _shorten(value: Any, quote: bool = True) -> str:
    text = repr(value) if quote else str(value)
    text = text.encode("ascii", "backslashreplace").decode()
    return text if len(text) <= _REASON_LENGTH else f"{text[:_REASON_LENGTH]}..."


def _to_utc(value: str) -> datetime.datetime:
    moment: datetime.datetime = timeutils.normalize_time(timeutils.parse_isotime(value))
    return moment
