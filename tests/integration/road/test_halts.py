"""What ends an approval while an erasure runs: drift, withdrawal, lapse. What had left may have run."""

import pytest

from contracts.command import Operation
from contracts.results import Drifted
from orchestrator.domain.errors import Conflict
from orchestrator.domain.request import Outcome, State
from orchestrator.domain.task import TaskState
from orchestrator.settings import Role
from tests.integration.road.people import (
    approved,
    awaiting_approval,
    ended,
    handed_in,
    let_go,
    said_of,
    signed,
    standing,
    state,
    the_usual,
    withdrawn,
)
from tests.integration.road.world import World


async def test_a_drift_voids_the_approval_halts_the_rest_and_asks_again(world: World) -> None:
    profiles, orders = await the_usual(world)
    profiles.will_say(Operation.ERASE, Drifted())
    request = await let_go(world)
    orders.silent = True
    await world.drive()
    case = await world.case(request)
    assert case.approval is not None
    assert case.approval.void
    assert await standing(world, request, Operation.ERASE) == {
        "profiles": TaskState.DRIFTED,
        "orders": TaskState.HALT_REQUESTED,
    }
    orders.silent = False
    await world.drive()
    assert await state(world, request) is State.AWAITING_APPROVAL
    assert (profiles.effects, orders.effects) == ([], [])
    assert [len(each.asked(Operation.PREVIEW)) for each in (profiles, orders)] == [2, 2]
    await approved(world, request)
    await world.later(hours=1)
    assert await ended(world, request) is Outcome.ERASED
    assert (profiles.effects, len(orders.effects)) == (["p1"], 2)


async def test_signatures_under_a_plan_that_drifted_fit_no_other(world: World) -> None:
    profiles, _ = await the_usual(world)
    profiles.will_say(Operation.ERASE, Drifted())
    request = await let_go(world)
    given = (await world.case(request)).approval
    await world.drive()
    assert given is not None
    plan_hash = (await world.case(request)).request.plan_hash or ""
    assert given.plan_hash != plan_hash
    with pytest.raises(Exception, match="signature"):
        async with world.tx[Role.API]() as tx:
            await handed_in(world, tx, request, given.first, plan_hash)


async def test_who_withdraws_while_erasing_stops_what_was_not_begun(world: World) -> None:
    profiles, orders = await the_usual(world)
    request = await let_go(world)
    orders.silent = True
    await world.drive()
    await withdrawn(world, request)
    await world.drive()
    assert await state(world, request) is State.ERASING
    orders.silent = False
    await world.drive()
    assert await ended(world, request) is Outcome.WITHDRAWN
    assert (profiles.effects, orders.effects) == (["p1"], [])
    assert await said_of(world, request) == {"orders/stuff": [], "profiles/stuff": ["erased 1"]}


async def test_a_halt_that_comes_too_late_is_answered_with_what_was_erased(world: World) -> None:
    _, orders = await the_usual(world)
    request = await let_go(world)
    await world.dispatch()
    unheard = await world.answered_by(orders)
    await withdrawn(world, request)
    await world.drive()
    assert unheard
    assert await said_of(world, request) == {"orders/stuff": ["erased 2"], "profiles/stuff": []}
    assert await ended(world, request) is Outcome.WITHDRAWN


async def test_what_no_command_was_ever_made_of_is_halted_at_once(world: World) -> None:
    profiles, orders = await the_usual(world)
    request = await let_go(world)
    await withdrawn(world, request)
    assert await ended(world, request) is Outcome.WITHDRAWN
    await world.drive()
    assert profiles.asked(Operation.ERASE) == orders.asked(Operation.ERASE) == []


async def test_a_first_signature_that_stays_alone_for_a_day_lapses(world: World) -> None:
    await the_usual(world)
    request = await awaiting_approval(world)
    await approved(world, request, "st_a")
    old = await signed(world, request, "st_b")
    await world.later(hours=24)
    assert (await world.events(request))[-1] == "approval.lapsed"
    assert await state(world, request) is State.AWAITING_APPROVAL
    plan_hash = (await world.case(request)).request.plan_hash or ""
    with pytest.raises(Exception, match="signature"):
        async with world.tx[Role.API]() as tx:
            await handed_in(world, tx, request, old, plan_hash)
    await approved(world, request, "st_b")
    assert await state(world, request) is State.AWAITING_APPROVAL
    await approved(world, request, "st_a")
    assert await state(world, request) is State.GRACE


async def test_a_second_signature_is_refused_after_a_day_even_if_no_clock_has_run(world: World) -> None:
    await the_usual(world)
    request = await awaiting_approval(world)
    await approved(world, request, "st_a")
    world.ahead += world.policy.grace * 24
    with pytest.raises(Conflict, match="lapsed"):
        await approved(world, request, "st_b")


async def test_an_approval_that_nobody_used_for_a_day_after_grace_lapses(world: World) -> None:
    profiles, _ = await the_usual(world)
    request = await awaiting_approval(world)
    await approved(world, request)
    await world.later(hours=25)
    assert await state(world, request) is State.AWAITING_APPROVAL
    assert profiles.asked(Operation.ERASE) == []


async def test_an_approval_that_lapses_while_a_custodian_is_away_halts_what_it_did_not_do(world: World) -> None:
    profiles, orders = await the_usual(world)
    request = await let_go(world)
    orders.silent = True
    await world.drive()
    await world.later(hours=24)
    assert profiles.effects == ["p1"]
    assert (await standing(world, request, Operation.ERASE))["orders"] == TaskState.HALT_REQUESTED
    orders.silent = False
    await world.drive()
    assert await state(world, request) is State.AWAITING_APPROVAL
    assert orders.effects == []
