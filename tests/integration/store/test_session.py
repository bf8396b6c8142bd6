"""Transactions: a dropped connection is replaced before a block begins, and no block leaves anything half done."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import TextClause, make_url, text

from orchestrator.store import session
from orchestrator.store.session import OPENING_S, Transactions, connect, kept, transactions
from tests.crash.proxy import Proxy
from tests.integration.store.databases import behind_a_proxy

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


async def _silenced(opened: Transactions, first: TextClause, proxy: Proxy, *then: TextClause) -> None:
    """A transaction during which the database falls silent."""
    async with asyncio.timeout(5), opened() as tx:
        await tx.connection.execute(first)
        proxy.silence()
        for each in then:
            await tx.connection.execute(each)


async def test_a_database_that_falls_silent_during_a_transaction_is_given_up_and_its_locks_end(
    fresh_database: str,
) -> None:
    async with behind_a_proxy(fresh_database) as (proxy, url):
        silent, other = connect(url, pool_size=1, transaction_s=1), connect(fresh_database)
        opened = transactions(silent, transaction_s=1)
        async with opened() as tx:
            await tx.connection.execute(MAKE)
        with pytest.raises(ConnectionError):
            await _silenced(opened, MARK, proxy, COUNT)
        async with asyncio.timeout(5), transactions(other)() as tx:  # the server has let go of the lock by itself
            await tx.connection.execute(text("lock table mark in access exclusive mode"))
        proxy.speak()
        async with asyncio.timeout(5), opened() as tx:  # the only connection was given back
            assert (await tx.connection.execute(COUNT)).scalar_one() == 0
        await silent.dispose()
        await other.dispose()


async def test_a_connection_that_fell_silent_while_it_lay_idle_is_replaced(fresh_database: str) -> None:
    async with behind_a_proxy(fresh_database) as (proxy, url):
        engine = connect(url, pool_size=1)
        opened = transactions(engine)
        before = await _pid(opened)
        proxy.silence()
        await asyncio.sleep(0.1)
        proxy.speak()  # for new connections; the old one has been forgotten
        async with asyncio.timeout(OPENING_S + 5):
            assert await _pid(opened) != before
        await engine.dispose()


async def test_a_database_that_has_no_room_for_us_is_told_as_away(
    fresh_database: str, postgres_admin: asyncpg.Connection
) -> None:
    login = f"crowded_{uuid4().hex[:8]}"
    await postgres_admin.execute(f"create role {login} login password 'x' connection limit 0")
    engine = connect(make_url(fresh_database).set(username=login, password="x").render_as_string(hide_password=False))
    with pytest.raises(ConnectionError):
        await _pid(transactions(engine))
    await engine.dispose()
    await postgres_admin.execute(f"drop role {login}")


async def test_a_commit_that_nobody_answers_is_told_as_lost(fresh_database: str) -> None:
    async with behind_a_proxy(fresh_database) as (proxy, url):
        engine = connect(url, pool_size=1, transaction_s=1)
        opened = transactions(engine, transaction_s=1)
        with pytest.raises(ConnectionError):
            await _silenced(opened, MAKE, proxy)
        await engine.dispose()


async def test_work_that_takes_longer_than_a_transaction_may_keeps_it_by_asking(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ASKED_EACH_S", 0.2)
    engine = connect(fresh_database, pool_size=1, transaction_s=1)
    opened = transactions(engine, transaction_s=1)
    async with opened() as tx:
        await tx.connection.execute(MAKE)
        async with kept(tx):
            await asyncio.sleep(2.5)
        await tx.connection.execute(MARK)
    async with opened() as tx:
        assert (await tx.connection.execute(COUNT)).scalar_one() == 1
    await engine.dispose()


async def test_work_ends_when_the_locks_that_it_was_done_under_are_lost(
    fresh_database: str, postgres_admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ASKED_EACH_S", 0.2)
    engine = connect(fresh_database, pool_size=1)
    with pytest.raises(TimeoutError):
        await _working(transactions(engine), postgres_admin)
    async with transactions(engine)() as tx:
        assert (await tx.connection.execute(PID)).scalar_one()
    await engine.dispose()


async def _working(opened: Transactions, admin: asyncpg.Connection) -> None:
    async with asyncio.timeout(10), opened() as tx:
        pid = (await tx.connection.execute(PID)).scalar_one()
        async with kept(tx):
            await admin.execute("select pg_terminate_backend($1, 5000)", pid)
            await asyncio.sleep(9)
            raise AssertionError
