"""Write one line of JSON for each request to an application, telling who asked for what.

Runs in the cloud's virtualenv. The file is named by DEVCLOUD_REQUEST_LOG, and all processes append to it.
"""

import io
import json
import os
import time


class RequestLog:
    """WSGI middleware; the application sees its requests as they came."""

    def __init__(self, application, service):
        self._application = application
        self._service = service
        # a line of less than PIPE_BUF bytes written in one go does not mix with another process's
        self._file = os.open(
            os.environ["DEVCLOUD_REQUEST_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644
        )

    def __call__(self, environ, start_response):
        """Answer as the application does, and write the line."""
        started = time.time()
        line = {
            "time": round(started, 3),
            "service": self._service,
            "method": environ["REQUEST_METHOD"],
            "path": environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""),
            "query": environ.get("QUERY_STRING", ""),
        }
        line.update(_intention(environ))

        def start(status, headers, *rest):
            line["status"] = int(status.split()[0])
            return start_response(status, headers, *rest)

        answer = self._application(environ, start)
        # Nova's token middleware has put the name there, and removed what the client may have sent
        line.setdefault("user", environ.get("HTTP_X_USER_NAME"))
        line["seconds"] = round(time.time() - started, 4)
        os.write(self._file, (json.dumps(line) + "\n").encode())
        return answer


def _intention(environ):
    """Tell which action a server is asked for, or who asks for a token."""
    path = environ.get("PATH_INFO", "")
    if environ["REQUEST_METHOD"] != "POST" or not path.endswith(("/action", "/auth/tokens")):
        return {}
    text = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(text)
    try:
        body = json.loads(text)
        if path.endswith("/action"):
            return {"action": next(iter(body))}
        return {"user": _user(body["auth"]["identity"])}
    except (ValueError, KeyError, TypeError, StopIteration):
        return {}


def _user(identity):
    if "password" not in identity["methods"]:
        return "+".join(identity["methods"])
    user = identity["password"]["user"]
    return user.get("name") or user["id"]
