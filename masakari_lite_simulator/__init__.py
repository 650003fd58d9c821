"""A simulated Keystone and Nova with HTTP APIs, for the demo, the tests and practice.

It behaves as a real Nova where evacuations are concerned, errors included, in one process and without delays
other than the configured latencies. tests/contract checks that a real Nova behaves the same.
"""

from masakari_lite_simulator.clock import Clock, ManualClock
from masakari_lite_simulator.cloud import Cloud
from masakari_lite_simulator.faults import Fault, Faults
from masakari_lite_simulator.models import Host, Migration, Server
from masakari_lite_simulator.options import SimulatorOptions
from masakari_lite_simulator.remote import RemoteSimulator
from masakari_lite_simulator.report import InstanceReport, Report
from masakari_lite_simulator.simulator import Simulator

__all__ = [
    "Clock",
    "Cloud",
    "Fault",
    "Faults",
    "Host",
    "InstanceReport",
    "ManualClock",
    "Migration",
    "RemoteSimulator",
    "Report",
    "Server",
    "Simulator",
    "SimulatorOptions",
]
