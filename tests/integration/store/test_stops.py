"""A stop and a dispatcher at once: whichever commits first, nothing forbidden is taken and no intent is left behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from contracts.command import Lane, Operation
from contracts.ids import CommandId, EventId
from orchestrator.domain.errors import Conflict
from orchestrator.domain.request import Outcome, State
from orchestrator.domain.stops import EVERYWHERE, What, Why, Wish
from orchestrator.flow import clock, dispatch
from orchestrator.flow.dispatch import Letters
from orchestrator.settings import Role
from orchestrator.store import cases, stops
from tests.integration.road.people import approved, awaiting_approval, ended, let_go, state, the_usual
from tests.integration.road.switching import release, stop, told, waiting
from tests.integration.road.world import World
from tests.integration.store.test_concurrency import until_somebody_waits

WITHIN_S = 20.0
STOP = Wish(scope=EVERYWHERE, what=What.ERASURE, stopped=True, why=Why.INCIDENT)
RELEASE = Wish(scope=EVERYWHERE, what=What.ERASURE, stopped=False, why=Why.RESOLVED)


@asynccontextmanager
async def taking(world: World) -> AsyncIterator[Letters | None]:
    """The erasure lane's first transaction, committed when the block ends: what it takes is never sent."""
    async with world.tx[Role.DISPATCHER_ERASURE]() as tx:
        yield await dispatch.take(
            tx,
            Lane.ERASURE,
            new_command=lambda: CommandId(uuid4()),
            bearer=lambda *_: b"",
            trust=world.trusted,
            policy=world.policy,
            limit=100,
        )


async def settled(world: World) -> bool:
    async with world.tx[Role.API]() as tx:
        return await stops.settled(tx)


async def test_a_stop_that_commits_while_a_dispatcher_waits_for_the_request_is_seen(world: World) -> None:
    profiles, _ = await the_usual(world)
    request = await let_go(world)
    async with asyncio.timeout(WITHIN_S):
        async with world.tx[Role.ENGINE]() as tx:
            await cases.lock(tx, [request])
            sending = asyncio.create_task(world.dispatchers[Lane.ERASURE].once())
            await until_somebody_waits(world)
            await stop(world)
        await sending
    await world.drive()
    assert profiles.asked(Operation.ERASE) == []
    assert len(await waiting(world)) == 2


async def test_a_stop_that_commits_while_the_clock_waits_for_the_request_keeps_it_in_grace(world: World) -> None:
    await the_usual(world)
    request = await awaiting_approval(world)
    await approved(world, request)
    world.ahead += world.policy.grace
    async with asyncio.timeout(WITHIN_S):
        async with world.tx[Role.API]() as tx:
            await cases.lock(tx, [request])
            ticking = asyncio.create_task(world.tick())
            await until_somebody_waits(world)
            await stop(world)
        await ticking
    assert await state(world, request) is State.GRACE


async def test_a_stop_waits_for_no_dispatcher_and_has_settled_when_the_last_is_through(world: World) -> None:
    await the_usual(world)
    await let_go(world)
    async with asyncio.timeout(WITHIN_S):
        async with taking(world) as letters:
            assert letters is not None
            assert len(letters.sendings) == 1
            assert await stop(world)
            assert not await settled(world)
        assert await settled(world)


async def test_a_release_waits_for_a_dispatcher_that_holds_back_and_lets_its_intents_go(world: World) -> None:
    profiles, _ = await the_usual(world)
    request = await let_go(world)
    await stop(world)
    async with asyncio.timeout(WITHIN_S):
        async with taking(world) as letters:
            assert letters is not None
            assert letters.sendings == ()
            releasing = asyncio.create_task(release(world))
            await until_somebody_waits(world)
        assert await releasing
    await world.drive()
    assert await ended(world, request) is Outcome.ERASED
    assert len(profiles.asked(Operation.ERASE)) == 1


async def test_a_release_that_cannot_wait_any_longer_leaves_everything_stopped(world: World) -> None:
    await the_usual(world)
    await let_go(world)
    await stop(world)
    async with asyncio.timeout(WITHIN_S), taking(world):
        with pytest.raises(Conflict):
            await release(world)
    assert len(await waiting(world)) == 2
    assert (await told(world))[-1] == "switch.stopped"
    await world.drive()
    assert len(await waiting(world)) == 2


async def test_who_waited_for_a_release_sees_that_it_was_released(world: World) -> None:
    profiles, _ = await the_usual(world)
    request = await let_go(world)
    await stop(world)
    async with asyncio.timeout(WITHIN_S):
        async with world.tx[Role.API]() as tx:
            assert await stops.turn(tx, RELEASE, by="st_admin", entry_id=EventId(uuid4()))
            sending = asyncio.create_task(world.dispatchers[Lane.ERASURE].once())
            await until_somebody_waits(world)
        await sending
    assert await waiting(world) == []
    await world.drive()
    assert await ended(world, request) is Outcome.ERASED
    assert len(profiles.asked(Operation.ERASE)) == 1


async def test_two_who_stop_at_once_stop_once(world: World) -> None:
    await the_usual(world)
    async with asyncio.timeout(WITHIN_S):
        async with world.tx[Role.API]() as tx:
            assert await stops.turn(tx, STOP, by="st_first", entry_id=EventId(uuid4()))
            second = asyncio.create_task(stop(world))
            await until_somebody_waits(world)
        assert not await second
    assert (await told(world)).count("switch.stopped") == 1


async def test_a_clock_in_the_middle_of_its_work_delays_no_stop(world: World) -> None:
    await the_usual(world)
    request = await let_go(world)
    async with asyncio.timeout(WITHIN_S), world.tx[Role.ENGINE]() as tx:
        world.ahead += world.policy.grace * 30
        await clock.pass_time(tx, policy=world.policy)
        await cases.lock(tx, [request])
        assert await stop(world)
