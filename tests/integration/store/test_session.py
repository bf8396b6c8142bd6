"""Transactions: a dropped connection is replaced before a block begins, and no block leaves anything half done."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text

from orchestrator.store.session import Transactions, connect, transactions

PID = text("select pg_backend_pid()")
MAKE = text("create table mark (n int)")
MARK = text("insert into mark values (1)")
COUNT = text("select count(*) from mark")


async def test_connections_that_the_server_dropped_are_replaced_before_the_block_begins(
    fresh_database: str, postgres_admin: asyncpg.Connection
) -> None:
    engine = connect(fresh_database, pool_size=3)
    opened = transactions(engine)
    dropped = await asyncio.gather(*(_pid(opened) for _ in range(3)))
    for pid in dropped:
        await postgres_admin.execute("select pg_terminate_backend($1, 5000)", pid)
    later = [await _pid(opened) for _ in range(3)]
    assert len(set(dropped)) == 3
    assert not set(later) & set(dropped)
    await engine.dispose()


async def _pid(opened: Transactions) -> int:
    async with opened() as tx:
        await asyncio.sleep(0.05)  # so that each of several has a connection of its own
        return int((await tx.connection.execute(PID)).scalar_one())


async def test_a_block_that_raises_or_is_cancelled_leaves_nothing_and_gives_its_connection_back(
    fresh_database: str,
) -> None:
    engine = connect(fresh_database, pool_size=1)
    opened = transactions(engine)
    async with opened() as tx:
        await tx.connection.execute(MAKE)
    with pytest.raises(LookupError):
        await _marked(opened, LookupError())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await _marked(opened, None)
    async with opened() as tx:
        assert (await tx.connection.execute(COUNT)).scalar_one() == 0
    await engine.dispose()


async def _marked(opened: Transactions, error: Exception | None) -> None:
    async with opened() as tx:
        await tx.connection.execute(MARK)
        if error is not None:
            raise error
        await asyncio.Event().wait()
