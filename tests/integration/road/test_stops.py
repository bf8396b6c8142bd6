"""Stops on the road: nothing forbidden leaves, nothing is lost, and a release goes on at once, with one effect."""

import pytest

from contracts.command import Lane, Operation
from contracts.results import Failed
from contracts.topics import Channel
from orchestrator.domain.request import Blocked, Kind, Outcome, State
from orchestrator.domain.stops import EVERYWHERE
from orchestrator.domain.task import TaskState
from tests.integration.road.people import (
    approved,
    asked,
    awaiting_approval,
    cancelled,
    ended,
    let_go,
    released,
    standing,
    state,
    the_usual,
    withdrawn,
)
from tests.integration.road.switching import pause, release, resume, stop, told, waiting
from tests.integration.road.world import World

BOTH = [("erase", "orders"), ("erase", "profiles")]


async def test_grace_waits_for_a_stop_and_goes_on_when_it_is_released(world: World) -> None:
    profiles, orders = await the_usual(world)
    request = await awaiting_approval(world)
    await approved(world, request)
    await stop(world)
    await world.later(hours=2)
    await world.later(hours=2)
    held = (await world.case(request)).request
    assert (held.state, held.blocked_by, held.begun) == (State.GRACE, Blocked.STOPPED, False)
    assert (await world.events(request)).count("erase.held_back") == 1
    await release(world)
    await world.drive()
    assert await ended(world, request) is Outcome.ERASED
    assert (profiles.effects, sorted(orders.effects)) == (["p1"], ["o1", "o2"])


async def test_who_is_held_in_grace_can_still_cancel(world: World) -> None:
    await the_usual(world)
    request = await awaiting_approval(world)
    await approved(world, request)
    await stop(world)
    await world.later(hours=2)
    await cancelled(world, request)
    assert await ended(world, request) is Outcome.CANCELLED
    await release(world)
    await world.later(hours=1)
    assert await ended(world, request) is Outcome.CANCELLED


async def test_no_erase_leaves_after_a_stop_though_its_intent_waits_already(world: World) -> None:
    profiles, orders = await the_usual(world)
    request = await let_go(world)
    await stop(world)
    await world.drive()
    assert profiles.asked(Operation.ERASE) == orders.asked(Operation.ERASE) == []
    assert set((await standing(world, request, Operation.ERASE)).values()) == {TaskState.PLANNED}
    assert await waiting(world) == BOTH
    await world.later(hours=1)
    assert await world.dispatch() == 0
    await release(world)
    assert await waiting(world) == []
    await world.drive()
    assert await ended(world, request) is Outcome.ERASED
    assert (profiles.effects, len(profiles.asked(Operation.ERASE))) == (["p1"], 1)
    assert sorted(orders.effects) == ["o1", "o2"]


async def test_access_and_the_probes_of_what_is_erased_do_not_mind_a_stop(world: World) -> None:
    profiles, _ = await the_usual(world)
    erasure = await let_go(world)
    await world.dispatch()
    await stop(world)
    await world.drive()
    assert await ended(world, erasure) is Outcome.ERASED
    assert len(profiles.asked(Operation.PROBE)) == 1
    access = await asked(world, Kind.ACCESS)
    await world.drive()
    assert await state(world, access) is State.REVIEWING
    preview = await asked(world, Kind.ERASURE)
    await world.drive()
    assert await state(world, preview) in (State.AWAITING_APPROVAL, State.CLOSED)


async def test_one_custodians_stop_leaves_the_others_alone(world: World) -> None:
    profiles, orders = await the_usual(world)
    await stop(world, "orders")
    request = await let_go(world)
    await world.drive()
    assert (profiles.effects, orders.asked(Operation.ERASE)) == (["p1"], [])
    assert await state(world, request) is State.ERASING
    assert await waiting(world) == [("erase", "orders")]
    await release(world, "orders")
    await world.drive()
    assert await ended(world, request) is Outcome.ERASED
    assert len(profiles.asked(Operation.ERASE)) == len(orders.asked(Operation.ERASE)) == 1


async def test_what_another_switch_still_holds_back_stays(world: World) -> None:
    profiles, orders = await the_usual(world)
    request = await let_go(world)
    await stop(world)
    await stop(world, "orders")
    await world.drive()
    await release(world)
    await world.drive()
    assert (profiles.effects, orders.asked(Operation.ERASE)) == (["p1"], [])
    assert await waiting(world) == [("erase", "orders")]
    await release(world, "orders")
    await world.drive()
    assert await ended(world, request) is Outcome.ERASED


