"""Watching that the database under a process stays the one that it began with: no restored backup, no older replica."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from orchestrator.entrypoints.notary import Head, RecoveryNeeded, compare
from orchestrator.entrypoints.working import Refuses, Work
from orchestrator.store import recovery
from orchestrator.store.recovery import Standing
from orchestrator.store.session import Transactions

EVERY_S: Final = 2.0
"""How long a process may go on working on a database that was restored under it."""


class Recovered(Refuses):
    """Somebody took up a restored backup while this process ran: what it knows is of an older generation."""


async def check(transaction: Transactions, home: Path) -> Standing:
    """Return where the database stands; raise `RecoveryNeeded` if it fell back, as far as this machine can know."""
    async with transaction() as tx:
        standing = await recovery.standing(tx)
        head = Head.read(home, standing.log)
        if head is not None and standing.size < head.size:  # or it has grown since we looked
            standing = await recovery.standing(tx)
    compare(standing, head)
    return standing


@dataclass(slots=True, kw_only=True)
class Watch:
    """One for each process. It ends by raising, or with *stopping*."""

    transaction: Transactions
    home: Path
    turned: Callable[[bool], None]
    _seen: Standing | None = None
    _begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, stopping: asyncio.Event) -> None:
        """Look again and again; while the database cannot be reached there is nothing to see, and nothing to do."""
        await Work(name="watch", once=self._look, idle=self._pause, turned=self.turned, most=1).until(stopping)

    async def begun(self) -> Standing:
        """Wait until the database was found to be sound, and return where it stood then."""
        await self._begun.wait()
        if self._seen is None:
            raise AssertionError("begun without having seen anything")
        return self._seen

    async def _look(self) -> int:
        standing = await check(self.transaction, self.home)
        if self._seen is not None:
            _went_on(self._seen, standing)
        self._seen = standing
        self._begun.set()
        return 0

    async def _pause(self) -> None:
        await asyncio.sleep(EVERY_S)


def _went_on(before: Standing, now: Standing) -> None:
    """Raise if the log is shorter than this process has seen it, or the generation is another."""
    if now.log != before.log or now.generation < before.generation or now.size < before.size:
        raise RecoveryNeeded(now.size, before.size)
    if now.generation > before.generation:
        raise Recovered("a restored backup was taken up while this ran; start it again")
