"""Bugs of the orchestrator's rows: what is filed, claimed, locked and numbered."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import CursorResult, Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from contracts.command import Lane
from contracts.ids import RequestId
from orchestrator.domain.case import Case, Intent, Step
from orchestrator.store import cases, casewriting, log
from orchestrator.store.inbox import Filing
from orchestrator.store.session import Transaction
from tests.crash.mutants.planting import Bug, Function

TAIL: Final = text("""
    delete from outbox where id in (
        select id from outbox where lane = :lane and id > :last order by id limit :limit)
    returning id, request, operation, round, tasks, due
""")
CLEAR: Final = text("delete from outbox where lane = :lane and id <= :last")
SIZE: Final = text("select size from audit_tree where id = 1")


class _Rewritten:
    """A connection on which one statement reads differently."""

    def __init__(self, connection: AsyncConnection, was: TextClause, now: TextClause) -> None:
        self._connection, self._was, self._now = connection, was, now

    async def execute(self, statement: TextClause, parameters: Any = None) -> CursorResult[Any]:  # noqa: ANN401 - theirs
        return await self._connection.execute(self._now if statement is self._was else statement, parameters)


class _Found:
    """A connection on which all has been found already."""

    def __init__(self, rows: Sequence[Row[Any]]) -> None:
        self._rows = rows

    async def execute(self, *_: object) -> "_Found":
        return self

    def all(self) -> Sequence[Row[Any]]:
        return self._rows


def _with(tx: Transaction, was: TextClause, now: TextClause) -> Transaction:
    connection: Any = _Rewritten(tx.connection, was, now)
    return replace(tx, connection=connection)


class NoInbox(Bug):
    """An answer is worked in as often as it comes."""

    name = "no_inbox"
    target = "orchestrator.store.inbox:file"

    async def planted(self, tx: Transaction, filings: Sequence[Filing]) -> list[Filing]:
        await self.original(tx, filings)
        return list(filings)


class TailingTheOutbox(Bug):
    """Intents are read by `id > last`, and what lies behind is cleared away: a row that commits late is lost."""

    name = "tailing_the_outbox"
    target = "orchestrator.store.outbox:claim"

    def __init__(self, original: Function) -> None:
        super().__init__(original)
        self._last: defaultdict[tuple[AsyncEngine, Lane], int] = defaultdict(
            int
        )  # a process has one engine, a test many

    async def planted(self, tx: Transaction, lane: Lane, *, limit: int) -> list[Intent]:
        place = tx.connection.engine, lane
        last = self._last[place]
        await tx.connection.execute(CLEAR, {"lane": lane, "last": last})
        rows = (await tx.connection.execute(TAIL, {"lane": lane, "last": last, "limit": limit})).all()
        self._last[place] = max((row.id for row in rows), default=last)
        found: Any = _Found(rows)
        intents: list[Intent] = await self.original(replace(tx, connection=found), lane, limit=limit)
        return intents


class NoRequestLock(Bug):
    """A request is read without its lock."""

    name = "no_request_lock"
    target = "orchestrator.store.cases:lock"

    async def planted(self, tx: Transaction, ids: Collection[RequestId]) -> dict[RequestId, Case]:
        unlocked = text(cases.LOCK.text.replace("for no key update", ""))
        held: dict[RequestId, Case] = await self.original(_with(tx, cases.LOCK, unlocked), ids)
        return held


class NoVersionCheck(Bug):
    """A request is written over whatever it has become. Planted beside a missing lock: either finds the other out."""

    name = "no_version_check"
    target = "orchestrator.store.cases:write"

    async def planted(self, tx: Transaction, steps: Collection[Step]) -> None:
        unchecked = text(casewriting.REQUESTS.text.replace("and r.version = u.was", ""))
        await self.original(_with(tx, casewriting.REQUESTS, unchecked), steps)


class NumbersFromMemory(Bug):
    """The notary remembers how long the log is."""

    name = "numbers_from_memory"
    target = "orchestrator.store.log:number"

    def __init__(self, original: Function) -> None:
        super().__init__(original)
        self._sizes: dict[AsyncEngine, int] = {}  # a process has one engine, a test many

    async def planted(self, tx: Transaction, *, limit: int = 2000) -> int:
        engine = tx.connection.engine
        if engine not in self._sizes:
            self._sizes[engine] = (await tx.connection.execute(SIZE)).scalar_one()
        remembered = text(f"select {self._sizes[engine]}")
        numbered: int = await self.original(_with(tx, log.SIZE, remembered), limit=limit)
        self._sizes[engine] += numbered
        return numbered


class SlowNotary(Bug):
    """No bug but a slow disk: what was numbered is not committed at once, and a broken connection meets it there."""

    name = "slow_notary"
    target = "orchestrator.store.log:number"

    async def planted(self, tx: Transaction, *, limit: int = 2000) -> int:
        numbered: int = await self.original(tx, limit=limit)
        await asyncio.sleep(0.5)
        return numbered


class SlowCommits(Bug):
    """No bug but a busy disk: every other change is committed a moment late, behind what was written after it."""

    name = "slow_commits"
    target = "orchestrator.store.cases:write"

    def __init__(self, original: Function) -> None:
        super().__init__(original)
        self._calls = 0

    async def planted(self, tx: Transaction, steps: Collection[Step]) -> None:
        await self.original(tx, steps)
        self._calls += 1
        await asyncio.sleep(0.4 * (self._calls % 2))
