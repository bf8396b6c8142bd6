"""Transactions: the only place that commits, and the only clock that decides."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

import asyncpg
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

CONNECTING_S: Final = 10.0
"""How long a new connection, or one that somebody else has, is waited for."""

OPENING_S: Final = 5.0
"""How long the first statement may take. A connection that lay idle may have been forgotten by a firewall: a new one is
made."""

TRANSACTION_S: Final = 30.0
"""How long a transaction may last, on either side. No statement of ours needs it; a silent connection ends with it, and
so do the locks of a client that has vanished."""

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
"""Opens a transaction that commits when its block ends, and rolls back when it raises.

Raises `OSError` when the database is away, silent, or lost half-way: then nobody knows whether it was committed.
"""


def connect(url: str, *, pool_size: int = 5, transaction_s: float = TRANSACTION_S) -> AsyncEngine:
    """Prepare connections to *url* (`postgresql://…`); none is made before the first transaction."""
    # statements here are short: compiling them costs more than it saves, above all the driver's question about types
    settings = {"idle_in_transaction_session_timeout": str(int(1000 * transaction_s)), "jit": "off"}
    return create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=0,
        isolation_level="READ COMMITTED",
        connect_args={"server_settings": settings},
    )


def transactions(engine: AsyncEngine, *, transaction_s: float = TRANSACTION_S) -> Transactions:
    """Return the way to open transactions on *engine*.

    A connection that the server has dropped while it lay idle is found out, and replaced, before the block begins. One
    that falls silent is torn down after *transaction_s*: whoever waits for it is told so.
    """

    @asynccontextmanager
    async def transaction() -> AsyncIterator[Transaction]:
        tx = await _opened(engine)
        limit = _limit(tx.connection, transaction_s)
        try:
            yield tx
            await tx.connection.commit()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            raise ConnectionError("the database was lost, or fell silent, during a transaction") from error
        finally:  # also when this task is cancelled: what was not committed is rolled back before anybody else gets it
            await asyncio.shield(_let_go(tx.connection, limit))

    return transaction


async def _opened(engine: AsyncEngine) -> Transaction:
    try:
        return await _begun(engine)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    return await _begun(engine)  # the pool has let go of all that lay idle: this one is new


async def _begun(engine: AsyncEngine) -> Transaction:
    async with asyncio.timeout(CONNECTING_S):
        connection = await engine.connect()
    limit = _limit(connection, OPENING_S)
    try:
        now: datetime = (await connection.execute(NOW)).scalar_one()
    except BaseException:
        await asyncio.shield(_let_go(connection, limit))
        raise
    limit.cancel()
    return Transaction(connection, now)


def _limit(connection: AsyncConnection, seconds: float) -> asyncio.TimerHandle:
    """Tear *connection* down in so many seconds. Nothing gentler ends: the driver waits for the server's goodbye."""
    made = cast("Connection", connection.sync_connection)  # None only before it is connected
    driver = cast("asyncpg.Connection", made.connection.driver_connection)
    return asyncio.get_running_loop().call_later(seconds, driver.terminate)


async def _let_go(connection: AsyncConnection, limit: asyncio.TimerHandle) -> None:
    try:
        await connection.close()
    finally:
        limit.cancel()
