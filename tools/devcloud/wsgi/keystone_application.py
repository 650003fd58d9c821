"""Keystone with a request log."""

from keystone.wsgi.api import application as keystone
from request_log import RequestLog

application = RequestLog(keystone, "keystone")
