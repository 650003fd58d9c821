"""An engine that was stopped past its lease, and wakes up, does not act on what it no longer owns."""

import contextlib
import signal
import time
from collections.abc import Callable

import pytest

from masakari_lite import concurrency, polling
from masakari_lite.journal.store import Journal
from tests.harness import oracle
from tests.harness.monitor import Monitor
from tests.several import ownership
from tests.several.servers import Servers
from tests.several.stage import Stage

_LIMIT = 40


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("moment", "at"),
    [
        *(("check", at) for at in (1, 2, 3, 6, 9, 14)),
        *(("send", at) for at in (1, 2, 3, 6, 9)),
        *(("commit", at) for at in (2, 3, 6, 7, 12, 18)),
    ],
)
def test_who_was_frozen_past_its_lease_changes_nothing(
    servers: Servers, build_stage: Callable[..., Stage], moment: str, at: int
) -> None:
    if not (servers.coordination or servers.database):
        pytest.skip("a claim that is a file ends with its process, not by time")
    stage = build_stage(cloud={"service_down_time": 0.0})
    (host,) = stage.site.failing
    first, second, _third = stage.crew
    with contextlib.closing(Journal(stage.settings.load())) as journal:
        first.start(trap={"moment": moment, "at": at, "signal": signal.SIGSTOP})
        assert first.process
        stage.site.cloud.fail_host(host)
        with contextlib.closing(Monitor(stage.settings.load())) as monitor:
            # the answer may come from the second engine only: this one may freeze before it has sent it
            notifying = concurrency.spawn(monitor.notify, host)
            polling.wait_until(lambda: first.process.is_frozen, 0.02, _LIMIT, "the freeze")
            before = len(stage.site.list_changes(first.user))
            frozen_at = time.monotonic()
            second.start()
            notifying.wait()
        polling.wait_until(lambda: _is_over(journal), 0.05, _LIMIT, "the end of the recovery")
        assert time.monotonic() - frozen_at > stage.settings.lease
        assert first.process.is_frozen
        first.process.send(signal.SIGCONT)
        polling.wait_until(
            lambda: "resumed by this engine or another one" in first.read_log(), 0.05, _LIMIT, "its giving up"
        )
        assert first.terminate(20) is None
        assert second.terminate(20) is None
        assert len(stage.site.list_changes(first.user)) == before
        assert not oracle.judge_cloud(stage.site)
        assert not oracle.judge_journal(journal, stage.site)
        assert not ownership.judge_requests(stage.site, stage.crew)


def _is_over(journal: Journal) -> bool:
    (notification,) = journal.notifications.list_by()
    return notification.status.is_final
