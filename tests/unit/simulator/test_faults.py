"""Faults that can be added, and how often they hit."""

import pytest
import requests

from masakari_lite_simulator import Fault, Faults


@pytest.fixture
def show_version(simulator):
    with requests.Session() as client:
        yield lambda: client.get(f"{simulator.compute_url}/", timeout=5)


def test_a_status_instead_of_a_response(simulator, show_version):
    fault = simulator.faults.add("version.show", Fault(status=503, retry_after=2, times=1))
    response = show_version()
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert response.json()["serviceUnavailable"]["code"] == 503
    assert show_version().status_code == 200
    assert fault.hits == 1


def test_a_dropped_request_is_not_carried_out_but_one_with_a_lost_response_is(
    simulator, down, admin, session
):
    server = simulator.cloud.add_server("compute-1")
    down("compute-1")
    admin.services.list()
    for fault, evacuations in ((Fault(drop_before=True, times=1), 0), (Fault(drop_after=True, times=1), 1)):
        simulator.faults.add("server.evacuate", fault)
        with pytest.raises(Exception, match=r"closed|aborted|Unable"):
            session().post(
                f"{simulator.compute_url}/servers/{server.uuid}/action",
                json={"evacuate": {}},
                headers={"OpenStack-API-Version": "compute 2.94"},
                connect_retries=0,
            )
        assert len(simulator.cloud.migrations) == evacuations


def test_a_slow_response(simulator, clock, show_version):
    began = clock.now()
    simulator.faults.add("version.*", Fault(delay=3, delay_after=4, times=1))
    simulator.faults.set_latency("version.show", 0.5)
    assert show_version().status_code == 200
    assert clock.now() - began == pytest.approx(7.5)


def test_a_fault_for_one_user_and_after_some_requests(simulator, nova):
    simulator.faults.add("service.list", Fault(status=500, user="admin", after_request=1))
    assert nova("masakari").services.list()
    admin = nova("admin")
    assert admin.services.list()
    with pytest.raises(Exception, match="500"):
        admin.services.list()
    assert simulator.requests.count(kind="service.list", user="admin", status=500) == 1


def test_the_same_seed_gives_the_same_hits():
    def luck(seed):
        faults = Faults(seed)
        faults.add("*", Fault(status=500, share=0.3))
        return [bool(faults.hit("server.show", None, None)) for _ in range(50)]

    assert luck(1) == luck(1) != luck(2)
    assert 5 < sum(luck(1)) < 25


def test_stopped_and_started_again_it_is_the_same_cloud(simulator, show_version):
    simulator.cloud.add_server("compute-1")
    simulator.stop()
    with pytest.raises(requests.ConnectionError):
        show_version()
    simulator.start()
    assert show_version().status_code == 200
    assert len(simulator.cloud.servers) == 1
