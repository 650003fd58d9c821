"""What the cloud is to be like. Each field is set by the variable DEVCLOUD_<FIELD IN CAPITALS>."""

import dataclasses
import json
import os
import pathlib
import urllib.parse
from collections.abc import Mapping
from typing import Any, Self

from tools.devcloud.errors import DevcloudError

PREFIX = "DEVCLOUD_"
REGION = "RegionOne"
DATABASES = ("keystone", "glance", "placement", "neutron", "nova_api", "nova", "nova_cell0", "masakari")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the cloud is to be like; README.rst says when to change which."""

    dir: str = ""
    num_computes: int = 4
    report_interval: int = 10
    service_down_time: int = 60
    rpc_response_timeout: int = 60
    api_workers: int = 2
    api_threads: int = 8
    conductor_workers: int = 2
    hash_rounds: int = 4
    password: str = "devcloud"
    database_url: str = ""
    database_prefix: str = "devcloud_"
    rabbit_url: str = "rabbit://guest:guest@127.0.0.1:5672"
    rabbit_vhost: str = "masakari-lite-devcloud"
    port_keystone: int = 15000
    port_placement: int = 18778
    port_glance: int = 19292
    port_neutron: int = 19696
    port_nova: int = 18774
    port_mariadb: int = 13316
    port_epmd: int = 14369
    port_rabbit_dist: int = 15673

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings, each from its variable or else its default.

        :raises DevcloudError: naming the variable whose value is wrong
        """
        values: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            text = environment.get(PREFIX + field.name.upper())
            if text:
                values[field.name] = _parse(field, text)
        return cls(**(values | {"dir": str(state_directory(environment))})).checked()

    @classmethod
    def load(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings that the cloud was last brought up with.

        :raises DevcloudError: when there is no cloud in the state directory
        """
        path = state_directory(environment) / "settings.json"
        if not path.exists():
            raise DevcloudError(f"no cloud in {path.parent}: bring it up first")
        return cls(**json.loads(path.read_text()))

    def save(self) -> None:
        """Keep the settings for the commands that come after ``up``."""
        text = json.dumps(dataclasses.asdict(self), indent=2)
        self.path("settings.json").write_text(text + "\n")

    def checked(self) -> Self:
        """Return the settings.

        :raises DevcloudError: when they contradict each other
        """
        if self.service_down_time <= self.report_interval:
            raise DevcloudError("DEVCLOUD_SERVICE_DOWN_TIME must be greater than DEVCLOUD_REPORT_INTERVAL")
        if self.num_computes < 1:
            raise DevcloudError("DEVCLOUD_NUM_COMPUTES must be 1 or more")
        return self

    @property
    def hosts(self) -> list[str]:
        """The compute hosts: compute1, compute2 ..."""
        return [f"compute{number}" for number in range(1, self.num_computes + 1)]

    @property
    def auth_url(self) -> str:
        """Keystone's URL."""
        return f"http://127.0.0.1:{self.port_keystone}/v3"

    @property
    def transport_url(self) -> str:
        """The message broker with the cloud's own virtual host, as oslo.messaging takes it."""
        return f"{self.rabbit_url.rstrip('/')}/{urllib.parse.quote(self.rabbit_vhost, safe='')}"

    @property
    def server_url(self) -> str:
        """The database server, ``mysql://user:password@host:port``."""
        own = f"mysql://devcloud:{self.password}@127.0.0.1:{self.port_mariadb}"
        return (self.database_url or own).rstrip("/")

    def database(self, name: str) -> str:
        """Return one database as SQLAlchemy takes it."""
        location = self.server_url.partition("://")[2]
        return f"mysql+pymysql://{location}/{self.database_prefix}{name}?charset=utf8mb4"

    def endpoint(self, service: str) -> str:
        """Return the URL that the catalog has for a service: placement, glance, neutron or nova."""
        suffix = "/v2.1" if service == "nova" else ""
        return f"http://127.0.0.1:{getattr(self, 'port_' + service)}{suffix}"

    def path(self, *parts: str) -> pathlib.Path:
        """Return a path in the state directory."""
        return pathlib.Path(self.dir, *parts)

    def program(self, name: str) -> str:
        """Return the path of a program in the virtualenv."""
        return str(self.path("venv", "bin", name))


def state_directory(environment: Mapping[str, str]) -> pathlib.Path:
    """Return where everything of the cloud is: DEVCLOUD_DIR, or a directory in the user's cache."""
    cache = environment.get("XDG_CACHE_HOME") or "~/.cache"
    directory = environment.get("DEVCLOUD_DIR") or f"{cache}/masakari-lite-devcloud"
    return pathlib.Path(directory).expanduser().absolute()


def _parse(field: "dataclasses.Field[Any]", text: str) -> int | str:
    try:
        return int(text) if field.type is int else text
    except ValueError as error:
        raise DevcloudError(f"{PREFIX}{field.name.upper()}={text!r} is not a number") from error
