"""Transactions: the only place that commits, and the only clock that decides."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

NOW = text("select now()")


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open transaction.

    `now` is the database's clock, read by the first statement: deadlines, leases and expiries go by it, never by a
    host's.
    """

    connection: AsyncConnection
    now: datetime


Transactions = Callable[[], AbstractAsyncContextManager[Transaction]]
"""Opens a transaction that commits when its block ends, and rolls back when it raises."""


def connect(url: str, *, pool_size: int = 5) -> AsyncEngine:
    """Prepare connections to *url* (`postgresql://…`); none is made before the first transaction."""
    return create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=0,
        isolation_level="READ COMMITTED",
    )


def transactions(engine: AsyncEngine) -> Transactions:
    """Return the way to open transactions on *engine*.

    A connection that the server has dropped while it lay idle is found out, and replaced, before the block begins.
    """

    @asynccontextmanager
    async def transaction() -> AsyncIterator[Transaction]:
        tx = await _opened(engine)
        try:
            yield tx
            await tx.connection.commit()
        finally:  # also when this task is cancelled: what was not committed is rolled back before anybody else gets it
            await asyncio.shield(tx.connection.close())

    return transaction


async def _opened(engine: AsyncEngine) -> Transaction:
    try:
        return await _begun(engine)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    return await _begun(engine)  # the pool has let go of all that lay idle: this one is new


async def _begun(engine: AsyncEngine) -> Transaction:
    connection = await engine.connect()
    try:
        now: datetime = (await connection.execute(NOW)).scalar_one()
    except BaseException:
        await asyncio.shield(connection.close())
        raise
    return Transaction(connection, now)
