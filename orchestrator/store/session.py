"""Transactions: the only place that commits, and the only clock that decides."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
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

AWAY: Final = frozenset({"08", "53", "57"})
"""Classes of SQLSTATE: no connection, no resources (too many connections), an operator (it starts or stops)."""

ASKED_EACH_S: Final = 5.0
"""How often a database is asked whether it is still there, while a transaction waits for long work."""

NOW = text("select now()")


class Limit:
    """Tears a connection down after a while. Nothing gentler ends: the driver waits for the server's goodbye."""

    def __init__(self, connection: AsyncConnection, seconds: float) -> None:
        made = cast("Connection", connection.sync_connection)  # None only before it is connected
        self._driver = cast("asyncpg.Connection", made.connection.driver_connection)
        self._seconds = seconds
        self._timer = self._set()

    def go_on(self) -> None:
        """Begin anew: the server has just answered."""
        self._timer.cancel()
        self._timer = self._set()

    def end(self) -> None:
        """The connection is given back."""
        self._timer.cancel()

    def _set(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(self._seconds, self._driver.terminate)


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open transaction.

    `now` is the database's clock, read by the first statement: deadlines, leases and expiries go by it, never by a
    host's.
    """

    connection: AsyncConnection
    now: datetime
    limit: Limit


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
        hide_parameters=True,
        connect_args={"server_settings": settings},
    )


def transactions(engine: AsyncEngine, *, transaction_s: float = TRANSACTION_S) -> Transactions:
    """Return the way to open transactions on *engine*.

    A connection that the server has dropped while it lay idle is found out, and replaced, before the block begins. One
    that falls silent is torn down after *transaction_s*: whoever waits for it is told so.
    """

    @asynccontextmanager
    async def transaction() -> AsyncIterator[Transaction]:
        tx = await _opened(engine, transaction_s)
        try:
            yield tx
            await tx.connection.commit()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            raise ConnectionError("the database was lost, or fell silent, during a transaction") from error
        finally:  # also when this task is cancelled: what was not committed is rolled back before anybody else gets it
            await asyncio.shield(_let_go(tx.connection, tx.limit))

    return transaction


@asynccontextmanager
async def kept(tx: Transaction) -> AsyncIterator[None]:
    """Keep *tx*, and the locks that it holds, through work that takes long and makes no statement of its own.

    The database is asked each few seconds. When it does not answer, the locks may be somebody else's already: the work
    is cancelled, and `TimeoutError` raised.
    """
    done = asyncio.Event()
    async with asyncio.timeout(None) as work:
        asking = asyncio.create_task(_ask(tx, done, work))
        try:
            yield
        finally:  # not cancelled: that would tear the connection down
            done.set()
            await asyncio.shield(asking)


async def _ask(tx: Transaction, done: asyncio.Event, work: asyncio.Timeout) -> None:
    while not done.is_set():
        try:
            await asyncio.wait_for(done.wait(), ASKED_EACH_S)
        except TimeoutError:
            try:
                await tx.connection.execute(NOW)
            except Exception:  # noqa: BLE001 - whatever it was, nobody knows any more who holds the locks
                work.reschedule(asyncio.get_running_loop().time())
                return
            tx.limit.go_on()


async def _opened(engine: AsyncEngine, seconds: float) -> Transaction:
    with suppress(ConnectionError):
        return await _begun(engine, seconds)
    return await _begun(engine, seconds)  # the pool has let go of all that lay idle: this one is new


async def _begun(engine: AsyncEngine, seconds: float) -> Transaction:
    with _told_when_away():
        async with asyncio.timeout(CONNECTING_S):
            connection = await engine.connect()
    limit = Limit(connection, OPENING_S)
    try:
        with _told_when_away():
            now: datetime = (await connection.execute(NOW)).scalar_one()
    except BaseException:
        await asyncio.shield(_let_go(connection, limit))
        raise
    limit.end()
    return Transaction(connection, now, Limit(connection, seconds))


@contextmanager
def _told_when_away() -> Iterator[None]:
    """Tell a database that is away, starting, stopping or full from a login that is wrong: the first passes."""
    try:
        yield
    except DBAPIError as error:
        state = str(getattr(error.orig, "sqlstate", None))
        if error.connection_invalidated or state[:2] in AWAY:
            raise ConnectionError("the database takes no transaction") from error
        raise


async def _let_go(connection: AsyncConnection, limit: Limit) -> None:
    try:
        await connection.close()
    except DBAPIError as error:  # what was torn down is rolled back by that
        if not error.connection_invalidated:
            raise
    finally:
        limit.end()
