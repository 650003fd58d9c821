"""Nova, or Keystone, in trouble for a whole minute in mid-recovery; all kinds of it at once.

A minute is longer than any request waits and than an evacuation may take, so that each step sees it pass.
"""

import contextlib
import dataclasses
import pathlib
import time

from masakari_lite import concurrency
from masakari_lite_simulator import Fault
from tests.services.stage import Stage

MINUTE = 60.0
# in which connections are accepted and nothing is answered; longer than [nova] timeout
SILENCE = 15.0
OPTIONS = {"nova__timeout": 8, "host_failure_recovery_threads": 4}
TOKENS = "token.*"


@dataclasses.dataclass(frozen=True)
class Outage:
    """What happens to all requests of a kind for a minute.

    :ivar first: the kind of request with whose fourth the minute begins
    :ivar lost: that one is done, and only its answer lost
    :ivar away: connections are refused
    :ivar revoked: no token is worth anything any more
    """

    faults: tuple[Fault, ...] = ()
    kind: str = "*"
    first: str = "server.evacuate"
    lost: bool = False
    away: bool = False
    revoked: bool = False


SILENT = Fault(delay=SILENCE, drop_before=True)
GATEWAY = (Fault(status=500, share=0.3), Fault(status=504, share=0.3), Fault(status=503))
TROUBLES = {
    "Nova answers 503, 500 and 504": Outage(GATEWAY),
    "Nova answers 429 with Retry-After": Outage((Fault(status=429, retry_after=7),)),
    "Nova answers 429 without": Outage((Fault(status=429),), first="server.lock"),
    "Nova accepts and answers nothing": Outage((SILENT,)),
    "Nova drops connections, an evacuate's after it": Outage((Fault(drop_before=True),), lost=True),
    "Nova refuses connections, after a lock": Outage(away=True, first="server.lock", lost=True),
    "Keystone answers 503, tokens are worthless": Outage((Fault(status=503),), TOKENS, revoked=True),
    "Keystone answers nothing, tokens are worthless": Outage((SILENT,), TOKENS, revoked=True),
}


@dataclasses.dataclass
class Scene:
    """One engine's minute.

    :ivar hits: how many requests suffered in it
    :ivar error: what kept it from its end, if anything
    """

    stage: Stage
    hits: int = 0
    error: BaseException | None = None


class Minute:
    """Every trouble, each with a cloud and an engine of its own, all in the same minute."""

    def __init__(self, directory: pathlib.Path, stack: contextlib.ExitStack) -> None:
        """Begin; other tests may run meanwhile."""
        self._scenes = {
            name: Scene(Stage(directory / f"scene{number}", stack, **OPTIONS))
            for number, name in enumerate(TROUBLES)
        }
        self._playing = concurrency.spawn(self._play_all)

    def wait_for(self, name: str) -> Scene:
        """Show a scene that has ended."""
        self._playing.wait()
        return self._scenes[name]

    def _play_all(self) -> None:
        def play(name: str) -> None:
            _play(self._scenes[name], TROUBLES[name])

        for outcome in concurrency.run_all(play, TROUBLES, len(TROUBLES)):
            self._scenes[outcome.item].error = outcome.error


def _play(scene: Scene, trouble: Outage) -> None:
    stage = scene.stage
    faults = stage.simulator.faults
    first = Fault(drop_after=True) if trouble.lost else (trouble.faults or (Fault(status=503),))[-1]
    first = faults.add(trouble.first, dataclasses.replace(first, after_request=3, times=1))
    stage.populate()
    notification = stage.leave()
    stage.process.start()
    stage.until(lambda: first.hits, limit=60)
    suffered = [faults.add(trouble.kind, dataclasses.replace(fault)) for fault in trouble.faults]
    if trouble.revoked:
        stage.simulator.revoke_tokens()
    if trouble.away:
        stage.simulator.stop()
    time.sleep(MINUTE)
    scene.hits = sum(fault.hits for fault in suffered)
    faults.clear()
    if trouble.away:
        stage.simulator.start()
    stage.wait_for_end(notification, limit=120)
