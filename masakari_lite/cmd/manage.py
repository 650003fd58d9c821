"""masakari-lite-manage: create, upgrade and purge the journal's database."""

import sys
import warnings

from oslo_config import cfg
from oslo_log import log

# oslo.messaging's way of importing eventlet is nothing that an operator can change
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")

from masakari_lite import conf as options  # noqa: E402
from masakari_lite import exceptions, logs, version  # noqa: E402

PROG = "masakari-lite-manage"


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 1 when it could not be carried out."""
    conf = cfg.CONF
    try:
        _read(conf, sys.argv[1:] if argv is None else argv)
        logs.setup(conf)
        conf.command.run(conf)
    except KeyboardInterrupt:
        print(f"{PROG}: interrupted", file=sys.stderr)  # noqa: T201
        return 130
    except (cfg.Error, log.LogConfigError, OSError, ValueError, exceptions.MasakariLiteError) as error:
        print(f"{PROG}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _read(conf: cfg.ConfigOpts, argv: list[str]) -> None:
    # imported late, so that a wrong argument needs no database libraries
    from masakari_lite.manage import arguments

    options.register_opts(conf)
    conf.register_cli_opt(arguments.COMMAND)
    conf.set_default("use_stderr", True)  # stdout is for what was asked for
    conf(argv, project="masakari", prog=PROG, version=version.RELEASE, description=__doc__)


if __name__ == "__main__":
    sys.exit(main())
