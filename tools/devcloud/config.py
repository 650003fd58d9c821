"""Write the services' configuration files from the templates."""

import dataclasses
import pathlib
import string

from tools.devcloud.settings import DATABASES, REGION, Settings

_TEMPLATES = pathlib.Path(__file__).with_name("templates")
_FILES = (
    "keystone.conf",
    "glance-api.conf",
    "placement.conf",
    "neutron.conf",
    "nova.conf",
    "nova-control.conf",
    "nova-policy.yaml",
)
_DIRECTORIES = ("glance/images", "glance/staging", "glance/tasks", "keystone", "neutron", "nova")


def write_all(settings: Settings) -> None:
    """Write all configuration files, and make the directories that they name."""
    for name in ("run", "log", "etc", "state", *(f"state/{directory}" for directory in _DIRECTORIES)):
        settings.path(name).mkdir(parents=True, exist_ok=True)
    values = _values(settings)
    for name in _FILES:
        _write(settings, name, name, values)
    for host in settings.hosts:
        settings.path("state", host).mkdir(exist_ok=True)
        _write(settings, "nova-compute.conf", f"nova-{host}.conf", values | {"host": host})


def write_gunicorn(
    settings: Settings, name: str, application: str, port: int, workers: int, threads: int
) -> pathlib.Path:
    """Write the file that gunicorn serves one application by; returns its path."""
    values = {"application": application, "port": port, "workers": workers, "threads": threads}
    return _write(settings, "gunicorn.conf", f"gunicorn-{name}.py", _values(settings) | values)


def _values(settings: Settings) -> dict[str, object]:
    values: dict[str, object] = dataclasses.asdict(settings)
    values |= {name: settings.path(name) for name in ("etc", "log", "state", "venv")}
    values |= {"auth_url": settings.auth_url, "transport_url": settings.transport_url, "region": REGION}
    values |= {f"db_{name}": settings.database(name) for name in DATABASES}
    for user in ("glance", "placement", "neutron", "nova"):
        values[f"authtoken_{user}"] = _render("authtoken.conf", values | {"username": user})
    return values


def _write(settings: Settings, template: str, name: str, values: dict[str, object]) -> pathlib.Path:
    path = settings.path("etc", name)
    path.write_text(_render(template, values))
    return path


def _render(template: str, values: dict[str, object]) -> str:
    return string.Template((_TEMPLATES / template).read_text()).substitute(values)
