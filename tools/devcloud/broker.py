"""RabbitMQ: the broker that answers where the settings say, or one of our own there; and our virtual host."""

import os
import pathlib
import shutil
import socket
import subprocess
import urllib.parse

from tools.devcloud import install, processes
from tools.devcloud.errors import DevcloudError
from tools.devcloud.processes import Daemon, Supervisor
from tools.devcloud.settings import Settings

NAME = "rabbitmq"
EPMD = "epmd"
_NODE = "devcloud@localhost"


def install_server(settings: Settings) -> None:
    """Install RabbitMQ, unless a broker answers.

    :raises DevcloudError: when none answers on another machine
    """
    if is_listening(*_address(settings)):
        return
    host, port = _address(settings)
    if host not in ("127.0.0.1", "localhost"):
        raise DevcloudError(f"no message broker answers on {host}:{port}")
    install.install_debian_packages(["rabbitmq-server"], "rabbitmqctl", settings.path("log", "apt.log"))


def start(settings: Settings, supervisor: Supervisor) -> None:
    """Start a broker of our own if none answers, and see to it that our virtual host is there.

    :raises DevcloudError: when we can neither create the virtual host nor use it
    """
    if not is_listening(*_address(settings)):
        _start_own(settings, supervisor)
    if _can_use_vhost(settings):
        return
    user = urllib.parse.unquote(urllib.parse.urlsplit(settings.rabbit_url).username or "guest")
    said = _control(settings, "add_vhost", settings.rabbit_vhost)
    said += _control(settings, "set_permissions", "-p", settings.rabbit_vhost, user, ".*", ".*", ".*")
    if not _can_use_vhost(settings):
        raise DevcloudError(
            f"can't use the broker's virtual host {settings.rabbit_vhost}. Create it there, with all "
            f"permissions for {user}, or name another in DEVCLOUD_RABBIT_VHOST. rabbitmqctl said: "
            f"{said.strip()}"
        )


def delete_vhost(settings: Settings) -> None:
    """Delete our virtual host with its queues from a broker that is not ours."""
    if is_listening(*_address(settings)):
        _control(settings, "delete_vhost", settings.rabbit_vhost)


def is_listening(host: str, port: int) -> bool:
    """Tell whether somebody answers on that TCP port."""
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


def _address(settings: Settings) -> tuple[str, int]:
    url = urllib.parse.urlsplit(settings.rabbit_url)
    return url.hostname or "127.0.0.1", url.port or 5672


def _start_own(settings: Settings, supervisor: Supervisor) -> None:
    """Start epmd, which Erlang would else start by itself and leave behind, then RabbitMQ."""
    _, port = _address(settings)
    etc = _write_configuration(settings, port)
    variables = _variables(settings)
    supervisor.start(Daemon(EPMD, _epmd_command(settings), variables))
    daemon = Daemon(NAME, ["/usr/lib/rabbitmq/bin/rabbitmq-server"], variables, files=[etc])
    supervisor.start(daemon)
    supervisor.wait_for(lambda: is_listening("127.0.0.1", port), "RabbitMQ", daemon=NAME, limit=90)


def _epmd_command(settings: Settings) -> list[str]:
    found = shutil.which("epmd") or next(iter(sorted(_erlang_programs("epmd"))), "epmd")
    return [found, "-port", str(settings.port_epmd), "-address", "127.0.0.1"]


def _erlang_programs(name: str) -> list[str]:
    erlang = "/usr/lib/erlang"
    releases = os.listdir(erlang) if os.path.isdir(erlang) else []
    paths = (f"{erlang}/{release}/bin/{name}" for release in releases if release.startswith("erts-"))
    return [path for path in paths if os.access(path, os.X_OK)]


def _write_configuration(settings: Settings, port: int) -> pathlib.Path:
    path = settings.path("etc", "rabbitmq.conf")
    url = urllib.parse.urlsplit(settings.rabbit_url)
    path.write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\n"
        f"default_user = {urllib.parse.unquote(url.username or 'guest')}\n"
        f"default_pass = {urllib.parse.unquote(url.password or 'guest')}\n"
        "log.file.level = warning\n"
        "vm_memory_high_watermark.absolute = 1GB\n"
        "disk_free_limit.absolute = 200MB\n"
    )
    settings.path("etc", "rabbitmq-plugins").write_text("[].\n")
    settings.path("etc", "rabbitmq.config").write_text("[].\n")
    settings.path("state", "rabbitmq").mkdir(parents=True, exist_ok=True)
    return path


def _variables(settings: Settings) -> dict[str, str]:
    home = settings.path("state", "rabbitmq")
    return {
        "HOME": str(home),  # the cookie that lets rabbitmqctl in is here
        "ERL_EPMD_PORT": str(settings.port_epmd),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": _NODE,
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(settings.path("log", "rabbitmq")),
        "RABBITMQ_CONFIG_FILE": str(settings.path("etc", "rabbitmq.conf")),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(settings.path("etc", "rabbitmq.config")),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(settings.path("etc", "rabbitmq-plugins")),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_DIST_PORT": str(settings.port_rabbit_dist),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
    }


def _control(settings: Settings, *words: str) -> str:
    """Run rabbitmqctl; returns what it said, since an error here is found out by trying the broker."""
    own = settings.path("run", f"{NAME}.json").exists()
    command = (
        ["/usr/lib/rabbitmq/bin/rabbitmqctl", "-n", _NODE] if own else [*install.as_root(), "rabbitmqctl"]
    )
    variables = processes.environment(_variables(settings) if own else {})
    try:
        done = subprocess.run(
            [*command, "-q", *words], capture_output=True, text=True, env=variables, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{error}\n"
    return done.stdout + done.stderr


def _can_use_vhost(settings: Settings) -> bool:
    helper = install.HELPERS / "vhost.py"
    command = [settings.program("python"), str(helper), settings.transport_url]
    done = subprocess.run(command, capture_output=True, env=processes.environment({}), check=False)
    return done.returncode == 0
