"""masakari-lite-engine: the service."""

# Patch first: whatever is imported before keeps blocking threads, locks and sockets.
import os
import warnings

os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
import eventlet  # noqa: E402

eventlet.monkey_patch()

import sys  # noqa: E402

from oslo_config import cfg  # noqa: E402
from oslo_log import log  # noqa: E402
from oslo_service import backend, service  # noqa: E402

backend.init_backend(backend.BackendType.EVENTLET)

from masakari_lite import conf as options  # noqa: E402
from masakari_lite import exceptions, version  # noqa: E402
from masakari_lite.engine.service import EngineService  # noqa: E402
from masakari_lite.journal import store  # noqa: E402

PROG = "masakari-lite-engine"
_UPGRADE = cfg.BoolOpt(
    "upgrade-db",
    default=False,
    help="Create or upgrade the tables in [database] connection, then exit. Stop the engines first.",
)


def main() -> int:
    """Run the engine until SIGTERM; returns the exit status."""
    conf = cfg.CONF
    options.register_opts(conf)
    conf.register_cli_opt(_UPGRADE)
    try:
        conf(sys.argv[1:], project="masakari", prog=PROG, version=version.RELEASE, description=__doc__)
        log.setup(conf, "masakari_lite")
        if conf.upgrade_db:
            store.upgrade(conf)
            return 0
        launcher = service.launch(conf, EngineService(conf), restart_method="mutate")
    except (cfg.Error, exceptions.MasakariLiteError) as error:
        print(f"{PROG}: {error}", file=sys.stderr)  # noqa: T201 - also where the log goes elsewhere
        return 1
    return launcher.wait() or 0


if __name__ == "__main__":
    sys.exit(main())
