"""The notary: every entry gets one number, and the numbers have no hole, whoever dies or is late."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from orchestrator.domain.request import Kind
from orchestrator.flow import intake
from orchestrator.settings import Role
from orchestrator.store.log import number
from orchestrator.store.session import Transaction, transactions
from tests.integration.road.people import an_opening, opened
from tests.integration.road.world import World

WITHIN_S = 20.0


async def numbers(world: World) -> list[int]:
    async with transactions(world.owner)() as tx:
        return list((await tx.connection.execute(text("select seq from audit_entry order by seq"))).scalars())


async def pid(tx: Transaction) -> int:
    found: int = (await tx.connection.execute(text("select pg_backend_pid()"))).scalar_one()
    return found


async def notarise(world: World, *, limit: int = 2000) -> int:
    async with world.tx[Role.NOTARY]() as tx:
        return await number(tx, limit=limit)


async def test_many_notaries_at_once_number_each_entry_once(world: World) -> None:
    for _ in range(9):
        await opened(world, Kind.ACCESS)

    async def until_done() -> None:
        while len(await numbers(world)) < 9:
            await notarise(world, limit=2)

    async with asyncio.timeout(WITHIN_S):
        await asyncio.gather(*(until_done() for _ in range(4)))
    assert await numbers(world) == list(range(9))


async def test_only_one_notary_is_at_it(world: World) -> None:
    await opened(world, Kind.ACCESS)
    async with asyncio.timeout(WITHIN_S), world.tx[Role.NOTARY]() as tx:
        assert await number(tx) == 1
        assert await notarise(world) == 0
    assert await notarise(world) == 0


async def die_with_open_numbers(world: World) -> None:
    async with world.tx[Role.NOTARY]() as tx, transactions(world.owner)() as admin:
        assert await number(tx, limit=2) == 2
        await admin.connection.execute(text("select pg_terminate_backend(:pid)"), {"pid": await pid(tx)})


async def test_a_notary_whose_backend_is_killed_before_its_commit_has_numbered_nothing(world: World) -> None:
    for _ in range(3):
        await opened(world, Kind.ACCESS)
    with pytest.raises(ConnectionError):
        await die_with_open_numbers(world)
    assert await numbers(world) == []
    async with asyncio.timeout(WITHIN_S):
        while not await notarise(world):  # its lock goes with its backend
            continue
    assert await numbers(world) == [0, 1, 2]


async def test_an_entry_that_commits_late_is_numbered_all_the_same(world: World) -> None:
    late, soon = await an_opening(world, Kind.ACCESS), await an_opening(world, Kind.ACCESS)
    async with AsyncExitStack() as still_open:
        slow = await still_open.enter_async_context(world.tx[Role.API]())
        await intake.open_(slow, [late])
        async with world.tx[Role.API]() as tx:
            await intake.open_(tx, [soon])
        assert await notarise(world) == 1
    assert await notarise(world) == 1
    assert [each.request for each in await world.log()] == [soon.request.id, late.request.id]


async def begin_and_fail(world: World) -> None:
    opening = await an_opening(world, Kind.ACCESS)
    async with world.tx[Role.API]() as tx:
        await intake.open_(tx, [opening])
        await tx.connection.execute(text("select 1 / 0"))


async def test_a_transaction_that_was_rolled_back_leaves_no_entry_and_no_hole(world: World) -> None:
    await opened(world, Kind.ACCESS)
    with pytest.raises(DBAPIError):
        await begin_and_fail(world)
    await opened(world, Kind.ACCESS)
    await notarise(world)
    assert await numbers(world) == [0, 1]


async def test_a_notary_that_comes_back_numbers_on_from_what_the_table_says(world: World) -> None:
    await opened(world, Kind.ACCESS)
    await notarise(world)
    await opened(world, Kind.ACCESS)
    await notarise(world)
    async with transactions(world.owner)() as tx:
        size = (await tx.connection.execute(text("select size from audit_tree"))).scalar_one()
    assert (await numbers(world), size) == ([0, 1], 2)
