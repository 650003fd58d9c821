"""What is repeated, when, and for how long."""

import time

import pytest

from masakari_lite import exceptions
from masakari_lite.compute import retries
from masakari_lite_simulator import Clock, Fault, Simulator, SimulatorOptions
from tests.harness.monitor import HOST

PASSING = {
    "429": Fault(status=429),
    "500": Fault(status=500),
    "502": Fault(status=502),
    "503": Fault(status=503),
    "504": Fault(status=504),
    "dropped": Fault(drop_before=True),
    "answer lost": Fault(drop_after=True),
}
REPEATABLE = {
    "server.show": lambda nova, server: nova.servers.get(server.uuid),
    "server.list": lambda nova, server: nova.host_servers.list_all(HOST),
    "migration.list": lambda nova, server: nova.migrations.list_evacuations(HOST),
    "service.list": lambda nova, server: nova.services.get(HOST),
    "server.lock": lambda nova, server: nova.servers.lock(server.uuid, "ours"),
    "server.unlock": lambda nova, server: nova.servers.unlock(server.uuid),
    "server.reset_state": lambda nova, server: nova.servers.reset_state(server.uuid, "error"),
}
DONE_TWICE = {"server.stop": "stop", "server.start": "start"}


def add(simulator, kind, fault, times=2):
    return simulator.faults.add(
        kind,
        Fault(status=fault.status, drop_before=fault.drop_before, drop_after=fault.drop_after, times=times),
    )


class TestWhatIsSafe:
    @pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
    @pytest.mark.parametrize("kind", REPEATABLE)
    def test_is_repeated(self, simulator, nova, server, pauses, kind, fault):
        nova.client.negotiate()
        fault = add(simulator, kind, fault)
        REPEATABLE[kind](nova, server)
        assert (fault.hits, len(pauses.seconds)) == (2, 2)
        assert simulator.requests.count(kind) == 3

    @pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
    def test_service_updates_too(self, simulator, nova, pauses, fault):
        service = nova.services.get(HOST)
        simulator.cloud.fail_host(HOST)
        add(simulator, "service.update", fault)
        nova.services.force_down(service)
        nova.services.disable(service, "it failed")
        found = nova.services.get(HOST)
        assert simulator.cloud.hosts[HOST].forced_down
        assert not found.is_enabled

    @pytest.mark.parametrize("kind", DONE_TWICE)
    def test_power_is_repeated_after_what_was_not_done(self, simulator, nova, clock, pauses, kind):
        server = simulator.cloud.add_server(HOST, vm_state="active" if kind == "server.stop" else "stopped")
        add(simulator, kind, Fault(status=503))
        getattr(nova.servers, DONE_TWICE[kind])(server.uuid)
        clock.advance(2)
        assert nova.servers.get(server.uuid).vm_state == ("stopped" if kind == "server.stop" else "active")

    def test_a_power_change_whose_answer_is_lost_ends_in_a_conflict(self, simulator, nova, server):
        add(simulator, "server.stop", Fault(drop_after=True), times=1)
        with pytest.raises(exceptions.NovaConflict, match="powering-off"):
            nova.servers.stop(server.uuid)

    @pytest.mark.parametrize("status", [400, 403, 404, 409])
    def test_a_refusal_is_not_repeated(self, simulator, nova, server, pauses, status):
        simulator.faults.add("server.lock", Fault(status=status))
        with pytest.raises(exceptions.NovaError):
            nova.servers.lock(server.uuid, "ours")
        assert simulator.requests.count("server.lock") == 1
        assert not pauses.seconds

    def test_a_nova_that_is_away_for_a_while(self, simulator, nova, server, pauses):
        nova.client.negotiate()
        simulator.stop()
        pauses.then = lambda: len(pauses.seconds) == 3 and simulator.start()
        assert nova.servers.get(server.uuid).uuid == server.uuid
        assert len(pauses.seconds) == 3

    def test_a_keystone_that_is_away_when_the_engine_starts(self, simulator, connect, server, pauses):
        nova = connect()
        simulator.stop()
        pauses.then = lambda: len(pauses.seconds) == 3 and simulator.start()
        assert nova.servers.get(server.uuid).uuid == server.uuid

    @pytest.mark.parametrize(
        "fault", [PASSING["503"], PASSING["429"], PASSING["dropped"]], ids=["503", "429", "dropped"]
    )
    def test_a_keystone_that_is_busy_when_the_engine_starts(self, simulator, connect, server, fault):
        add(simulator, "version.show", fault, times=1)
        assert connect().servers.get(server.uuid).uuid == server.uuid


