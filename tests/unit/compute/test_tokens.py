"""One token for all calls, and a new one when it is not good any more."""

import pytest

from masakari_lite import concurrency
from tests.harness.monitor import HOST


def issued(simulator):
    return simulator.cloud.identity.issued["masakari"]


def ask_at_once(nova, server, threads=40):
    outcomes = list(
        concurrency.run_all(lambda _number: nova.servers.get(server.uuid), range(threads), threads)
    )
    assert [outcome.error for outcome in outcomes if outcome.error] == []


def test_one_token_for_many_calls(simulator, nova, server):
    for _ in range(10):
        nova.servers.get(server.uuid)
        nova.host_servers.list_all(HOST)
    assert issued(simulator) == 1


def test_one_token_for_many_green_threads_at_once(simulator, nova, server):
    ask_at_once(nova, server)
    assert issued(simulator) == 1


def test_many_green_threads_use_few_connections(simulator, nova, server, monkeypatch, caplog):
    caplog.set_level("WARNING", "urllib3")
    ask_at_once(nova, server)
    assert not [record for record in caplog.records if "pool is full" in record.message]


def test_an_expired_token_is_renewed(simulator, clock, nova, server):
    nova.servers.get(server.uuid)
    clock.advance(simulator.options.token_lifetime + 1)
    nova.servers.get(server.uuid)
    nova.servers.lock(server.uuid, "ours")
    assert issued(simulator) == 2


def test_an_evacuation_with_an_expired_token_is_sent_once(simulator, clock, nova, down):
    nova.servers.get(down.uuid)
    clock.advance(simulator.options.token_lifetime + 1)
    nova.servers.evacuate(down.uuid)
    assert len(simulator.cloud.migrations) == 1
    assert simulator.requests.count("server.evacuate", status=401) == 1


@pytest.mark.parametrize("times", [1, 3])
def test_a_revoked_token_is_replaced(simulator, nova, server, times):
    nova.servers.get(server.uuid)
    for _ in range(times):
        simulator.revoke_tokens("masakari")
        nova.servers.get(server.uuid)
    assert issued(simulator) == 1 + times


@pytest.mark.parametrize("threads", [3, 40])
def test_a_token_revoked_under_many_green_threads(simulator, nova, server, threads):
    ask_at_once(nova, server, threads)
    simulator.revoke_tokens()
    ask_at_once(nova, server, threads)
    # whoever sees a 401 throws the token away, so some fetch one more
    assert 2 <= issued(simulator) <= 1 + threads
