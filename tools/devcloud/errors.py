"""What can go wrong with the cloud, told so that its user knows what to do."""


class DevcloudError(Exception):
    """Raised when the cloud can't be brought where it should be; the message says why."""


class CommandError(DevcloudError):
    """Raised when a command that the cloud needs ended with another status than 0."""


class GaveUpError(DevcloudError):
    """Raised when something that was waited for did not come in time."""


class RequestError(DevcloudError):
    """Raised when a service of the cloud answered a request with an error.

    :ivar status: HTTP status
    :ivar body: what the service said
    """

    def __init__(self, method: str, url: str, status: int, body: str) -> None:
        super().__init__(f"{method} {url}: HTTP {status} {body[:600]}")
        self.status = status
        self.body = body