class TestEvacuate:
    """A second request would be a second evacuation (Nova's bug 1978983)."""

    @pytest.mark.parametrize(
        ("fault", "is_over", "is_done"),
        [
            (Fault(status=500), True, False),
            (Fault(status=502), False, False),
            (Fault(status=503), True, False),
            (Fault(status=504), False, False),
            (Fault(drop_before=True), False, False),
            (Fault(drop_after=True), False, True),
        ],
        ids=["500", "502", "503", "504", "dropped", "answer lost"],
    )
    def test_is_not_repeated_where_it_may_have_been_done(
        self, simulator, nova, down, pauses, fault, is_over, is_done
    ):
        add(simulator, "server.evacuate", fault, times=1)
        with pytest.raises(exceptions.NovaUnanswered) as told:
            nova.servers.evacuate(down.uuid)
        assert told.value.is_over == is_over
        assert simulator.requests.count("server.evacuate") == 1
        assert len(simulator.cloud.migrations) == is_done
        assert not pauses.seconds

    def test_429_tells_that_it_may_be_repeated(self, simulator, nova, down):
        add(simulator, "server.evacuate", Fault(status=429))
        self.refuse(simulator, nova, down)

    def test_a_refused_connection_tells_it_too(self, simulator, nova, down):
        nova.client.negotiate()
        nova.servers.get(down.uuid)
        simulator.stop()
        self.refuse(simulator, nova, down)

    @pytest.mark.parametrize(
        "fault", [PASSING["503"], PASSING["429"], PASSING["dropped"]], ids=["503", "429", "dropped"]
    )
    def test_an_error_of_keystone_tells_it_too(self, simulator, nova, down, fault):
        nova.servers.get(down.uuid)
        simulator.revoke_tokens()
        add(simulator, "token.create", fault)
        self.refuse(simulator, nova, down)

    @staticmethod
    def refuse(simulator, nova, down):
        """It is for the caller to send it again: what it writes before must be as new as the request."""
        with pytest.raises(exceptions.NovaUnavailable):
            nova.servers.evacuate(down.uuid)
        assert simulator.requests.count("server.evacuate") <= 1
        assert not simulator.cloud.migrations

    def test_is_not_repeated_after_no_answer_in_time(self, tmp_path, connect):
        with Simulator(SimulatorOptions(), Clock()) as slow:
            server = slow.cloud.add_server(slow.cloud.add_host(HOST).name)
            slow.cloud.fail_host(HOST)
            slow.cloud.force_down(HOST)
            nova = connect(nova__timeout=1, nova__auth_url=slow.auth_url)
            nova.client.negotiate()
            slow.faults.add("server.evacuate", Fault(delay_after=30))
            with pytest.raises(exceptions.NovaUnanswered, match="timed out") as told:
                nova.servers.evacuate(server.uuid)
            assert not told.value.is_over
            assert len(slow.cloud.migrations) == 1


class TestUnlock:
    @pytest.mark.parametrize("status", [403, 409, 429, 500, 503])
    def test_is_repeated_whatever_the_period(self, simulator, impatient, server, status):
        impatient.servers.lock(server.uuid, "ours")
        simulator.faults.add("server.unlock", Fault(status=status, times=20))
        impatient.servers.unlock(server.uuid)
        assert not server.locked

    def test_ends_when_the_engine_stops(self, simulator, connect, server, pauses):
        nova = connect(is_stopping=lambda: len(pauses.seconds) == 3)
        nova.servers.lock(server.uuid, "ours")
        simulator.faults.add("server.unlock", Fault(status=503))
        with pytest.raises(exceptions.NovaUnanswered):
            nova.servers.unlock(server.uuid)
        assert simulator.requests.count("server.unlock") == 4
        assert server.locked

    def test_of_a_deleted_instance_ends(self, simulator, nova, server):
        with simulator.cloud.up_to_date():
            simulator.cloud.destroy(server)
        with pytest.raises(exceptions.InstanceNotFound):
            nova.servers.unlock(server.uuid)


class TestHowLong:
    def test_no_longer_than_the_period(self, simulator, connect, server):
        nova = connect(nova__retry_period=0.1)
        nova.client.negotiate()
        simulator.faults.add("server.show", Fault(status=503))
        began = time.monotonic()
        with pytest.raises(exceptions.NovaUnanswered):
            nova.servers.get(server.uuid)
        assert time.monotonic() - began >= 0.1
        assert simulator.requests.count("server.show") > 2

    def test_until_the_engine_stops(self, simulator, connect, server, pauses):
        nova = connect(is_stopping=lambda: len(pauses.seconds) == 2)
        nova.client.negotiate()
        simulator.faults.add("server.show", Fault(status=503))
        with pytest.raises(exceptions.NovaUnanswered):
            nova.servers.get(server.uuid)
        assert simulator.requests.count("server.show") == 3

    def test_the_pauses_grow_to_a_limit_and_differ(self, pauses):
        def fail():
            if len(pauses.seconds) < 12:
                raise exceptions.NovaUnavailable("no")

        retries.repeat(fail, lambda error: isinstance(error, exceptions.NovaUnavailable), None)
        for number, seconds in enumerate(pauses.seconds):
            least = min(retries.FIRST_PAUSE * 2**number, retries.LONGEST_PAUSE)
            assert least <= seconds <= least + retries.FIRST_PAUSE
        assert len({seconds % 0.5 for seconds in pauses.seconds}) > 6

    def test_the_pause_that_nova_asks_for(self, simulator, nova, server, pauses):
        simulator.faults.add("server.show", Fault(status=429, retry_after=20, times=1))
        nova.servers.get(server.uuid)
        assert pauses.seconds == [20]

    def test_no_pause_is_longer_than_the_period(self, simulator, connect, server, pauses):
        nova = connect(nova__retry_period=300)
        simulator.faults.add("server.show", Fault(status=429, retry_after=3600, times=1))
        nova.servers.get(server.uuid)
        assert max(pauses.seconds) <= 300

    def test_it_is_logged_once(self, simulator, nova, server, caplog):
        simulator.faults.add("server.show", Fault(status=503, times=5, message="Busy."))
        nova.servers.get(server.uuid)
        assert [record.message for record in caplog.records if "repeating the request" in record.message] == [
            record.message for record in caplog.records if server.uuid in record.message
        ]
        assert len([record for record in caplog.records if "Busy." in record.message]) == 1
