"""Where an engine is killed, in words that reproduce it."""

import dataclasses
import enum
from typing import Self

MICROVERSIONS = ("2.96", "2.60")
"""With locked_reason (from 2.73 on) and without."""


class Kind(enum.StrEnum):
    """What a kill waits for."""

    NOVA_BEFORE = "nova-before"
    """The n-th request to Nova: it arrives and is not carried out."""
    NOVA_AFTER = "nova-after"
    """The n-th request that changes something: Nova carries it out and the answer is lost."""
    NOVA_LATE = "nova-late"
    """The n-th evacuate or lock: Nova carries it out some time after the engine's death."""
    JOURNAL_BEFORE = "journal-before"
    """The n-th change of the journal: nothing is committed."""
    JOURNAL_AFTER = "journal-after"
    """The n-th change of the journal: it is committed, and nothing else is done."""
    SCHEMA = "schema"
    """The n-th SQL statement of an engine's very first start, which creates the journal."""
    MOMENT = "moment"
    """So many milliseconds after the start, whatever the engine does then."""

    @property
    def is_nova(self) -> bool:
        """Whether it is Nova that sees the moment come."""
        return self.startswith("nova")

    @property
    def tripwire(self) -> str | None:
        """The engine's own moment for it (see tests/harness/inside/tripwire.py); None: it does not see it."""
        return _TRIPWIRES.get(self)


_TRIPWIRES = {Kind.JOURNAL_BEFORE: "commit", Kind.JOURNAL_AFTER: "committed", Kind.SCHEMA: "statement"}


@dataclasses.dataclass(frozen=True)
class Kill:
    """One crash: of what kind, and at which request, change, statement or millisecond of an engine."""

    kind: Kind
    at: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.at}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what str() wrote.

        :raises ValueError: when it is none
        """
        kind, _, at = text.partition(":")
        return cls(Kind(kind), int(at))


@dataclasses.dataclass(frozen=True)
class Spec:
    """One run: what is drawn from the seed, and the crashes of one engine after the other.

    :ivar seed: what the cloud and the engine's options are drawn from; 0 draws nothing
    :ivar microversion: the newest that Nova offers
    :ivar mistake: what is broken in the engine, to see that it is noticed (see sabotage.py)
    """

    seed: int
    kills: tuple[Kill, ...] = ()
    microversion: str = MICROVERSIONS[0]
    mistake: str | None = None

    def __str__(self) -> str:
        parts = [str(self.seed), self.microversion, ",".join(map(str, self.kills)) or "none"]
        return "/".join([*parts, self.mistake] if self.mistake else parts)

    @property
    def is_first_start(self) -> bool:
        """Whether the first engine finds no journal, and no notification."""
        return any(kill.kind is Kind.SCHEMA for kill in self.kills[:1])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what str() wrote.

        :raises ValueError: when it is none
        """
        seed, microversion, kills, *mistake = text.split("/")
        points = () if kills == "none" else tuple(Kill.parse(kill) for kill in kills.split(","))
        return cls(int(seed), points, microversion, mistake[0] if mistake else None)
