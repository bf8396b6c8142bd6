"""The custodian of a PostgreSQL database, driven by a data map."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import date
from itertools import groupby
from typing import Final, Self

import asyncpg

from custodians.bundled import statements
from custodians.bundled.datamap import KeyNotUnique, SqlMap, TableClass
from custodians.sdk import Custodian, Erase, Fate, Holding, Identifier, Record, Subject, TryLater

PAGE_ROWS: Final = 1_000
LOCK_TIMEOUT: Final = "set local lock_timeout = '5s'"  # an erasure must not queue up behind a table's owner
POOL: Final = 10

STATEMENT_S: Final = 300.0
"""How long a statement about one person may take. Longer takes a connection that a firewall forgot: it would never be
given back, and ten of them would be all there are."""
CONNECTING_S: Final = 10.0


class StoreUnavailable(TryLater):
    """The database is away, or too busy to answer."""


_PASSING: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.InvalidAuthorizationSpecificationError,  # a password that is being changed
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidCachedStatementError,  # the table was altered since the statement was last used
    OSError,
    asyncio.IncompleteReadError,
)


class SqlCustodian(Custodian):
    """Finds and erases what a data map describes. Values are bound, never put into a statement."""

    def __init__(self, data_map: SqlMap, pool: asyncpg.Pool, *, today: Callable[[], date]) -> None:
        self._map = data_map
        self._pool = pool
        self._today = today
        self._classes = data_map.in_order()
        self._types: dict[str, list[str]] = {}  # of the parameters of each statement, once it was prepared

    @classmethod
    @asynccontextmanager
    async def over(cls, data_map: SqlMap, store: str, *, today: Callable[[], date]) -> AsyncIterator[Self]:
        """Open a pool on the database at *store*, and close it again."""
        with _store_errors():
            pool = await asyncpg.create_pool(
                store,
                min_size=1,
                max_size=POOL,
                reset=_as_it_was,
                timeout=CONNECTING_S,
                command_timeout=STATEMENT_S,
            )
        async with pool:
            yield cls(data_map, pool, today=today)

    async def resolve(self, subject: Subject) -> Collection[Identifier]:
        found: set[Identifier] = set()
        if not self._map.provides:
            return found
        with _store_errors():
            async with self._reading() as connection:
                for provided in self._map.provides:
                    query = statements.select(self._map, self._map.of(provided.data_class), subject, [provided.column])
                    if query is not None:
                        rows = [row async for row in self._rows(connection, query)]
                        found |= {Identifier(provided.kind, str(row[0])) for row in rows if row[0] is not None}
        return found

    async def collect(self, subject: Subject) -> AsyncIterator[Record]:
        with _store_errors():
            async with self._reading() as connection:
                for each in self._classes:
                    async for row in self._found(connection, each, subject, each.columns):
                        fields = {column: row[column] for column in each.columns}
                        yield Record(data_class=each.name, key=_key(row), fate=self._fate(each, row), fields=fields)

    async def find(self, subject: Subject) -> AsyncIterator[Holding]:
        with _store_errors():
            async with self._reading() as connection:
                for each in self._classes:
                    async for row in self._found(connection, each, subject, ()):
                        yield Holding(data_class=each.name, key=_key(row), fate=self._fate(each, row))

    async def erase(self, holdings: Sequence[Holding]) -> None:
        """Delete a page of rows in one transaction, what belongs to other rows before those.

        Raises `KeyNotUnique`, with nothing deleted, if a key of the map stands for more than one row: the others may be
        somebody else's.
        """
        with _store_errors():
            async with self._pool.acquire(timeout=STATEMENT_S) as connection, connection.transaction():
                await connection.execute(LOCK_TIMEOUT)
                for each in self._classes:
                    keys = [holding.key for holding in holdings if holding.data_class == each.name]
                    if keys:
                        _refuse_doubles(await connection.fetch(statements.delete(each), keys))

    async def misfits(self) -> list[str]:
        """Say where the map and the database differ: each a sentence about names, never about data."""
        with _store_errors():
            async with self._reading() as connection:
                rows = await connection.fetch(statements.COLUMNS, [each.table for each in self._classes])
        there = {
            table: {row["name"]: row["is_key"] for row in group}
            for table, group in groupby(rows, lambda row: row["wanted"])
        }
        return [misfit for each in self._map.classes for misfit in _misfits(each, there.get(each.table, {}))]

    async def _found(
        self, connection: asyncpg.Connection, of: TableClass, subject: Subject, columns: Sequence[str]
    ) -> AsyncIterator[asyncpg.Record]:
        query = statements.select(self._map, of, subject, columns)
        if query is not None:
            async for row in self._rows(connection, query):
                yield row

    async def _rows(self, connection: asyncpg.Connection, query: statements.Query) -> AsyncIterator[asyncpg.Record]:
        """Read what fits into a page at once; what does not, anew through a cursor, a page in memory."""
        try:
            values = await self._fitting(connection, query)
            first = await connection.fetch(f"{query.text} limit {PAGE_ROWS + 1}", *values)
            if len(first) <= PAGE_ROWS:
                for row in first:
                    yield row
                return
            del first
            async for row in connection.cursor(query.text, *values, prefetch=PAGE_ROWS):
                yield row
        except (asyncpg.PostgresError, asyncpg.InterfaceError):
            self._types.pop(query.text, None)  # the table may have changed: learnt anew the next time
            raise

    async def _fitting(self, connection: asyncpg.Connection, query: statements.Query) -> list[list[object]]:
        types = self._types.get(query.text)
        if types is None:
            prepared = await connection.prepare(query.text)
            types = self._types[query.text] = [each.name for each in prepared.get_parameters()]
        return [statements.fitting(given, type_) for given, type_ in zip(query.values, types, strict=True)]

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[asyncpg.Connection]:
        """One snapshot for all classes of a person."""
        async with (
            self._pool.acquire(timeout=STATEMENT_S) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection

    def _fate(self, of: TableClass, row: asyncpg.Record) -> Fate:
        if of.retain is None:
            return Erase()
        return of.retain.fate(row[statements.UNTIL], self._today())


async def _as_it_was(_: asyncpg.Connection) -> None:
    """Give a connection back without asking the server to forget: what a use sets, it sets for its transaction."""


def _key(row: asyncpg.Record) -> str | int:
    key = row[statements.KEY]
    return key if isinstance(key, str | int) else str(key)


def _misfits(of: TableClass, there: Mapping[str, bool]) -> Iterator[str]:
    """*there* are the columns, and whether each names a row by itself."""
    if not there:
        yield f"{of.name}: there is no table {of.table}"
        return
    named = {of.key, *of.columns, *of.leave_out, *of.match.values()}
    named |= {of.belongs_to.column} if of.belongs_to else set()
    named |= {of.retain.until.column} if of.retain else set()
    yield from (f"{of.name}: {of.table} has no column {column}" for column in sorted(named - there.keys()))
    unsaid = there.keys() - set(of.columns) - set(of.leave_out)
    yield from (f"{of.name}: {of.table}.{column} is neither handed over nor left out" for column in sorted(unsaid))
    if there.get(of.key) is False:
        yield f"{of.name}: nothing keeps {of.table}.{of.key} unique, so erasing by it may meet other people's rows"


@contextmanager
def _store_errors() -> Iterator[None]:
    """Tell what passes by itself from what needs a person. The database's own text never leaves: it quotes values."""
    try:
        yield
    except _PASSING as error:
        raise StoreUnavailable from error


def _refuse_doubles(erased: Sequence[asyncpg.Record]) -> None:
    keys = [row[0] for row in erased]
    if len(set(keys)) < len(keys):
        raise KeyNotUnique
