"""masakari-lite: the operator's tool."""

import sys
import warnings

from oslo_config import cfg

from masakari_lite.cli.app import MasakariLiteApp


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    # oslo.messaging's way of importing eventlet is nothing that an operator can change
    warnings.simplefilter("ignore")
    return MasakariLiteApp(cfg.CONF).run(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
