"""Commands that never arrive, answers that come twice, custodians that are away, a broker that says nothing."""

import asyncio

from contracts.command import Operation
from contracts.ids import RequestId
from orchestrator.domain.request import Kind, Outcome, State
from tests.integration.road.bus import Weather
from tests.integration.road.people import (
    approved,
    asked,
    awaiting_approval,
    ended,
    let_go,
    released,
    said_of,
    standing,
    state,
    the_usual,
)
from tests.integration.road.world import World


async def issues(world: World, request: RequestId, custodian: str) -> int:
    """How often the newest search task of a custodian was sent, or thought to be."""
    tasks = (await world.case(request)).tasks
    return next(each.issue_no for each in tasks if each.custodian == custodian)


async def test_a_sending_that_was_lost_gets_a_successor_after_five_seconds(world: World) -> None:
    profiles, _ = await the_usual(world)
    world.bus.weather = Weather.LOST
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    assert profiles.commands == []
    await world.later(seconds=4)
    assert await issues(world, request, "profiles") == 1
    world.bus.weather = Weather.FINE
    await world.later(seconds=1.1)
    assert await issues(world, request, "profiles") == 2
    assert await state(world, request) is State.REVIEWING


async def test_a_sending_that_arrived_unconfirmed_is_answered_all_the_same(world: World) -> None:
    profiles, _ = await the_usual(world)
    world.bus.weather = Weather.UNCONFIRMED
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    assert await state(world, request) is State.REVIEWING
    await world.later(minutes=1)
    assert len(profiles.asked(Operation.COLLECT)) == 1


async def test_an_erase_that_was_sent_twice_is_done_once(world: World) -> None:
    profiles, orders = await the_usual(world)
    request = await let_go(world)
    world.bus.weather = Weather.UNCONFIRMED
    profiles.silent = orders.silent = True
    await world.drive()
    await world.later(seconds=6)
    world.bus.weather = Weather.FINE
    profiles.silent = orders.silent = False
    await world.drive()
    assert await ended(world, request) is Outcome.ERASED
    assert [len(each.asked(Operation.ERASE)) for each in (profiles, orders)] == [2, 2]
    assert (await said_of(world, request))["orders/stuff"] == ["erased 2"]


async def test_a_silent_custodian_is_sent_nothing_more_until_it_is_heard(world: World) -> None:
    _, orders = await the_usual(world)
    orders.silent = True
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    for _ in range(5):
        await world.later(days=1)
    assert await standing(world, request, Operation.COLLECT) == {"profiles": "done", "orders": "issued"}
    assert len(await world.answered_by(orders)) == 0  # its only command has expired
    assert len(orders.asked(Operation.COLLECT)) == 0
    orders.silent = False
    world.put([orders.beat(int(world.now()))])
    await world.file()
    await world.later(minutes=2)
    assert [each.slices[0].issue_no for each in orders.asked(Operation.COLLECT)] == [2]
    assert await state(world, request) is State.REVIEWING


async def test_a_heartbeat_that_names_a_task_keeps_its_lease(world: World) -> None:
    _, orders = await the_usual(world)
    orders.silent = True
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    task = next(each for each in (await world.case(request)).tasks if each.custodian == "orders")
    for _ in range(4):
        world.put([orders.beat(int(world.now()), task.id)])
        await world.file()
        await world.later(minutes=9)
    assert await issues(world, request, "orders") == 1
    await world.later(minutes=2)
    assert await issues(world, request, "orders") == 2


async def test_a_heartbeat_keeps_no_lease_of_another_custodians_task(world: World) -> None:
    profiles, orders = await the_usual(world)
    orders.silent = True
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    task = next(each for each in (await world.case(request)).tasks if each.custodian == "orders")
    await world.later(minutes=9)
    world.put([profiles.beat(int(world.now()), task.id), orders.beat(int(world.now()))])
    await world.file()
    await world.later(minutes=2)
    assert await issues(world, request, "orders") == 2


async def test_a_request_that_nobody_waits_for_wakes_no_clock(world: World) -> None:
    _, orders = await the_usual(world)
    orders.silent = True
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    await released(world, request, in_part=True)
    await world.later(days=2)
    assert await world.tick() == 0


async def test_two_clocks_at_once_let_an_erasure_go_once(world: World) -> None:
    profiles, _ = await the_usual(world)
    request = await awaiting_approval(world)
    await approved(world, request)
    world.ahead += world.policy.grace
    await asyncio.gather(world.tick(), world.tick())
    await world.drive()
    assert (await world.events(request)).count("erase.begun") == 1
    assert len(profiles.asked(Operation.ERASE)) == 1
