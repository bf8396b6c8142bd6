"""An erasure that goes as it should, and one that finds less, keeps some, or finds more."""

from hashlib import sha256

import pytest

from contracts.command import Operation
from contracts.results import Failed
from orchestrator.domain.errors import Conflict
from orchestrator.domain.request import Blocked, Kind, Outcome, State
from tests.integration.road.custodian import Holding
from tests.integration.road.people import (
    ANN,
    C1,
    NOBODY,
    approved,
    asked,
    awaiting_approval,
    cancelled,
    ended,
    kept_by_law,
    let_go,
    said_of,
    state,
    the_usual,
)
from tests.integration.road.world import World


async def test_nothing_is_erased_before_two_people_signed_and_grace_is_over(world: World) -> None:
    profiles, orders = await the_usual(world)
    request = await awaiting_approval(world)
    await approved(world, request, "st_a")
    await world.drive()
    await approved(world, request, "st_b")
    await world.later(minutes=59)
    assert await state(world, request) is State.GRACE
    assert profiles.asked(Operation.ERASE) == orders.asked(Operation.ERASE) == []
    await world.later(minutes=2)
    assert await ended(world, request) is Outcome.ERASED
    assert (profiles.effects, sorted(orders.effects)) == (["p1"], ["o1", "o2"])
    assert [each.key for each in orders.holdings] == ["o3"]


async def test_a_command_to_erase_shows_who_signed_and_where_the_log_says_so(world: World) -> None:
    profiles, _ = await the_usual(world)
    request = await awaiting_approval(world)
    await approved(world, request)
    given = (await world.case(request)).approval
    await world.later(hours=1)
    (command,) = profiles.asked(Operation.ERASE)
    assert given is not None
    assert given.second is not None
    assert command.approval is not None
    assert command.approval.signatures == tuple(sha256(each.value).hexdigest() for each in (given.first, given.second))
    (entry,) = [each for each in await world.log() if each.id == command.approval.entry]
    assert (entry.event, entry.actor) == ("approval.second", "st_b")


async def test_what_the_law_keeps_is_told_beside_what_was_erased(world: World) -> None:
    _, orders = await the_usual(world)
    orders.holdings[0] = kept_by_law(orders.holdings[0])
    request = await let_go(world)
    await world.drive()
    assert await ended(world, request) is Outcome.RETAINED_IN_PART
    assert await said_of(world, request) == {"orders/stuff": ["erased 1", "retained 1"], "profiles/stuff": ["erased 1"]}
    assert orders.effects == ["o2"]


async def test_what_comes_back_once_is_erased_again_under_the_same_approval(world: World) -> None:
    _, orders = await the_usual(world)
    orders.comes_back = [Holding(key="o4", about=(C1,))]
    request = await let_go(world)
    await world.drive()
    assert await ended(world, request) is Outcome.ERASED
    assert (await world.case(request)).request.asking == 1
    assert [each.round for each in orders.asked(Operation.ERASE)] == [1, 2]
    assert (await said_of(world, request))["orders/stuff"] == ["erased 3"]
    assert sorted(orders.effects) == ["o1", "o2", "o4"]


async def test_of_a_person_whom_nobody_knows_nothing_is_signed_and_nothing_erased(world: World) -> None:
    profiles, _ = await the_usual(world)
    request = await asked(world, Kind.ERASURE, NOBODY)
    await world.drive()
    assert await ended(world, request) is Outcome.NO_DATA
    assert profiles.asked(Operation.ERASE) == []


async def test_an_erasure_stops_where_one_search_failed(world: World) -> None:
    profiles, _ = await the_usual(world)
    profiles.will_say(Operation.PREVIEW, Failed(retryable=False, error="OutOfDisk"))
    request = await asked(world, Kind.ERASURE)
    await world.drive()
    case = await world.case(request)
    assert (case.request.state, case.request.blocked_by) == (State.SEARCHING, Blocked.SEARCH_FAILED)
    with pytest.raises(Conflict):
        await approved(world, request, "st_a")


async def test_an_erasure_that_one_custodian_could_not_do_waits_for_a_person(world: World) -> None:
    profiles, orders = await the_usual(world)
    profiles.will_say(Operation.ERASE, Failed(retryable=False, error="ReadOnly"))
    request = await let_go(world)
    await world.drive()
    case = await world.case(request)
    assert (case.request.state, case.request.blocked_by) == (State.ERASING, Blocked.TASK_FAILED)
    assert (profiles.effects, len(orders.effects)) == ([], 2)


async def test_in_grace_it_can_be_cancelled_and_not_after(world: World) -> None:
    profiles, _ = await the_usual(world)
    early = await awaiting_approval(world)
    await approved(world, early)
    await cancelled(world, early)
    await world.later(hours=2)
    assert await ended(world, early) is Outcome.CANCELLED
    assert profiles.asked(Operation.ERASE) == []
    late = await let_go(world)
    with pytest.raises(Conflict, match="can no longer be cancelled"):
        await cancelled(world, late)


async def test_a_day_later_it_is_looked_at_again_and_only_then_is_it_over(watchful_world: World) -> None:
    profiles, orders = await the_usual(watchful_world)
    request = await let_go(watchful_world)
    await watchful_world.drive()
    assert await state(watchful_world, request) is State.WATCHING
    await watchful_world.later(hours=25)
    assert await ended(watchful_world, request) is Outcome.ERASED
    assert [len(each.asked(Operation.PROBE)) for each in (profiles, orders)] == [2, 2]


async def test_what_turns_up_while_watching_is_erased_only_with_new_signatures(watchful_world: World) -> None:
    profiles, _ = await the_usual(watchful_world)
    request = await let_go(watchful_world)
    await watchful_world.drive()
    profiles.holdings = [Holding(key="p2", about=(ANN,))]
    await watchful_world.later(hours=25)
    assert await state(watchful_world, request) is State.AWAITING_APPROVAL
    assert profiles.effects == ["p1"]
    await approved(watchful_world, request)
    await watchful_world.later(hours=2)
    await watchful_world.later(hours=25)
    assert await ended(watchful_world, request) is Outcome.ERASED
    assert profiles.effects == ["p1", "p2"]
