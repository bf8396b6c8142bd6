"""Group commit: those who ask at the same time share a transaction, and each gets what is theirs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import pytest

from orchestrator.domain.errors import Conflict
from orchestrator.entrypoints.api.together import MOST, Together
from orchestrator.store.session import Transaction


class Committing:
    """Transactions that do nothing but count; each takes a turn of the loop."""

    def __init__(self) -> None:
        self.committed = 0

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Transaction]:
        await asyncio.sleep(0)
        yield cast("Transaction", None)
        self.committed += 1


class Doubling:
    """Gives twice the number, refuses odd ones, and breaks at a negative one."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []

    async def __call__(self, _tx: Transaction, items: Sequence[int], *, plus: int = 0) -> list[int | Conflict]:
        self.groups.append(list(items))
        await asyncio.sleep(0)
        if min(items) < 0:
            raise OSError("broken")
        return [Conflict("odd") if item % 2 else 2 * item + plus for item in items]


async def test_one_alone_is_served_at_once_and_who_comes_meanwhile_shares_the_next() -> None:
    transactions, act = Committing(), Doubling()
    together = Together(transactions)
    first = asyncio.create_task(together(act, 2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(together(act, each)) for each in (4, 6, 8)]
    assert list(await asyncio.gather(first, *others)) == [4, 8, 12, 16]
    assert (act.groups, transactions.committed) == ([[2], [4, 6, 8]], 2)


async def test_what_is_refused_is_raised_to_whoever_asked_for_it_and_to_no_other() -> None:
    together, act = Together(Committing()), Doubling()
    results = await asyncio.gather(*(together(act, each) for each in (2, 3, 4)), return_exceptions=True)
    assert [results[0], results[2]] == [4, 8]
    assert isinstance(results[1], Conflict)


async def test_a_transaction_that_breaks_is_raised_to_all_of_it_and_the_next_goes_on() -> None:
    together, act = Together(Committing()), Doubling()
    results = await asyncio.gather(*(together(act, each) for each in (-2, 4)), return_exceptions=True)
    assert [type(each) for each in results] == [OSError, OSError]
    assert await together(act, 4) == 8


async def test_who_has_gone_away_stops_nobody_else() -> None:
    together, act = Together(Committing()), Doubling()
    gone, stays = asyncio.create_task(together(act, 2)), asyncio.create_task(together(act, 4))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == 8
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_no_group_is_larger_than_the_most() -> None:
    together, act = Together(Committing()), Doubling()
    await asyncio.gather(*(together(act, 2) for _ in range(2 * MOST + 1)))
    assert [len(each) for each in act.groups] == [MOST, MOST, 1]


async def test_other_circumstances_are_not_shared() -> None:
    together, act = Together(Committing()), Doubling()
    assert list(await asyncio.gather(together(act, 2, plus=1), together(act, 2, plus=7))) == [5, 11]


async def test_a_driver_that_cancels_what_it_was_doing_leaves_nobody_waiting() -> None:
    together = Together(Committing())

    async def cancelled(_tx: Transaction, _items: Sequence[int]) -> list[int]:
        raise asyncio.CancelledError

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(together(cancelled, 1), 5.0)
