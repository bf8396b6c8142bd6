"""Dead letters as the API sees them: reading them for people, and counting those that nobody has dealt with."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from contracts.dead_letter import DeadLetter, Refusal
from contracts.topics import TOPICS, Channel
from orchestrator.store.session import Transactions
from orchestrator.store.views import health

LOOK_EVERY_S: Final = 30.0
PATIENCE_S: Final = 2.0
MOST: Final = 2_000
"""How many letters are remembered: with more of them undecided nobody needs to know how many more."""

KEPT_S: Final = TOPICS[Channel.DEAD_LETTERS].retention_ms / 1000
OTHER: Final = "other"


class Unreachable(Exception):
    """Try later: something that this needs does not answer. The message says what, and names no address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A dead letter with its place on the topic."""

    partition: int
    offset: int
    letter: DeadLetter


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is remembered of a letter. *reader* is the engine, a custodian that is admitted, or `other`."""

    reader: str
    refusal: Refusal
    at: int


class LetterBox(Protocol):
    """Whatever reads the topic of dead letters and can send one again; raises `Unreachable`."""

    async def newest(self, *, limit: int, after: Mapping[int, int] | None = None) -> Sequence[Letter]:
        """The newest letters first; only those behind these offsets of their partitions."""

    async def read(self, partition: int, offset: int) -> Letter | None:
        """One letter; None if there is none at that place (any more)."""

    async def replay(self, letter: Letter) -> None:
        """Write the record, byte for byte, to the topic that it was on; whoever reads it checks it anew."""


class LetterCount:
    """Looks when a scraper comes, at most every half minute: nobody scrapes, nothing is read."""

    def __init__(self) -> None:
        self._marks: dict[tuple[int, int], Mark] = {}
        self._after: dict[int, int] = {}
        self._looked_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()
        self.reachable = True

    async def look(self, letters: LetterBox, transactions: Transactions, *, known: Collection[str], now: float) -> None:
        """Read what is new, for a bounded time; what cannot be read now is read at the next look."""
        async with self._one_at_a_time:
            if now - self._looked_at >= LOOK_EVERY_S:
                await self._read(letters, now)
            self._marks = {place: mark for place, mark in self._marks.items() if mark.at > now - KEPT_S}
            async with transactions() as tx:
                left = await health.undecided(tx, list(self._marks))
            self._marks = {
                place: mark if mark.reader in known else replace(mark, reader=OTHER)
                for place, mark in self._marks.items()
                if place in left
            }

    @property
    def marks(self) -> Sequence[Mark]:
        """The letters that nobody has dealt with."""
        return tuple(self._marks.values())

    async def _read(self, letters: LetterBox, now: float) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                found = await letters.newest(limit=MOST, after=self._after)
        except (Unreachable, OSError):
            self.reachable = False
            return
        self.reachable, self._looked_at = True, now
        for each in found:
            told = each.letter
            self._after[each.partition] = max(each.offset, self._after.get(each.partition, -1))
            self._marks[each.partition, each.offset] = Mark(reader=told.reader, refusal=told.refusal, at=told.at)
        for place in sorted(self._marks)[:-MOST]:
            del self._marks[place]
