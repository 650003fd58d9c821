"""Which instances fail and which ones their owner changes in the demo."""

import pytest

from masakari_lite_demo import arguments, selection

SERVERS = [
    {"uuid": str(number), "vm_state": state, "locked_by": "owner" if number == 1 else None}
    for number, state in enumerate(["active"] * 4 + ["stopped"] * 4 + ["error", "paused"])
]
SPECIAL = {"1", "8", "9"}


@pytest.mark.parametrize(("share", "count"), [(0, 0), (0.25, 2), (0.7, 7), (1, 10)])
def test_the_share_that_fails(share: float, count: int) -> None:
    selected = selection.select(SERVERS, share, seed=3)
    assert len(selected.failing) == count
    assert bool(SPECIAL & selected.failing) == (count > 7)
    assert not selected.failing & set(selected.unrestricted)


def test_only_plain_ones_are_unrestricted() -> None:
    selected = selection.select(SERVERS, 0, seed=3)
    assert len(selected.unrestricted) == 2
    assert not SPECIAL & set(selected.unrestricted)


def test_the_same_seed_selects_the_same() -> None:
    assert selection.select(SERVERS, 0.5, seed=3) == selection.select(SERVERS, 0.5, seed=3)
    assert selection.select(SERVERS, 0.5, seed=3) != selection.select(SERVERS, 0.5, seed=4)


def test_options_survive_the_way_to_the_other_process() -> None:
    given = ["--threads=7", "--instances=9", "--latency=0.5", "--fail=0.25", "--seed=4", "--json", "--keep"]
    assert arguments.to_argv(arguments.parse(given)) == given
