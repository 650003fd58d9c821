"""What Nova shows of a cell whose database does not answer, and what of a hypervisor's servers."""

import dataclasses
from typing import Any

import pytest

from tests.contract.client import Answer, Client
from tests.contract.conftest import Take
from tests.contract.site import Site

OLD, NEW = "2.68", "2.69"


class TestHypervisors:
    def test_are_found_by_a_part_of_their_name(self, site: Site, masakari: Client) -> None:
        node = site.node(site.living)
        (found,) = masakari.get("/os-hypervisors", hypervisor_hostname_pattern=node[1:])["hypervisors"]
        assert found["hypervisor_hostname"] == node

    def test_unknown_ones_are_404(self, masakari: Client) -> None:
        answer = masakari.send("GET", "/os-hypervisors", query={"hypervisor_hostname_pattern": "nowhere"})
        assert answer.refusal == (404, "No hypervisor matching 'nowhere' could be found.")

    def test_show_the_servers_of_their_host(self, site: Site, masakari: Client, alive: Take) -> None:
        server = alive()
        node = site.node(site.living)
        (found,) = masakari.get("/os-hypervisors", hypervisor_hostname_pattern=node)["hypervisors"]
        shown = masakari.get(f"/os-hypervisors/{found['id']}", with_servers="true")["hypervisor"]
        assert server in [entry["uuid"] for entry in shown["servers"]]
        assert "servers" not in masakari.get(f"/os-hypervisors/{found['id']}")["hypervisor"]


@dataclasses.dataclass
class Down:
    """What Nova has answered while the cell was down, by request and microversion."""

    host: str
    server: str
    answers: dict[tuple[str, str], Answer]

    def get(self, what: str, version: str = NEW) -> Any:
        answer = self.answers[what, version]
        assert answer.status == 200, answer.text
        return answer.body


@pytest.fixture(scope="package")
def down(site: Site, masakari: Client, alive: Take) -> Down:
    """Ask everything while the cell of the hosts is down, once, and have it up again."""
    host, server, node = site.living, alive(), site.node(site.living)
    service = masakari.service(host)["id"]
    (hypervisor,) = masakari.get("/os-hypervisors", hypervisor_hostname_pattern=node)["hypervisors"]
    paths = {
        "services": f"/os-services?binary=nova-compute&host={host}",
        "all services": "/os-services?binary=nova-compute",
        "servers of the host": f"/servers/detail?all_tenants=1&limit=1000&host={host}",
        "all servers": "/servers/detail?all_tenants=1",
        "server": f"/servers/{server}",
        "migrations": f"/os-migrations?source_compute={host}",
        "hypervisors": f"/os-hypervisors?hypervisor_hostname_pattern={host}",
        "hypervisor": f"/os-hypervisors/{hypervisor['id']}?with_servers=true",
    }
    with site.down_cell():
        answers = {
            (what, version): masakari.send("GET", path, version=version)
            for what, path in paths.items()
            for version in (OLD, NEW)
        }
        for action, value in {"lock": None, "unlock": None, "evacuate": {}}.items():
            answers[action, NEW] = masakari.act(server, action, value)
        answers["disable", NEW] = masakari.send("PUT", f"/os-services/{service}", {"status": "disabled"})
        answers["disable by host", NEW] = disable_by_host(masakari, host)
    return Down(host, server, answers)


def disable_by_host(masakari: Client, host: str, action: str = "disable") -> Answer:
    """Change a service as before microversion 2.53."""
    named = {"host": host, "binary": "nova-compute"}
    return masakari.send("PUT", f"/os-services/{action}", named, version="2.52")


def test_services_have_no_state(down: Down) -> None:
    unknown = {"binary": "nova-compute", "host": down.host, "status": "UNKNOWN"}
    assert down.get("services")["services"] == [unknown]
    assert unknown in down.get("all services")["services"]


