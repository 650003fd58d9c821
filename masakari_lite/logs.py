"""The log of the long-running processes, as [DEFAULT] says."""

import logging

from oslo_config import cfg
from oslo_log import formatters, log

from masakari_lite.printable import PrintableFormatter

# these write JSON, in which everything is escaped already
_JSON = (formatters.JSONFormatter, formatters.FluentFormatter)


def setup(conf: cfg.ConfigOpts) -> None:
    """Begin to log.

    :raises LogConfigError: when the configuration of the log cannot be used
    """
    log.setup(conf, "masakari_lite")
    for handler in logging.getLogger().handlers:
        if not isinstance(handler.formatter, _JSON):
            handler.setFormatter(PrintableFormatter(handler.formatter))
