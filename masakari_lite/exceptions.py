"""Every error that masakari_lite raises.

::

    MasakariLiteError
    ├── ConfigurationError          the engine cannot work with this configuration
    ├── InvalidInput                a field of a request is missing or wrong
    ├── DuplicateNotification       the same notification is being recovered already
    ├── NotificationNotFound        no notification with that uuid
    ├── JournalError                the journal cannot be used
    │   └── JournalOutdated         its schema is not the one this release needs
    ├── NovaError                   Nova (or Keystone on the way to it) refused
    │   ├── InstanceNotFound        404: the instance was deleted
    │   ├── ComputeServiceNotFound  no nova-compute service of that host
    │   ├── NovaConflict            409: Nova does not do this with the instance
    │   │   └── NovaWrongState      because of its vm_state or task_state, which may change
    │   ├── NovaBadRequest          400
    │   ├── NovaForbidden           401, 403: the credentials do not suffice
    │   ├── NovaNotSupported        403: Nova does not do this with what the instance has
    │   ├── NovaUnavailable         the request was surely not carried out (Retriable)
    │   │   └── CellUnavailable     the cell of the host does not answer (Retriable)
    │   └── NovaUnanswered          the request may have been carried out (Retriable)
    ├── CoordinationError           the claims' backend cannot be used
    ├── RecoveryError               a recovery, or one instance's, came to nothing
    │   ├── HostStillUp             Nova still reports the compute service up
    │   ├── HostReturned            it has been up, or was changed, since its recovery began
    │   ├── EvacuationFailed        an instance could not be brought back
    │   │   ├── NoValidHost         because no host has room for it
    │   │   └── EvacuationRefused   and must not be retried
    │   └── RecoveryLeft            this engine stops here; the journal has the rest
    │       ├── EngineStopping      because it is shutting down
    │       └── ClaimLost           because another engine may resume it
    ├── EngineStuck                 the engine does nothing any more
    └── WaitTimeout                 what was waited for did not come in time

``Retriable`` marks the errors after which the same request may succeed later.
"""

import re

_INSIDE_NAME = re.compile(r"(?<=[a-z])(?=[A-Z])")


class MasakariLiteError(Exception):
    """Raised, as one of its subclasses, for everything that goes wrong here.

    :cvar code: the name of its class in lower case, with underscores: what notifications and vmoves have as
        their ``reason``
    """

    code = "masakari_lite_error"

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls.code = _INSIDE_NAME.sub("_", cls.__name__).lower()


class Retriable:
    """Marks an error after which the same request may succeed later."""


class ConfigurationError(MasakariLiteError):
    """Raised when the engine cannot work with the configuration that it was given."""


class InvalidInput(MasakariLiteError):
    """Raised when a request is refused; the message names the field and the reason."""


class DuplicateNotification(MasakariLiteError):
    """Raised when the same notification is new or running; the message names that one."""


class NotificationNotFound(MasakariLiteError):
    """Raised when no notification has the uuid that was asked for."""


class JournalError(MasakariLiteError):
    """Raised when the journal's database cannot be used."""


class JournalOutdated(JournalError):
    """Raised when the database's schema is not the one that this release needs."""


class NovaError(MasakariLiteError):
    """Raised when Nova, or Keystone on the way to it, refused a request.

    :param message: what was asked and what was answered, the request id included
    """


class InstanceNotFound(NovaError):
    """Raised when Nova does not know the instance: it was deleted."""


class ComputeServiceNotFound(NovaError):
    """Raised when Nova has no nova-compute service for a host."""


class NovaConflict(NovaError):
    """Raised when Nova does not do what is asked with an instance (409)."""


class NovaWrongState(NovaConflict):
    """Raised when the vm_state or task_state of the instance does not allow the request."""


class NovaBadRequest(NovaError):
    """Raised when Nova calls the request wrong (400)."""


class NovaNotSupported(NovaError):
    """Raised when Nova does not do what is asked with a resource of the instance, or its quota (403)."""


class NovaForbidden(NovaError):
    """Raised when the credentials are wrong or lack a role (401, 403)."""


class NovaUnavailable(NovaError, Retriable):
    """Raised when a request surely was not carried out: no connection, or 429.

    :param retry_after: how many seconds Nova asks to wait, 0 when it does not say
    """

    def __init__(self, message: str, retry_after: float = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CellUnavailable(NovaUnavailable):
    """Raised when Nova cannot read the cell of a host: what it does not show may be there all the same."""


class NovaUnanswered(NovaError, Retriable):
    """Raised when a request may or may not have been carried out: 5xx, a lost or late answer.

    :param is_over: whether Nova is surely not at work on it any more
    """

    def __init__(self, message: str, is_over: bool = False) -> None:
        super().__init__(message)
        self.is_over = is_over


class CoordinationError(MasakariLiteError):
    """Raised when the claims on hosts cannot be read or made: nothing is begun meanwhile."""


class RecoveryError(MasakariLiteError):
    """Raised when the recovery of a host, or of one instance, came to nothing."""


class HostStillUp(RecoveryError):
    """Raised when Nova still reports the compute service up; nothing may be evacuated from it."""


class HostReturned(RecoveryError):
    """Raised when a later attempt finds that the host may be alive: it must be fenced and notified again."""


class EvacuationFailed(RecoveryError):
    """Raised when an instance could not be brought back; the message says why."""


class NoValidHost(EvacuationFailed):
    """Raised when Nova's scheduler found no host for an instance: there may be room later."""


class EvacuationRefused(EvacuationFailed):
    """Raised when evacuating an instance could do harm; the message says what to check."""


class RecoveryLeft(RecoveryError):
    """Raised to leave work as it is in the journal, locks included: the engine that claims it resumes."""


class EngineStopping(RecoveryLeft):
    """Raised when the engine shuts down; the next start, or another engine, resumes."""


class ClaimLost(RecoveryLeft):
    """Raised when this engine may not own the recovery any more, so that it must not act on it."""


class EngineStuck(MasakariLiteError):
    """Raised when the engine does nothing any more, and only a restart helps."""


class WaitTimeout(MasakariLiteError):
    """Raised when a condition did not come true within its time limit."""
