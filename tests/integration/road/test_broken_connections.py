"""A connection that breaks in the middle of a batch: nothing counts as taken that was not committed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from orchestrator.domain.request import Kind, State
from orchestrator.settings import Role
from orchestrator.store.session import Transaction, Transactions, transactions
from tests.integration.road.people import asked, state, the_usual
from tests.integration.road.world import World

KILL = text("select pg_terminate_backend(:pid)")


def dying(world: World) -> Transactions:
    """Transactions whose server process is killed when all is written and nothing is committed."""

    @asynccontextmanager
    async def transaction() -> AsyncIterator[Transaction]:
        async with world.tx[Role.ENGINE]() as tx, transactions(world.owner)() as admin:
            yield tx
            pid = (await tx.connection.execute(text("select pg_backend_pid()"))).scalar_one()
            await admin.connection.execute(KILL, {"pid": pid})

    return transaction


async def test_a_batch_whose_connection_breaks_before_the_commit_is_taken_when_it_comes_again(world: World) -> None:
    profiles, _ = await the_usual(world)
    world.put([profiles.beat(int(world.now()))])
    await world.file()  # the keys are known
    request = await asked(world, Kind.ACCESS)
    await world.dispatch()
    world.put([answer for each in world.custodians.values() for answer in await world.answered_by(each)])
    world.answers.transaction = dying(world)
    with pytest.raises(ConnectionError):
        await world.file()
    assert await state(world, request) is State.SEARCHING
    world.answers.transaction = world.tx[Role.ENGINE]
    await world.file()
    await world.drive()
    assert await state(world, request) is State.REVIEWING
