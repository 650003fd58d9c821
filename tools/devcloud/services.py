"""OpenStack's processes: what each is started with, in which order, and how we know that it serves."""

import functools
import pathlib
import urllib.error
import urllib.request

from tools.devcloud import config
from tools.devcloud.errors import DevcloudError
from tools.devcloud.processes import Daemon, Supervisor
from tools.devcloud.settings import Settings

REQUEST_LOG = "requests.jsonl"
_WSGI = pathlib.Path(__file__).with_name("wsgi")
_NOVA_FILES = ("nova.conf", "nova-control.conf", "nova-policy.yaml")
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Services:
    """Starts and stops OpenStack's processes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.supervisor = Supervisor(settings.path("run"), settings.path("log"))

    def start_keystone(self) -> None:
        """Start Keystone; one process of it, because of its cache."""
        variables = {"OS_KEYSTONE_CONFIG_DIR": str(self._settings.path("etc"))}
        self._start_api("keystone", "keystone_application", variables, ["keystone.conf"])

    def start_glance(self) -> None:
        """Start Glance."""
        variables = {"OS_GLANCE_CONFIG_DIR": str(self._settings.path("etc"))}
        self._start_api("glance", "glance.wsgi.api", variables, ["glance-api.conf"])

    def start_neutron(self) -> None:
        """Start Neutron's API."""
        etc = str(self._settings.path("etc"))
        variables = {"OS_NEUTRON_CONFIG_DIR": etc, "OS_NEUTRON_CONFIG_FILES": "neutron.conf"}
        self._start_api("neutron", "neutron_application", variables, ["neutron.conf"])

    def start_placement(self) -> None:
        """Start Placement."""
        variables = {"OS_PLACEMENT_CONFIG_DIR": str(self._settings.path("etc"))}
        self._start_api("placement", "placement.wsgi.api", variables, ["placement.conf"], workers=2)

    def start_nova_api(self) -> None:
        """Start nova-api."""
        settings = self._settings
        paste = settings.path("venv", "etc", "nova", "api-paste.ini")
        names = [str(paste), *(str(settings.path("etc", name)) for name in _NOVA_FILES[:2])]
        variables = {"OS_NOVA_CONFIG_FILES": ";".join(names)}
        size = {"workers": settings.api_workers, "threads": settings.api_threads}
        self._start_api("nova", "nova_application", variables, _NOVA_FILES, **size)

    def start_nova_control(self) -> None:
        """Start nova-conductor and nova-scheduler; they end at once if Keystone does not let them in."""
        options = [f"--config-file={path}" for path in self._files(_NOVA_FILES[:2])]
        for name in ("nova-conductor", "nova-scheduler"):
            command = [self._settings.program(name), *options]
            self.supervisor.start(Daemon(name, command, files=self._files(_NOVA_FILES)))

    def start_compute(self, host: str) -> bool:
        """Start the nova-compute of a host; tells whether it was not running.

        :raises DevcloudError: when the cloud has no such host
        """
        self._check_host(host)
        names = ("nova.conf", f"nova-{host}.conf")
        options = [f"--config-file={path}" for path in self._files(names)]
        log = f"--log-file={self._settings.path('log', f'nova-{host}.log')}"
        command = [self._settings.program("nova-compute"), *options, log]
        return self.supervisor.start(Daemon(f"nova-{host}", command, files=self._files(names)))

    def stop_computes_except(self, hosts: list[str]) -> None:
        """Stop the nova-computes of an earlier ``up`` with more of them."""
        wanted = {f"nova-{host}" for host in hosts}
        names = [name for name in self.supervisor.names() if name.startswith("nova-compute")]
        self.supervisor.stop(set(names) - wanted, grace=0)

    def kill_compute(self, host: str) -> bool:
        """Kill the nova-compute of a host (SIGKILL); tells whether it was running.

        :raises DevcloudError: when the cloud has no such host
        """
        self._check_host(host)
        return self.supervisor.kill(f"nova-{host}")

    def is_compute_running(self, host: str) -> bool:
        """Tell whether the nova-compute of a host runs."""
        return self.supervisor.is_running(f"nova-{host}")

    def wait_for_api(self, *names: str) -> None:
        """Wait until services answer: keystone, glance, neutron, placement, nova.

        :raises GaveUpError: when one doesn't
        """
        for name in names:
            port = getattr(self._settings, f"port_{name}")
            self.supervisor.wait_for(
                functools.partial(_serves, port), f"{name} to serve", daemon=name, limit=120
            )

    def stop(self) -> None:
        """Stop all daemons: the computes at once, then OpenStack, then what it runs on."""
        names = self.supervisor.names()
        infrastructure = [name for name in names if name in ("mariadb", "rabbitmq")]
        computes = [name for name in names if name.startswith("nova-compute")]
        others = [name for name in names if name not in {*infrastructure, *computes, "epmd"}]
        self.supervisor.stop(computes, grace=0)
        self.supervisor.stop(others, grace=3)
        self.supervisor.stop(infrastructure, grace=30)
        self.supervisor.stop(["epmd"])

    def _start_api(
        self,
        name: str,
        module: str,
        variables: dict[str, str],
        files: tuple[str, ...] | list[str],
        workers: int = 1,
        threads: int = 8,
    ) -> None:
        settings = self._settings
        port = getattr(settings, f"port_{name}")
        settings_file = config.write_gunicorn(settings, name, f"{module}:application", port, workers, threads)
        variables = variables | {
            "GUNICORN_CMD_ARGS": f"--config={settings_file}",
            "PYTHONPATH": str(_WSGI),
            "DEVCLOUD_REQUEST_LOG": str(settings.path("log", REQUEST_LOG)),
        }
        paths = [settings_file, *self._files(files)]
        self.supervisor.start(Daemon(name, [settings.program("gunicorn")], variables, paths))

    def _files(self, names: tuple[str, ...] | list[str]) -> list[pathlib.Path]:
        return [self._settings.path("etc", name) for name in names]

    def _check_host(self, host: str) -> None:
        if host not in self._settings.hosts:
            raise DevcloudError(f"no such host: {host} (there are {', '.join(self._settings.hosts)})")


def _serves(port: int) -> bool:
    """Tell whether an API answers; its list of versions needs no token (Keystone and Nova say 300)."""
    try:
        with _DIRECT.open(f"http://127.0.0.1:{port}/", timeout=5):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
