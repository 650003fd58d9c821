"""The engine: recovers failed compute hosts, until SIGTERM; SIGHUP rereads the mutable options."""

# Patch first: whatever is imported before keeps blocking threads, locks and sockets.
import os
import warnings

os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
import eventlet  # noqa: E402

eventlet.monkey_patch()

import gc  # noqa: E402
import sys  # noqa: E402

from oslo_config import cfg  # noqa: E402
from oslo_log import log  # noqa: E402

from masakari_lite import conf as options  # noqa: E402
from masakari_lite import exceptions, logs, version  # noqa: E402

PROG = "masakari-lite-engine"
_UPGRADE = cfg.BoolOpt(
    "upgrade-db",
    default=False,
    help="Create or upgrade the tables in [database] connection, then exit, as 'masakari-lite-manage db "
    "sync' does. Stop the engines first.",
)


def main() -> int:
    """Run the engine; returns the exit status: 1 when it cannot work with its configuration."""
    conf = cfg.CONF
    try:
        _read(conf)
        logs.setup(conf)
        return _run(conf)
    except (cfg.Error, log.LogConfigError, OSError, exceptions.MasakariLiteError) as error:
        print(f"{PROG}: {error}", file=sys.stderr)  # noqa: T201 - also where the log goes elsewhere
        return 1


def _read(conf: cfg.ConfigOpts) -> None:
    options.register_opts(conf)
    conf.register_cli_opt(_UPGRADE)
    conf(sys.argv[1:], project="masakari", prog=PROG, version=version.RELEASE, description=__doc__)
    options.check(conf)


def _run(conf: cfg.ConfigOpts) -> int:
    # imported late, so that --help and a wrong option are answered at once
    from oslo_service import backend

    backend.init_backend(backend.BackendType.EVENTLET)
    from masakari_lite.engine import launcher
    from masakari_lite.engine.service import EngineService
    from masakari_lite.health import systemd
    from masakari_lite.journal import store

    if conf.upgrade_db:
        store.upgrade(conf)
        return 0
    notifier = systemd.build_notifier()
    engine = EngineService(conf, notifier)
    # what was imported stays: looking through it at each garbage collection would stop all for 0.1 s
    gc.collect()
    gc.freeze()
    return launcher.run(conf, engine, lambda: _read(cfg.ConfigOpts()), notifier)


if __name__ == "__main__":
    sys.exit(main())
