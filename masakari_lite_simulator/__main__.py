"""masakari-lite-simulator: run a simulated Keystone and Nova until SIGTERM or SIGINT."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

from masakari_lite_simulator import Simulator, SimulatorOptions
from masakari_lite_simulator.arguments import parse

USAGE = """\
auth URL     {auth_url}
control URL  {control_url}

[nova]
auth_url = {auth_url}
auth_type = password
username = masakari
password = masakari
project_name = service
user_domain_name = Default
project_domain_name = Default
region_name = RegionOne

export OS_AUTH_URL={auth_url} OS_IDENTITY_API_VERSION=3 OS_REGION_NAME=RegionOne
export OS_USERNAME=admin OS_PASSWORD=admin OS_PROJECT_NAME=admin
export OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default
"""


def main(argv: list[str] | None = None) -> int:
    """Run the simulator until SIGTERM or SIGINT; return the exit code."""
    arguments = parse(argv)
    names = SimulatorOptions.__dataclass_fields__
    options = SimulatorOptions(**{name: value for name, value in vars(arguments).items() if name in names})
    stop = threading.Event()

    def request_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, request_stop)
    with Simulator(options, host=arguments.host, port=arguments.port) as simulator:
        simulator.populate(arguments.hosts, arguments.instances, arguments.on_first)
        sys.stdout.write(USAGE.format(auth_url=simulator.auth_url, control_url=simulator.control_url))
        sys.stdout.flush()
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
