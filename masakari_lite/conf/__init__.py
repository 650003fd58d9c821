"""Every option of masakari_lite, one module a group; nothing is read when this is imported."""

from collections.abc import Sequence
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_db import options as db_options
from oslo_log import log

from masakari_lite import exceptions
from masakari_lite.conf import coordination, emptiness, engine, host_failure, nova

CONTROL_EXCHANGE = "masakari"
_MODULES = (engine, coordination, host_failure, nova)
_LOG_LEVELS = (
    "alembic=WARN",
    # what they say with a traceback for each call that fails, or whenever something is late because of it,
    # is reported once by the caller
    "stevedore=ERROR",
    "oslo_db.api=CRITICAL",
    "oslo_db.sqlalchemy.exc_filters=CRITICAL",
    "sqlalchemy.pool=CRITICAL",
    "oslo.service.backend._common.loopingcall=ERROR",
)


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register all options of masakari_lite and of the libraries that it hands ``conf`` to."""
    for module in _MODULES:
        module.register_opts(conf)
    log.register_options(conf)
    set_defaults()
    conf.register_opts(_database_opts(), "database")


def _database_opts() -> list[cfg.Opt]:
    opts: list[cfg.Opt] = db_options.database_opts
    # the one left out is set by being empty
    emptiness.change(opt for opt in opts if opt.dest != "mysql_sql_mode")
    return opts


def check(conf: cfg.ConfigOpts) -> None:
    """Read every option once: oslo.config checks a value only when it is read.

    :raises ConfigurationError: naming the option whose value is wrong
    """
    for group, opts in [*list_opts(), ("database", _database_opts())]:
        section = conf if group == "DEFAULT" else conf[group]
        for opt in opts:
            try:
                getattr(section, opt.dest, None)
            except (ValueError, cfg.Error) as error:
                raise exceptions.ConfigurationError(f"[{group}] {opt.name}: {error}") from error


def set_defaults() -> None:
    """Set the defaults of other libraries' options, for the service and the sample file alike."""
    oslo_messaging.set_transport_defaults(CONTROL_EXCHANGE)
    cfg.set_defaults(db_options.database_opts, connection=engine.DEFAULT_CONNECTION)
    levels = [level for level in log.get_default_log_levels() if level != "stevedore=WARN"]
    log.set_defaults(default_log_levels=[*levels, *_LOG_LEVELS])


def list_opts() -> list[tuple[str, Sequence[Any]]]:
    """Return to oslo-config-generator the options of masakari_lite by group."""
    return [entry for module in _MODULES for entry in module.list_opts()]
