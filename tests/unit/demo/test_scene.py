"""Who plays what in the demo."""

import pytest

from masakari_lite.demo import arguments, scene

SERVERS = [
    {"uuid": str(number), "vm_state": state, "locked_by": "owner" if number == 1 else None}
    for number, state in enumerate(["active"] * 4 + ["stopped"] * 4 + ["error", "paused"])
]
ODD = {"1", "8", "9"}


@pytest.mark.parametrize(("share", "count"), [(0, 0), (0.25, 2), (0.7, 7), (1, 10)])
def test_the_share_that_fails(share: float, count: int) -> None:
    chosen = scene.choose(SERVERS, share, seed=3)
    assert len(chosen.failing) == count
    assert bool(ODD & chosen.failing) == (count > 7)
    assert not chosen.failing & set(chosen.free)


def test_only_plain_ones_are_free() -> None:
    chosen = scene.choose(SERVERS, 0, seed=3)
    assert len(chosen.free) == 2
    assert not ODD & set(chosen.free)


def test_the_same_seed_chooses_the_same() -> None:
    assert scene.choose(SERVERS, 0.5, seed=3) == scene.choose(SERVERS, 0.5, seed=3)
    assert scene.choose(SERVERS, 0.5, seed=3) != scene.choose(SERVERS, 0.5, seed=4)


def test_options_survive_the_way_to_the_other_process() -> None:
    given = ["--threads=7", "--instances=9", "--latency=0.5", "--fail=0.25", "--seed=4", "--json", "--keep"]
    assert arguments.to_argv(arguments.parse(given)) == given