async def test_a_paused_custodian_holds_nobody_up_but_itself(world: World) -> None:
    profiles, orders = await the_usual(world)
    await pause(world, "profiles")
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    assert profiles.commands == []
    assert await waiting(world) == [("collect", "profiles")]
    await resume(world, "profiles")
    await world.drive()
    assert await state(world, request) is State.REVIEWING
    assert len(profiles.asked(Operation.COLLECT)) == len(orders.asked(Operation.COLLECT)) == 1
    await released(world, request)


async def test_a_halt_reaches_a_custodian_that_is_paused_and_stopped(world: World) -> None:
    _, orders = await the_usual(world)
    request = await let_go(world)
    await world.dispatch()
    await stop(world)
    await pause(world, "orders")
    await withdrawn(world, request)
    await world.drive()
    assert len(orders.asked(Operation.HALT)) == 1
    assert await state(world, request) is State.CLOSED


async def test_a_request_withdrawn_while_stopped_erases_nothing_when_released(world: World) -> None:
    profiles, orders = await the_usual(world)
    request = await let_go(world)
    await stop(world)
    await world.drive()
    await withdrawn(world, request)
    await world.drive()
    await release(world)
    await world.drive()
    assert await ended(world, request) is Outcome.WITHDRAWN
    assert profiles.asked(Operation.ERASE) == orders.asked(Operation.ERASE) == []
    assert await waiting(world) == []


async def test_an_erasure_that_is_stopped_for_more_than_a_day_is_approved_anew(world: World) -> None:
    profiles, _ = await the_usual(world)
    request = await let_go(world)
    await stop(world)
    await world.drive()
    await world.later(hours=25)
    assert await state(world, request) is State.AWAITING_APPROVAL
    await release(world)
    await world.drive()
    assert profiles.asked(Operation.ERASE) == []
    await approved(world, request)
    await world.later(hours=1)
    assert await ended(world, request) is Outcome.ERASED
    assert profiles.effects == ["p1"]


async def test_what_had_left_is_not_sent_again_while_stopped(world: World) -> None:
    profiles, _ = await the_usual(world)
    profiles.will_say(Operation.ERASE, Failed(error="busy", retryable=True))
    request = await let_go(world)
    await world.dispatch()
    await stop(world)
    await world.hear()
    await world.later(minutes=10)
    assert len(profiles.asked(Operation.ERASE)) == 1
    assert await waiting(world) == [("erase", "profiles")]
    await release(world)
    await world.drive()
    assert await ended(world, request) is Outcome.ERASED
    assert (profiles.effects, len(profiles.asked(Operation.ERASE))) == (["p1"], 2)


async def test_turning_a_switch_twice_is_one_entry(world: World) -> None:
    await the_usual(world)
    assert [await stop(world), await stop(world)] == [True, False]
    assert [await release(world), await release(world)] == [True, False]
    assert [await pause(world, "orders"), await pause(world, "orders")] == [True, False]
    assert [await resume(world, "orders"), await resume(world, "orders")] == [True, False]
    assert (await told(world))[2:] == [
        *("switch.stopped", "switch.released", "custodian.paused", "custodian.resumed"),
    ]


async def test_a_stop_says_who_and_why_in_the_log(world: World) -> None:
    await the_usual(world)
    await stop(world)
    (entry,) = [leaf for leaf in await world.log() if leaf.event == "switch.stopped"]
    assert (entry.actor, entry.facts) == ("st_oncall", {"scope": EVERYWHERE, "why": "incident", "ticket": None})


@pytest.mark.parametrize("turns", [1, 3])
async def test_stopping_and_releasing_again_and_again_erases_once(world: World, turns: int) -> None:
    profiles, _ = await the_usual(world)
    request = await let_go(world)
    for _ in range(turns):
        await stop(world)
        await world.dispatchers[Lane.ERASURE].once()
        await release(world)
    await world.drive()
    assert await ended(world, request) is Outcome.ERASED
    assert len(profiles.asked(Operation.ERASE)) == 1
    assert len(world.bus.read(Channel.ERASURE)) == 1
