"""Group commit: what several ask for at the same time is done in one transaction, and nobody waits for company."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Final, TypeVar

from orchestrator.domain.errors import DsarError
from orchestrator.store.session import Transactions

T = TypeVar("T")
R = TypeVar("R")
Act = Callable[..., Awaitable[Sequence[R | DsarError]]]
"""Called with a transaction and the items; gives a result for each, in their order, or what refuses it."""

MOST: Final = 100
"""Items in one transaction: more would only hold its locks for longer."""

Asked = tuple[Any, "asyncio.Future[Any]"]


class Together:
    """Hands items to *act* in groups: whoever comes while a group is under way is in the next one."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._queues: defaultdict[Hashable, deque[Asked]] = defaultdict(deque)
        self._busy: dict[Hashable, asyncio.Task[None]] = {}

    async def __call__(self, act: Act[R], item: T, **same: Hashable) -> R:
        """Do *act* for *item*, in a transaction shared with those who ask for the same, with the same *same*.

        Raises what refuses this item, or what broke the whole transaction.
        """
        key = (act, tuple(same.items()))
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._queues[key].append((item, future))
        if key not in self._busy:
            self._busy[key] = asyncio.create_task(self._work(key, act, same))
        return await future

    async def _work(self, key: Hashable, act: Act[Any], same: dict[str, Hashable]) -> None:
        queue = self._queues[key]
        try:
            while queue:
                await self._do([queue.popleft() for _ in range(min(MOST, len(queue)))], act, same)
        finally:
            del self._busy[key], self._queues[key]

    async def _do(self, group: Sequence[Asked], act: Act[Any], same: dict[str, Hashable]) -> None:
        results: Sequence[Any]
        try:
            async with self._transactions() as tx:
                results = await act(tx, [item for item, _ in group], **same)
        except asyncio.CancelledError:  # a driver's, or the process ends: nobody who asked may wait for ever
            results = [ConnectionError("the transaction was given up")] * len(group)
        except Exception as error:  # noqa: BLE001 - it is raised again, for each of those who asked
            results = [error] * len(group)
        for (_, future), result in zip(group, results, strict=True):
            if future.done():
                continue  # whoever asked has gone away; what was committed stays
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
