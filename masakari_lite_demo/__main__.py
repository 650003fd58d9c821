"""The demo's process: a real engine, a simulated cloud, user and monitor. Run by ``masakari-lite demo``."""

# Patch first, as the engine's command does: the real engine runs in this process.
import os
import warnings

os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
warnings.simplefilter("ignore")
import eventlet  # noqa: E402

eventlet.monkey_patch()

import sys  # noqa: E402

from oslo_config import cfg  # noqa: E402
from oslo_service import backend  # noqa: E402

backend.init_backend(backend.BackendType.EVENTLET)

from masakari_lite_demo import arguments, runner  # noqa: E402


def main(argv: list[str] | None = None) -> int:
    """Run the demo; returns 0 when every check holds."""
    return runner.run(cfg.CONF, arguments.parse(argv))


if __name__ == "__main__":
    sys.exit(main())
