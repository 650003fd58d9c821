"""Print how the number of threads changes the time of a recovery, beside what it would be at best.

An evacuation that takes ``latency`` seconds is seen at the first question after its end, so a thread needs
``latency`` + one ``verify_interval`` an instance, and n threads share the instances. The simulator runs in
a process of its own.
"""

import os
import warnings

os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
import eventlet  # noqa: E402

eventlet.monkey_patch()

import argparse  # noqa: E402
import datetime  # noqa: E402
import math  # noqa: E402
import pathlib  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402

from oslo_config import cfg  # noqa: E402
from oslo_service import backend  # noqa: E402

backend.init_backend(backend.BackendType.EVENTLET)

from masakari_lite import polling  # noqa: E402
from masakari_lite.demo import engine, processes  # noqa: E402
from masakari_lite.rpc.client import EngineAPI  # noqa: E402

VERIFY_INTERVAL = 1.0
TOLERANCE = 0.15


def main() -> int:
    """Run the benchmark; returns 1 when a time is further off than the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=30, help="on the failed host; default 30")
    parser.add_argument("--latency", type=float, default=2.0, help="seconds an evacuation takes; default 2")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 3, 10, 30])
    options = parser.parse_args()
    print(f"{options.instances} instances, evacuation latency {options.latency:g} s, verify_interval 1 s")
    print(f"{'threads':>7} {'measured':>10} {'expected':>10} {'ratio':>6}")
    is_off = False
    for threads in options.threads:
        seconds = measure(options.instances, options.latency, threads)
        expected = math.ceil(options.instances / threads) * (options.latency + VERIFY_INTERVAL)
        ratio = seconds / expected
        is_off = is_off or abs(ratio - 1) > TOLERANCE
        print(f"{threads:>7} {seconds:>8.2f} s {expected:>8.2f} s {ratio:>6.2f}", flush=True)
    return int(is_off)


def measure(instances: int, latency: float, threads: int) -> float:
    """Recover a host once; returns the seconds from the first instance's start to the last one's end."""
    with (
        tempfile.TemporaryDirectory() as name,
        processes.running_simulator(pathlib.Path(name), 0, latency, 0, time.sleep) as cloud,
    ):
        directory = pathlib.Path(name)
        path = engine.write_config(directory, cloud.auth_url, threads)
        for _ in range(instances):
            cloud.control.add_server("compute-1")
        cfg.CONF.reset()
        with engine.running_engine(cfg.CONF, path) as connection:
            cloud.control.fail_host("compute-1")
            return _recover(connection, instances)


def _recover(api: EngineAPI, instances: int) -> float:
    uuid = api.process_notification(
        {
            "type": "COMPUTE_HOST",
            "hostname": "compute-1",
            "generated_time": datetime.datetime.now(datetime.UTC).isoformat(),
            "payload": {"event": "STOPPED", "host_status": "NORMAL"},
        }
    )["notification_uuid"]

    def has_ended() -> bool:
        return api.get_notification(uuid)["status"] not in ("new", "running")

    polling.wait_until(has_ended, 0.5, 3600, "end of the recovery")
    vmoves = api.list_vmoves(uuid)
    if [vmove["status"] for vmove in vmoves] != ["succeeded"] * instances:
        raise SystemExit(f"not all instances were recovered: {vmoves}")
    started = min(datetime.datetime.fromisoformat(vmove["start_time"]) for vmove in vmoves)
    ended = max(datetime.datetime.fromisoformat(vmove["end_time"]) for vmove in vmoves)
    return (ended - started).total_seconds()


if __name__ == "__main__":
    sys.exit(main())
