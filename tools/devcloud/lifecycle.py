"""Bring the whole cloud up, and down."""

import concurrent.futures
import contextlib
import fcntl
import shutil
import time
from collections.abc import Iterator

from tools.devcloud import broker, config, database, identity, install, schemas
from tools.devcloud.cloud import FLAVORS, IMAGE, Cloud
from tools.devcloud.errors import DevcloudError, RequestError
from tools.devcloud.identity import Identity
from tools.devcloud.schemas import Schemas
from tools.devcloud.settings import Settings

_VENV = "venv"


def up(settings: Settings) -> Cloud:
    """Install what is missing, start what is not running, create what is not there.

    :raises DevcloudError: when that can't be done
    """
    with _locked(settings):
        cloud = Cloud(settings)
        config.write_all(settings)
        _install(settings)
        settings.save()
        _start_infrastructure(settings, cloud)
        tables = Schemas(settings)
        try:
            _start_control_plane(cloud, tables)
        finally:
            tables.close()
        _start_computes(cloud)
        identity.write_credentials(settings)
        return cloud


def down(settings: Settings, *, wipe: bool = False, keep_venv: bool = False) -> None:
    """Stop everything.

    :param wipe: remove all data too: databases, virtual host, configuration, logs, and the virtualenv
    :param keep_venv: leave the virtualenv for the next ``up``, which saves the installation
    :raises DevcloudError: when the databases of a server that isn't ours can't be dropped
    """
    if not settings.path().exists():
        return
    with _locked(settings):
        Cloud(settings).services.stop()
        if wipe:
            _wipe(settings, keep_venv)


def _wipe(settings: Settings, keep_venv: bool) -> None:
    if settings.path("settings.json").exists():
        broker.delete_vhost(settings)
        database.drop(settings)
    for path in settings.path().iterdir():
        if path.name == "lock" or (keep_venv and path.name == _VENV):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    if not keep_venv:
        shutil.rmtree(settings.path())


def _install(settings: Settings) -> None:
    """apt has a lock, so that its two come one after the other; pip's work goes on beside."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        openstack = pool.submit(install.install_openstack, settings)
        broker.install_server(settings)
        database.install_server(settings)
        openstack.result()


def _start_infrastructure(settings: Settings, cloud: Cloud) -> None:
    supervisor = cloud.services.supervisor
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(part.start, settings, supervisor) for part in (database, broker)]
    for job in jobs:
        job.result()


def _start_control_plane(cloud: Cloud, tables: Schemas) -> None:
    """Start each API when its tables are there; none asks Keystone before it has a request to answer."""
    services = cloud.services
    starts = {
        "keystone": services.start_keystone,
        "placement": services.start_placement,
        "nova": services.start_nova_api,
        "glance": services.start_glance,
        "neutron": services.start_neutron,
    }
    for name, start in starts.items():
        tables.wait_for(name)
        start()
    services.wait_for_api("keystone")
    Identity(cloud.settings).bring_up()
    services.wait_for_api("placement")
    services.start_nova_control()


def _start_computes(cloud: Cloud) -> None:
    """Start the computes; Placement must serve, for they would try again to reach it only a minute later."""
    services = cloud.services
    services.stop_computes_except(cloud.settings.hosts)
    since = cloud.now()
    started = [host for host in cloud.settings.hosts if services.start_compute(host)]
    services.wait_for_api("glance", "neutron", "nova")
    _create_flavors(cloud)
    _create_image(cloud)
    services.supervisor.wait_for(
        lambda: _have_registered(cloud), "the computes to register", daemon="nova-conductor", limit=180
    )
    if not _are_mapped(cloud):
        schemas.nova_manage(cloud.settings, "cell_v2", "discover_hosts")
    cloud.wait_for(lambda: _are_mapped(cloud), "the hosts to be mapped", limit=60)
    cloud.wait_for(lambda: cloud.have_reported(started, since), "the computes to report", limit=120)


def _have_registered(cloud: Cloud) -> bool:
    # a service is there before its node is, and only a node is mapped
    schema = cloud.settings.database_prefix + "nova"
    rows = database.run_sql(cloud.settings, f"SELECT host FROM `{schema}`.compute_nodes WHERE deleted = 0")
    return {row[0] for row in rows} >= set(cloud.settings.hosts)


def _are_mapped(cloud: Cloud) -> bool:
    try:
        found = cloud.admin.nova("GET", "/os-hypervisors")["hypervisors"]
    except RequestError as error:
        if error.status < 500:
            raise
        return False
    return {node["hypervisor_hostname"] for node in found} >= set(cloud.settings.hosts)


def _create_flavors(cloud: Cloud) -> None:
    have = {flavor["name"] for flavor in cloud.admin.nova("GET", "/flavors")["flavors"]}
    for name, memory in FLAVORS.items():
        if name not in have:
            flavor = {"id": name, "name": name, "ram": memory, "disk": 1, "vcpus": 1}
            cloud.admin.nova("POST", "/flavors", {"flavor": flavor})


def _create_image(cloud: Cloud) -> None:
    if cloud.image_id():
        return
    description = {"name": IMAGE, "disk_format": "raw", "container_format": "bare", "visibility": "public"}
    image = cloud.admin.request("glance", "POST", "/v2/images", description)
    cloud.admin.request("glance", "PUT", f"/v2/images/{image['id']}/file", bytes(4096))


@contextlib.contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    """Let nobody else bring this cloud up or down at the same time."""
    settings.path().mkdir(parents=True, exist_ok=True)
    with settings.path("lock").open("w") as lock:
        until = time.monotonic() + 600
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise DevcloudError("another devcloud.py is at work on this cloud") from None
                time.sleep(1)
        yield
