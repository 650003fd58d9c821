"""Put the software where the cloud runs it from: Debian's servers, and a virtualenv with OpenStack."""

import concurrent.futures
import contextlib
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from tools.devcloud import processes
from tools.devcloud.errors import DevcloudError
from tools.devcloud.settings import Settings

VERSIONS = pathlib.Path(__file__).with_name("versions.txt")
HELPERS = pathlib.Path(__file__).with_name("helpers")
_POLICY = pathlib.Path("/usr/sbin/policy-rc.d")
_PIPS = 3  # two keep two cores busy, and one of three always waits for the network


def install_debian_packages(packages: list[str], program: str, log: pathlib.Path) -> None:
    """Install packages of Debian's unless the program that they bring is there already.

    Debian would start a server at once, and at each boot; while this installs, it may not.

    :raises CommandError: when apt fails, as it does without root and sudo
    """
    if shutil.which(program, path=processes.environment({})["PATH"]):
        return
    if not shutil.which("apt-get"):
        raise DevcloudError(f"{program} is not installed, and there is no apt-get to install it with")
    print(f"devcloud: apt-get install {' '.join(packages)}", flush=True)
    variables = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    apt = [*as_root(), "apt-get", "-q", "-y"]
    with _no_service_starts():
        processes.run([*apt, "update"], log, variables)
        processes.run([*apt, "install", "--no-install-recommends", *packages], log, variables)


def install_openstack(settings: Settings) -> None:
    """Make the virtualenv, with the packages of versions.txt; nothing to do when it has them.

    The list is complete, so that pip has nothing to resolve and several can share the work.

    :raises CommandError: when pip fails
    """
    marker = settings.path("venv", "installed")
    wanted = hashlib.sha256(VERSIONS.read_bytes()).hexdigest()
    if marker.exists() and marker.read_text() == wanted:
        return
    packages = [line for line in VERSIONS.read_text().split("\n") if line and not line.startswith("#")]
    print(f"devcloud: pip install of {len(packages)} packages", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(settings.path("venv"))], check=True)
    shares = [packages[first::_PIPS] for first in range(_PIPS)]
    with concurrent.futures.ThreadPoolExecutor(_PIPS) as pool:
        list(pool.map(lambda number: _pip_install(settings, number, shares[number]), range(_PIPS)))
    marker.write_text(wanted)


def _pip_install(settings: Settings, number: int, packages: list[str]) -> None:
    pip = [settings.program("python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-deps"]
    processes.run([*pip, *packages], settings.path("log", f"pip-{number + 1}.log"), os.environ)


def as_root() -> list[str]:
    """Return what a command starts with that only root may run."""
    return [] if os.geteuid() == 0 else ["sudo", "-n"]


@contextlib.contextmanager
def _no_service_starts() -> Iterator[None]:
    if _POLICY.exists():
        yield
        return
    with tempfile.NamedTemporaryFile("w") as policy:
        policy.write("#!/bin/sh\nexit 101\n")
        policy.flush()
        subprocess.run([*as_root(), "install", "-m", "755", policy.name, str(_POLICY)], check=True)
    try:
        yield
    finally:
        subprocess.run([*as_root(), "rm", str(_POLICY)], check=True)