def test_services_were_left_out_before(down: Down) -> None:
    assert down.get("services", OLD)["services"] == []


@pytest.mark.parametrize("version", [OLD, NEW])
def test_servers_are_left_out_of_a_filtered_list(down: Down, version: str) -> None:
    assert down.get("servers of the host", version)["servers"] == []


def test_servers_are_unknown_in_a_whole_list(down: Down) -> None:
    (found,) = [found for found in down.get("all servers")["servers"] if found["id"] == down.server]
    assert set(found) == {"id", "status", "tenant_id", "created", "links"}
    assert found["status"] == "UNKNOWN"
    assert down.get("all servers", OLD)["servers"] == []


def test_one_server_is_unknown(down: Down) -> None:
    found = down.get("server")["server"]
    assert found["status"] == "UNKNOWN"
    assert not {"name", "OS-EXT-SRV-ATTR:host", "OS-EXT-STS:vm_state", "locked"} & set(found)


def test_one_server_was_an_error_before(down: Down) -> None:
    assert down.answers["server", OLD].status == 500


@pytest.mark.parametrize("version", [OLD, NEW])
def test_migrations_are_left_out(down: Down, version: str) -> None:
    assert down.get("migrations", version)["migrations"] == []


@pytest.mark.parametrize("what", ["hypervisors", "hypervisor"])
def test_hypervisors_are_an_error(down: Down, what: str) -> None:
    assert down.answers[what, NEW].status == 500


@pytest.mark.parametrize("change", ["lock", "unlock", "evacuate", "disable", "disable by host"])
def test_nothing_can_be_changed(down: Down, change: str) -> None:
    assert down.answers[change, NEW].status == 500


@pytest.fixture(scope="package")
def other(site: Site, masakari: Client, alive: Take) -> Down:
    """Ask while another cell is down that comes before the hosts' cell."""
    host, server, node = site.living, alive(), site.node(site.living)
    service = masakari.service(host)["id"]
    (hypervisor,) = masakari.get("/os-hypervisors", hypervisor_hostname_pattern=node)["hypervisors"]
    paths = {
        "services": f"/os-services?binary=nova-compute&host={host}",
        "servers of the host": f"/servers/detail?all_tenants=1&limit=1000&host={host}",
        "server": f"/servers/{server}",
        "migrations": f"/os-migrations?source_compute={host}",
        "hypervisors": f"/os-hypervisors?hypervisor_hostname_pattern={host}",
        "hypervisor": f"/os-hypervisors/{hypervisor['id']}?with_servers=true",
    }
    with site.other_down_cell():
        answers = {(what, NEW): masakari.send("GET", path) for what, path in paths.items()}
        for action in ("lock", "unlock"):
            answers[action, NEW] = masakari.act(server, action)
        answers["by uuid", NEW] = masakari.send("PUT", f"/os-services/{service}", {"status": "enabled"})
        answers["by host", NEW] = disable_by_host(masakari, host, "enable")
    return Down(host, server, answers)


class TestAnotherCellThatIsDown:
    """What Nova looks for in one cell after the other it does not find."""

    def test_the_hosts_are_shown(self, other: Down) -> None:
        (service,) = other.get("services")["services"]
        assert (service["status"], service["state"]) == ("enabled", "up")
        assert other.server in [server["id"] for server in other.get("servers of the host")["servers"]]
        assert other.get("server")["server"]["OS-EXT-SRV-ATTR:host"] == other.host

    @pytest.mark.parametrize("what", ["hypervisors", "hypervisor", "by uuid"])
    def test_what_it_hinders(self, other: Down, what: str) -> None:
        assert other.answers[what, NEW].status == 500

    @pytest.mark.parametrize(
        ("what", "status"), [("migrations", 200), ("lock", 202), ("unlock", 202), ("by host", 200)]
    )
    def test_what_it_does_not(self, other: Down, what: str, status: int) -> None:
        assert other.answers[what, NEW].status == status
