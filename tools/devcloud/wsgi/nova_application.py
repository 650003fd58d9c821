"""nova-api with a request log."""

# isort: off
from nova.wsgi.osapi_compute import application as nova  # must be first: it decides about monkey-patching
from request_log import RequestLog

application = RequestLog(nova, "nova")
