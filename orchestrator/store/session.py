"""Transactions: the only place that commits, and the only clock that decides."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import make_url, text
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
    """Prepare connections to *url* (`postgresql://…`); none is made before the first transaction.

    A connection that the server has dropped is found out before it is used (pre-ping).
    """
    return create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
    )


def transactions(engine: AsyncEngine) -> Transactions:
    """Return the way to open transactions on *engine*."""

    @asynccontextmanager
    async def transaction() -> AsyncIterator[Transaction]:
        async with engine.begin() as connection:
            now: datetime = (await connection.execute(NOW)).scalar_one()
            yield Transaction(connection, now)

    return transaction
