"""Whoever leaves work behind wakes who does it; a hint that is lost costs a moment, a lost connection no more."""

import asyncio
import time

import pytest
from sqlalchemy import text

from orchestrator.domain.request import Kind
from orchestrator.entrypoints import waking
from orchestrator.entrypoints.waking import POLL_S, Wakeups
from orchestrator.settings import Role
from orchestrator.store.session import transactions
from tests.integration.road.engines import until
from tests.integration.road.people import asked, opened, the_usual
from tests.integration.road.world import World
from tests.integration.store.databases import as_role, behind_a_proxy

LONG_S = 20.0
LISTENERS = text("""
    select pid from pg_stat_activity
    where datname = current_database() and usename = 'dsar_notary' and query ilike 'listen%'
""")


async def listeners(world: World) -> list[int]:
    async with transactions(world.owner)() as tx:
        return list((await tx.connection.execute(LISTENERS)).scalars())


async def listens(world: World) -> bool:
    return bool(await listeners(world))


async def woken(wakeups: Wakeups, channel: str, *, by: asyncio.Task[object]) -> bool:
    """Whether *channel* was announced well before its wait would have ended by itself."""
    begun = time.monotonic()
    await wakeups.wait(channel, LONG_S)
    await by
    return time.monotonic() - begun < LONG_S / 2


async def test_new_work_wakes_those_who_do_it(world: World) -> None:
    await the_usual(world)
    async with Wakeups(as_role(world.url, Role.NOTARY), ["notary", "dispatcher-access"]) as wakeups:
        await until(lambda: listens(world))
        by = asyncio.create_task(asked(world, Kind.ACCESS))
        assert await woken(wakeups, "notary", by=by)
        assert await woken(wakeups, "dispatcher-access", by=by)


async def test_a_hint_that_never_comes_costs_a_moment_only(world: World) -> None:
    async with Wakeups(as_role(world.url, Role.NOTARY), ["notary"]) as wakeups, asyncio.timeout(LONG_S):
        await wakeups.wait("notary")
        assert POLL_S <= 2


async def test_who_lost_the_connection_listens_again(world: World) -> None:
    async with Wakeups(as_role(world.url, Role.NOTARY), ["notary"]) as wakeups:
        await until(lambda: listens(world))
        (lost,) = await listeners(world)
        async with transactions(world.owner)() as tx:
            await tx.connection.execute(text("select pg_terminate_backend(:pid)"), {"pid": lost})

        async def again() -> bool:
            return await listeners(world) not in ([], [lost])

        await until(again)
        await wakeups.wait("notary", 0)  # what came before
        assert await woken(wakeups, "notary", by=asyncio.create_task(opened(world, Kind.ACCESS)))


async def test_who_listens_on_a_connection_that_a_firewall_forgot_listens_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waking, "LOOK_EACH_S", 0.2)
    monkeypatch.setattr(waking, "ANSWERS_WITHIN_S", 1.0)
    async with behind_a_proxy(as_role(world.url, Role.NOTARY)) as (proxy, url), Wakeups(url, ["notary"]) as wakeups:
        await until(lambda: listens(world))
        proxy.silence()
        await asyncio.sleep(0.1)
        proxy.speak()  # to those who come anew
        await asyncio.sleep(2 * POLL_S + 2.0)
        await wakeups.wait("notary", 0)
        assert await woken(wakeups, "notary", by=asyncio.create_task(opened(world, Kind.ACCESS)))
