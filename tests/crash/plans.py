"""Which runs there are: every point once, every point and another, and points drawn from a seed."""

import random
from collections.abc import Iterator, Mapping

from tests.crash.points import MICROVERSIONS, Kill, Kind, Spec

SCHEMA_STATEMENTS = 16
"""So many SQL statements a first start has at least."""
_LONGEST_MOMENT = 1200
_CRASHES = (1, 1, 2, 2, 3)
# what an engine does at its start, whatever is left to be done
_AT_START = 8


class Planner:
    """Draws runs."""

    def __init__(self, seed: int, counts: Mapping[Kind, int]) -> None:
        """Begin anew.

        :param counts: how many events of each kind a recovery without a crash has
        """
        self._seed = seed
        self._last = {**counts, Kind.SCHEMA: SCHEMA_STATEMENTS, Kind.MOMENT: _LONGEST_MOMENT}

    def once(self) -> Iterator[Spec]:
        """Kill at every n of each kind, and at every statement that creates the journal; restart once."""
        for kind in Kind:
            if kind is not Kind.MOMENT:
                yield from (Spec(0, (kill,)) for kill in self._every(kind))

    def twice(self) -> Iterator[Spec]:
        """Kill at every n, and the restarted engine at a point drawn from what is left to be done.

        To die just before a commit is what it is to die after the request that came before it: left out.
        """
        for kind in (Kind.NOVA_BEFORE, Kind.NOVA_AFTER, Kind.NOVA_LATE, Kind.JOURNAL_AFTER):
            for kill in self._every(kind):
                chance = random.Random(f"twice {self._seed} {kill}")
                left = 1 - kill.at / self._last[kind]
                second = self._draw(chance, left)
                yield Spec(0, (kill, second), chance.choice(MICROVERSIONS))

    def drawn(self) -> Iterator[Spec]:
        """Kill one to three engines anywhere, on clouds and with options drawn too; without end."""
        numbers = random.Random(f"drawn {self._seed}")
        while True:
            seed = numbers.randrange(1, 2**31)
            chance = random.Random(f"spec {seed}")
            crashes = chance.choice(_CRASHES)
            kills = [self._draw(chance, 1 / (number + 1)) for number in range(crashes)]
            yield Spec(seed, tuple(kills), chance.choice(MICROVERSIONS))

    def _every(self, kind: Kind) -> Iterator[Kill]:
        return (Kill(kind, at) for at in range(1, self._last[kind] + 1))

    def _draw(self, chance: random.Random, left: float) -> Kill:
        """Draw a point.

        :param left: the share of a whole recovery that is left to be done, 0 to 1
        """
        kind = chance.choice([kind for kind in Kind if kind is not Kind.SCHEMA])
        last = self._last[kind]
        return Kill(kind, chance.randint(1, min(last, round(last * left) + _AT_START)))
