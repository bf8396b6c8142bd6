"""A ledger that stops for good at one point, so that a test can kill its worker there."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from contracts.ids import TaskId
from contracts.results import TaskOutcome
from custodians.runner.ledger import Ending, Planned, Stored, Verdict
from custodians.runner.ledger_sqlite import SqliteLedger
from custodians.runner.orders import Order
from custodians.runner.tally import Tally
from custodians.sdk import Holding

T = TypeVar("T")

POINTS: Final = tuple(
    (when, method)
    for method in ("accept", "spool", "plan", "page", "page_erased", "finish", "sent")
    for when in ("before", "after")
)
"""Every step of an erasure's row, just before it is durable and just after."""


class FreezingLedger(SqliteLedger):
    """The real ledger, which may never come back from a call."""

    def __init__(self, path: Path, key: bytes, *, now: Callable[[], float], at: tuple[str, str] | None) -> None:
        super().__init__(path, key, now=now)
        self._point = at
        self.frozen = asyncio.Event()

    async def accept(self, orders: Sequence[Order], now: int) -> list[Verdict]:
        return await self._pass("accept", lambda: super(FreezingLedger, self).accept(orders, now))

    async def spool(self, task: TaskId, n: int, holdings: Sequence[Holding]) -> None:
        return await self._pass("spool", lambda: super(FreezingLedger, self).spool(task, n, holdings))

    async def plan(self, order: Order, tally: Tally, pages: int, now: int) -> Planned:
        return await self._pass("plan", lambda: super(FreezingLedger, self).plan(order, tally, pages, now))

    async def page(self, task: TaskId, n: int) -> list[Holding]:
        return await self._pass("page", lambda: super(FreezingLedger, self).page(task, n))

    async def page_erased(self, task: TaskId, n: int) -> None:
        return await self._pass("page_erased", lambda: super(FreezingLedger, self).page_erased(task, n))

    async def finish(self, order: Order, ending: Ending, outcome: TaskOutcome | None, answer: Stored) -> bool:
        return await self._pass("finish", lambda: super(FreezingLedger, self).finish(order, ending, outcome, answer))

    async def sent(self, answers: Sequence[Stored]) -> None:
        return await self._pass("sent", lambda: super(FreezingLedger, self).sent(answers))

    async def _pass(self, method: str, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if self._point == ("before", method):
            await self._freeze()
        result = await call()
        if self._point == ("after", method):
            await self._freeze()
        return result

    async def _freeze(self) -> None:
        self.frozen.set()
        await asyncio.Event().wait()
