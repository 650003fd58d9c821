"""A Keystone and a Nova that speak HTTP: for the demo, the tests and rehearsals.

It behaves as a real Nova does where an evacuation is concerned, errors and all, in one process and without
waiting for anything but the latencies it was given. tests/contract holds it to what a real Nova does.
"""

from masakari_lite.simulator.clock import Clock, ManualClock
from masakari_lite.simulator.cloud import Cloud
from masakari_lite.simulator.faults import Fault, Faults
from masakari_lite.simulator.models import Host, Migration, Server
from masakari_lite.simulator.options import SimulatorOptions
from masakari_lite.simulator.remote import RemoteSimulator
from masakari_lite.simulator.report import InstanceReport, Report
from masakari_lite.simulator.simulator import Simulator

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
