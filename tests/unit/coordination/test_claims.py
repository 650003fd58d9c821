"""Claims on a real backend: a directory, a journal's database, or what MASAKARI_LITE_TEST_COORDINATION names.

The database is a SQLite file, and what MASAKARI_LITE_TEST_DATABASE names.
"""

import os
import pathlib
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
import tooz
from oslo_config import cfg

from masakari_lite import conf as options
from masakari_lite import exceptions
from masakari_lite.coordination import claims, leases
from masakari_lite.coordination.claims import Claims
from masakari_lite.journal import store

_SERVER = os.environ.get("MASAKARI_LITE_TEST_COORDINATION")
_DATABASE = os.environ.get("MASAKARI_LITE_TEST_DATABASE")
HOST = "compute-1"


@pytest.fixture(
    params=[
        "file",
        "journal",
        pytest.param(
            "database",
            marks=pytest.mark.skipif(not _DATABASE, reason="MASAKARI_LITE_TEST_DATABASE names no server"),
        ),
        pytest.param(
            "server",
            marks=pytest.mark.skipif(not _SERVER, reason="MASAKARI_LITE_TEST_COORDINATION names no server"),
        ),
    ]
)
def conf(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> cfg.ConfigOpts:
    found = cfg.ConfigOpts()
    options.register_opts(found)
    found([], project="masakari", default_config_files=[], default_config_dirs=[])
    found.set_override("state_path", str(tmp_path))
    found.set_override("lease_time", 2, "coordination")
    if request.param == "server":
        found.set_override("backend_url", _SERVER, "coordination")
    if request.param == "journal":
        found.set_override("backend_url", "journal://", "coordination")
    if request.param == "database":
        found.set_override("connection", _DATABASE, "database")
    if request.param in ("journal", "database"):
        store.upgrade(found)
    return found


@pytest.fixture
def journal_uuid() -> str:
    """The name of the journal that the engines have in common."""
    return str(uuid.uuid4())


@pytest.fixture
def build(conf: cfg.ConfigOpts, journal_uuid: str) -> Iterator[Callable[..., Claims]]:
    built: list[Claims] = []

    def make(journal: str = journal_uuid) -> Claims:
        built.append(Claims(conf, f"engine-{len(built)}", journal))
        return built[-1]

    yield make
    for engine in built:
        engine.stop()


def test_one_engine_at_a_time(build: Callable[[], Claims]) -> None:
    one, other = build(), build()
    claim = one.claim(HOST)
    assert claim
    claim.check()
    assert other.claim(HOST) is None
    assert one.claim(HOST) is None, "nor two recoveries of one engine"
    assert other.claim("compute-2")
    one.release(claim)
    assert other.claim(HOST)


def test_any_name_of_a_host(build: Callable[[], Claims]) -> None:
    one, other = build(), build()
    for host in ("compute/1", "..", "dc1.example.com", "ä b%", "x" * 255):
        assert one.claim(host), host
        assert other.claim(host) is None, host


def test_engines_of_another_topic_see_the_claims_of_a_journal(
    conf: cfg.ConfigOpts, build: Callable[..., Claims]
) -> None:
    """They would recover the same hosts: what is in a journal is for all engines that use it."""
    assert build().claim(HOST)
    conf.set_override("masakari_topic", str(uuid.uuid4()))
    assert build().claim(HOST) is None


def test_engines_of_another_journal_have_claims_of_their_own(build: Callable[..., Claims]) -> None:
    assert build().claim(HOST)
    assert build("another").claim(HOST)


def test_a_claim_that_is_renewed_lasts(build: Callable[[], Claims]) -> None:
    one, other = build(), build()
    one.start()
    claim = one.claim(HOST)
    assert claim
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:  # longer than the lease
        time.sleep(0.2)
        claim.check()
        assert other.claim(HOST) is None


def test_a_claim_that_is_not_renewed_is_not_acted_on(
    build: Callable[[], Claims], monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = build().claim(HOST)
    assert claim
    now = claim._confirmed_at
    monkeypatch.setattr(claims, "_now", lambda: now + 1.4)
    claim.check()
    monkeypatch.setattr(claims, "_now", lambda: now + 1.6)
    with pytest.raises(exceptions.ClaimLost, match=HOST):
        claim.check()
    claim.renew()
    assert claim.is_lost, "what may be another's by now is not taken back"


def test_a_backend_that_is_away_for_a_moment_loses_nothing(
    build: Callable[[], Claims], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = build()
    claim = engine.claim(HOST)
    assert claim

    def fail(lock: object) -> bool:
        raise tooz.ToozError("away")

    with monkeypatch.context() as patch:
        patch.setattr(leases, "renew", fail)
        for _ in range(3):
            engine._renew_all()
    assert caplog.text.count("cannot be renewed, trying again: away") == 1
    claim.check()
    engine._renew_all()
    claim.check()
    assert "The claims are renewed again" in caplog.text


def test_a_claim_that_another_has_is_lost(build: Callable[[], Claims]) -> None:
    claim = build().claim(HOST)
    assert claim
    claim._lock.release()
    claim.renew()
    with pytest.raises(exceptions.ClaimLost):
        claim.check()


def test_the_answer_for_the_health(build: Callable[[], Claims]) -> None:
    engine = build()
    assert engine.ping().endswith("0 claimed")
    assert engine.claim(HOST)
    assert engine.ping().endswith("1 claimed")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense://somewhere", "backend_url"),
        ("redis://:secret@127.0.0.1:1?lock_timeout=5", "lease_time"),
    ],
)
def test_a_backend_that_cannot_work_is_named(conf: cfg.ConfigOpts, url: str, said: str) -> None:
    conf.set_override("backend_url", url, "coordination")
    with pytest.raises(exceptions.ConfigurationError, match=said) as caught:
        Claims(conf, "engine", "journal")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("conf", ["file"], indirect=True)
def test_a_backend_that_is_away_is_an_error_that_passes(conf: cfg.ConfigOpts, tmp_path: pathlib.Path) -> None:
    blocked = tmp_path / "claims"
    blocked.write_text("not a directory")
    engine = Claims(conf, "engine", "journal")
    with pytest.raises(exceptions.CoordinationError, match="backend_url"):
        engine.claim(HOST)
    blocked.unlink()
    assert engine.claim(HOST)
    engine.stop()


@pytest.mark.parametrize(
    "url",
    [
        "redis://:secret@host:6379",
        "redis://:sec/ret@host:6379",
        "redis://:sec#ret@host:6379",
        "redis://:s@cret@host:6379?password=secret",
    ],
)
def test_no_password_is_shown(url: str) -> None:
    assert leases.hide_password(url) == "redis://host:6379"


def test_a_claim_that_is_released_while_it_is_renewed_stays_released(
    build: Callable[[], Claims], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer = threading.Event(), threading.Event()

    def renew(_lock: object) -> bool:
        asked.set()
        return answer.wait(30)

    monkeypatch.setattr(leases, "renew", renew)
    engine = build()
    claim = engine.claim(HOST)
    assert claim
    renewing = threading.Thread(target=claim.renew)
    renewing.start()
    asked.wait(30)
    engine.release(claim)
    answer.set()
    renewing.join()
    with pytest.raises(exceptions.ClaimLost):
        claim.check()


@pytest.mark.parametrize("conf", ["file"], indirect=True)
def test_a_name_server_that_is_away_is_asked_once(
    conf: cfg.ConfigOpts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The resolver stops all green threads, for ten seconds a time perhaps."""
    pytest.importorskip("redis")
    asked = []

    def find(host: str, *_args: object, **_options: object) -> None:
        asked.append(host)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    conf.set_override("backend_url", "redis://nobody.example.org:6379", "coordination")
    engine = Claims(conf, "engine", "journal")
    monkeypatch.setattr(socket, "getaddrinfo", find)
    with pytest.raises(exceptions.CoordinationError, match="name resolution"):
        engine.claim(HOST)
    assert asked == ["nobody.example.org"]


@pytest.mark.parametrize("conf", ["server"], indirect=True)
@pytest.mark.skipif(not _SERVER, reason="MASAKARI_LITE_TEST_COORDINATION names no server")
def test_a_backend_that_forgets_its_locks_loses_them_at_the_next_renewal(build: Callable[[], Claims]) -> None:
    claim = build().claim(HOST)
    assert claim
    try:
        claim._lock.break_()
    except tooz.NotImplemented:
        claim._lock.release()
    claim.renew()
    assert claim.is_lost


shared = pytest.mark.parametrize(
    "conf",
    [
        "journal",
        pytest.param(
            "database",
            marks=pytest.mark.skipif(not _DATABASE, reason="MASAKARI_LITE_TEST_DATABASE names no server"),
        ),
    ],
    indirect=True,
)


class Clock:
    """A time that passes when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(leases, "now", lambda: self.now)
        monkeypatch.setattr(claims, "_now", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@shared
def test_what_a_dead_engine_has_left_is_taken_over_a_lease_after_it_was_seen(
    build: Callable[..., Claims], clock: Clock
) -> None:
    dead, other = build(), build()
    assert dead.claim(HOST)
    clock.now += 3600
    assert other.claim(HOST) is None, "it is seen for the first time, and may have been renewed just now"
    clock.now += 1.9
    assert other.claim(HOST) is None
    clock.now += 0.1
    assert other.claim(HOST)


@shared
def test_a_claim_that_is_renewed_is_never_taken_over(build: Callable[..., Claims], clock: Clock) -> None:
    one, other = build(), build()
    claim = one.claim(HOST)
    assert claim
    for _ in range(20):
        assert other.claim(HOST) is None
        clock.now += 1.4
        claim.renew()
        claim.check()
    assert other.claim(HOST) is None


@shared
def test_an_engine_watches_all_claims_so_that_a_new_failure_waits_for_no_dead_engine(
    build: Callable[..., Claims], clock: Clock
) -> None:
    dead, other = build(), build()
    assert dead.claim(HOST)
    other._watch_others()
    clock.now += 2
    other._watch_others()
    assert other.claim(HOST)


@shared
def test_each_claim_lasts_for_the_lease_of_its_own_engine(
    conf: cfg.ConfigOpts, build: Callable[..., Claims], clock: Clock
) -> None:
    conf.set_override("lease_time", 60, "coordination")
    patient = build()
    conf.set_override("lease_time", 2, "coordination")
    other = build()
    claim = patient.claim(HOST)
    assert claim
    assert other.claim(HOST) is None
    clock.now += 40
    claim.check()
    assert other.claim(HOST) is None, "its own lease would be over"
    clock.now += 20
    assert claim.is_lost
    assert other.claim(HOST)


@shared
def test_who_was_taken_over_knows_at_the_next_renewal_and_takes_nothing_away(
    build: Callable[..., Claims], clock: Clock
) -> None:
    frozen, other = build(), build()
    claim = frozen.claim(HOST)
    assert claim
    assert other.claim(HOST) is None
    clock.now += 2
    taken = other.claim(HOST)
    assert taken
    clock.now -= 2  # as if this engine's clock had not seen that time pass
    claim.renew()
    assert claim.is_lost
    frozen.release(claim)
    taken.renew()
    taken.check()


@shared
def test_of_several_that_take_over_at_once_one_gets_it(build: Callable[..., Claims], clock: Clock) -> None:
    dead, *others = [build() for _ in range(5)]
    assert dead.claim(HOST)
    for other in others:
        assert other.claim(HOST) is None
    clock.now += 2
    threads = [threading.Thread(target=other.claim, args=(HOST,)) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(HOST in other._claimed for other in others) == 1


@shared
def test_a_probe_that_a_dead_engine_has_left_harms_no_health(
    build: Callable[..., Claims], clock: Clock
) -> None:
    dead, other = build(), build()
    assert dead.claim(claims._PROBE)
    assert other.ping() == "journal, 0 claimed"
    clock.now += 2
    assert other.ping() == "journal, 0 claimed"
    assert build().claim(claims._PROBE), "what was left is gone"


@pytest.mark.parametrize("conf", ["journal"], indirect=True)
def test_a_table_that_is_missing_is_told_by_its_option(
    conf: cfg.ConfigOpts, build: Callable[..., Claims]
) -> None:
    conf.set_override("connection", "sqlite://", "database")
    with pytest.raises(
        exceptions.CoordinationError,
        match=r"^the claims in the journal's database \(\[database\] connection\)",
    ):
        build().claim(HOST)
