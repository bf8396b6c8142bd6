"""An access request, from the person's proof of identity to the report in their hands."""

from contracts.command import Operation
from contracts.ids import RequestId
from contracts.manifest import Link
from contracts.results import Failed
from orchestrator.domain.request import Blocked, Kind, Outcome, State
from orchestrator.flow import review
from orchestrator.settings import Role
from tests.integration.road.people import (
    NOBODY,
    a_profile,
    admitted,
    an_order_book,
    asked,
    ended,
    fetched,
    released,
    said_of,
    the_usual,
)
from tests.integration.road.world import World


async def delivered(world: World, request: RequestId) -> None:
    await world.drive()
    await fetched(world, request)


async def test_what_one_custodian_finds_lets_another_be_asked_and_all_of_it_is_delivered(world: World) -> None:
    profiles, orders = await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    assert (await world.case(request)).request.state is State.REVIEWING
    assert [each.round for each in profiles.asked(Operation.COLLECT)] == [1]
    assert [each.round for each in orders.asked(Operation.COLLECT)] == [2]
    await released(world, request)
    await delivered(world, request)
    assert await ended(world, request) is Outcome.FULFILLED
    assert await said_of(world, request) == {"orders/stuff": ["found 2"], "profiles/stuff": ["found 1"]}


async def test_a_person_whom_nobody_knows_gets_a_report_that_says_so(world: World) -> None:
    _, orders = await the_usual(world)
    request = await asked(world, Kind.ACCESS, NOBODY)
    await world.drive()
    await released(world, request)
    await delivered(world, request)
    assert await ended(world, request) is Outcome.FULFILLED
    assert await said_of(world, request) == {"orders/stuff": ["unaddressable"], "profiles/stuff": ["not_found"]}
    assert orders.commands == []


async def test_a_custodian_that_fails_for_good_is_a_gap_and_the_access_partial(world: World) -> None:
    _, orders = await the_usual(world)
    orders.will_say(Operation.COLLECT, Failed(retryable=False, error="OutOfDisk"))
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    assert (await world.case(request)).request.state is State.REVIEWING
    await released(world, request)
    await delivered(world, request)
    assert await ended(world, request) is Outcome.PARTIAL
    assert await said_of(world, request) == {"orders/stuff": [], "profiles/stuff": ["found 1"]}


async def test_a_custodian_that_fails_for_now_is_asked_again_after_a_while(world: World) -> None:
    _, orders = await the_usual(world)
    orders.will_say(Operation.COLLECT, Failed(retryable=True, error="Busy"))
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    assert (await world.case(request)).request.state is State.SEARCHING
    assert len(orders.asked(Operation.COLLECT)) == 1
    await world.later(minutes=1, seconds=1)
    assert (await world.case(request)).request.state is State.REVIEWING
    assert [each.slices[0].issue_no for each in orders.asked(Operation.COLLECT)] == [1, 2]


async def test_an_answer_after_a_release_in_part_changes_nothing_but_the_log(world: World) -> None:
    _, orders = await the_usual(world)
    orders.silent = True
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    late = await world.answered_by(orders)
    await released(world, request, in_part=True)
    frozen = await world.case(request)
    world.put(late)
    await world.file()
    assert (await world.events(request))[-1] == "answer.late"
    after = await world.case(request)
    assert (after.lines, after.request.state) == (frozen.lines, frozen.request.state)
    await delivered(world, request)
    assert await ended(world, request) is Outcome.PARTIAL
    assert await said_of(world, request) == {"orders/stuff": [], "profiles/stuff": ["found 1"]}


async def test_an_answer_after_the_end_changes_nothing_but_the_log(world: World) -> None:
    _, orders = await the_usual(world)
    orders.silent = True
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    late = await world.answered_by(orders)
    await released(world, request, in_part=True)
    await delivered(world, request)
    closed = await world.case(request)
    world.put(late)
    await world.file()
    assert (await world.events(request))[-1] == "answer.after_close"
    after = await world.case(request)
    assert (after.lines, after.tasks, after.request.outcome) == (closed.lines, closed.tasks, Outcome.PARTIAL)


async def test_an_identifier_that_is_no_proof_waits_for_a_person_before_anybody_is_asked_with_it(world: World) -> None:
    profiles, orders = a_profile(), an_order_book()
    profiles.link = Link.SHARED
    await admitted(world, profiles, orders)
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    case = await world.case(request)
    assert (case.request.state, case.request.blocked_by) == (State.SEARCHING, Blocked.IDENTIFIERS)
    assert orders.commands == []
    async with world.tx[Role.API]() as tx:
        await review.decide(tx, request, 2, admit=True, by="st_rev", policy=world.policy)
    await world.drive()
    assert await said_of(world, request) == {"orders/stuff": ["found 2"], "profiles/stuff": ["found 1"]}


async def test_a_rejected_identifier_is_never_used(world: World) -> None:
    profiles, orders = a_profile(), an_order_book()
    profiles.link = Link.SHARED
    await admitted(world, profiles, orders)
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    async with world.tx[Role.API]() as tx:
        await review.decide(tx, request, 2, admit=False, by="st_rev", policy=world.policy)
    await world.drive()
    assert orders.commands == []
    assert await said_of(world, request) == {"orders/stuff": ["unaddressable"], "profiles/stuff": ["found 1"]}
