"""Why a request stands still, when people or custodians keep it: the culprit is named, with the way on."""

from datetime import UTC, datetime, timedelta

from contracts.command import Operation
from contracts.identifiers import IdentifierKind, identifier
from contracts.ids import CustodianId, RequestId
from contracts.results import Deferred, Failed, Manual
from orchestrator.domain.hindrance import Mover, WaitsFor
from orchestrator.domain.request import Kind
from orchestrator.domain.staff import Role as Job
from orchestrator.flow import review
from orchestrator.settings import Role
from tests.integration.road.custodian import FakeCustodian, Holding
from tests.integration.road.people import (
    ANN,
    admitted,
    approved,
    asked,
    awaiting_approval,
    cancelled,
    ended,
    fetched,
    let_go,
    opened,
    released,
    the_usual,
    withdrawn,
)
from tests.integration.road.reasons import heard, reason
from tests.integration.road.world import World


async def asked_of_a_silent_one(world: World, kind: Kind = Kind.ACCESS) -> tuple[RequestId, FakeCustodian]:
    """A request whose first command lies with profiles, which does nothing about it."""
    profiles, _ = await the_usual(world)
    profiles.silent = True
    request = await asked(world, kind)
    await world.drive()
    return request, profiles


async def test_an_unverified_request_waits_for_the_persons_proof(world: World) -> None:
    request = await opened(world, Kind.ACCESS)
    told = await reason(world, request)
    assert (told.waits_for, told.whose_move, told.by) == (WaitsFor.PROOF, Mover.PERSON, Job.VERIFIER)
    assert told.next_command == f"dsar request verify {request} --method METHOD --evidence TEXT"


async def test_a_custodian_that_was_never_heard_is_named(world: World) -> None:
    request, _ = await asked_of_a_silent_one(world)
    told = await reason(world, request)
    assert (told.waits_for, told.whose_move, told.who) == (WaitsFor.SILENT, Mover.CUSTODIAN, "profiles")
    assert told.says == "profiles was never heard; it has yet to collect"
    assert told.next_command == "dsar custodians"
    assert [(each.custodian, each.last_heard) for each in told.owed] == [("profiles", None)]


async def test_a_custodian_that_fell_silent_is_named_with_since_when(world: World) -> None:
    request, profiles = await asked_of_a_silent_one(world, Kind.ERASURE)
    await heard(world, profiles)
    last = (await reason(world, request)).owed[0].last_heard
    await world.later(minutes=3)
    told = await reason(world, request)
    assert (told.waits_for, told.who, told.next_command) == (WaitsFor.SILENT, "profiles", "dsar custodians")
    assert last is not None
    assert told.says == f"profiles is silent since {last:%Y-%m-%d %H:%M}Z; it has yet to preview"


async def test_a_custodian_that_lives_and_does_not_answer_is_overdue_until_it_is_asked_again(world: World) -> None:
    request, profiles = await asked_of_a_silent_one(world)
    world.ahead += timedelta(minutes=11)
    await heard(world, profiles)
    await world.drive()  # its lease is over and it was heard: it is asked again
    told = await reason(world, request)
    assert (told.waits_for, told.whose_move, told.who) == (WaitsFor.OVERDUE, Mover.CUSTODIAN, "profiles")
    assert "not answered after 2 sendings" in told.says
    assert told.until == (await world.case(request)).tasks[0].wake_at


async def test_a_custodian_at_work_is_not_blamed(world: World) -> None:
    request, profiles = await asked_of_a_silent_one(world)
    world.ahead += timedelta(minutes=9)
    await heard(world, profiles, running=((await world.case(request)).tasks[0].id,))
    await world.later(minutes=1)
    told = await reason(world, request)
    assert (told.waits_for, told.says) == (WaitsFor.ANSWER, "profiles is at work: 7 done of its collect")


async def test_a_custodian_that_drains_is_named(world: World) -> None:
    request, profiles = await asked_of_a_silent_one(world)
    await heard(world, profiles, draining=True)
    told = await reason(world, request)
    assert (told.waits_for, told.who) == (WaitsFor.DRAINING, "profiles")


async def test_a_search_that_failed_is_named_with_its_error_and_can_be_tried_again(world: World) -> None:
    profiles, _ = await the_usual(world)
    profiles.will_say(Operation.PREVIEW, Failed(retryable=False, error="TableMissing"))
    request = await asked(world, Kind.ERASURE)
    await world.drive()
    told = await reason(world, request)
    assert (told.waits_for, told.whose_move, told.who) == (WaitsFor.RETRY, Mover.STAFF, Job.ONCALL)
    assert told.says == "profiles could not preview (TableMissing); nothing goes on before it is done"
    assert told.next_command == f"dsar request retry {request}"
    assert told.also == ()


async def test_what_failed_once_and_is_tried_again_is_blamed_no_more(world: World) -> None:
    profiles, _ = await the_usual(world)
    profiles.will_say(Operation.PREVIEW, Failed(retryable=False, error="TableMissing"))
    request = await asked(world, Kind.ERASURE)
    await world.drive()
    profiles.silent = True
    async with world.tx[Role.API]() as tx:
        await review.retry(tx, request, by="st_oncall", policy=world.policy)
    await world.drive()
    told = await reason(world, request)
    assert (told.waits_for, told.who, told.also) == (WaitsFor.SILENT, "profiles", ())


async def test_what_failed_for_now_says_when_it_is_asked_again(world: World) -> None:
    profiles, _ = await the_usual(world)
    profiles.will_say(Operation.COLLECT, Failed(retryable=True, error="TooBusy"))
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    await heard(world, profiles)
    told = await reason(world, request)
    assert (told.waits_for, told.who) == (WaitsFor.BACKOFF, "profiles")
    assert "TooBusy" in told.says
    assert told.until == (await world.case(request)).tasks[0].wake_at


async def test_found_identifiers_wait_for_a_person_and_are_counted_by_kind(world: World) -> None:
    phone = identifier("phone", "+4930123456")
    book = FakeCustodian(
        id=CustodianId("book"),
        needs=(IdentifierKind.EMAIL,),
        provides=(IdentifierKind.PHONE,),
        holdings=[Holding(key="b1", about=(ANN,), names=(phone,))],
    )
    await admitted(world, book)
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    told = await reason(world, request)
    assert (told.waits_for, told.whose_move, told.by) == (WaitsFor.IDENTIFIERS, Mover.STAFF, Job.VERIFIER)
    assert told.says.endswith(": 1 phone")
    assert told.next_command == f"dsar request identifiers {request}"
    assert told.also == ()


async def test_what_was_found_waits_for_its_release(world: World) -> None:
    await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    told = await reason(world, request)
    assert (told.waits_for, told.by, told.also) == (WaitsFor.REVIEW, Job.REVIEWER, ())
    assert told.next_command == f"dsar request release {request}"


async def test_a_plan_waits_for_two_approvers_then_for_the_second_until_the_first_lapses(world: World) -> None:
    await the_usual(world)
    request = await awaiting_approval(world)
    first = await reason(world, request)
    await approved(world, request, "st_a")
    second = await reason(world, request)
    assert (first.waits_for, first.by, first.until) == (WaitsFor.FIRST_APPROVAL, Job.APPROVER, None)
    assert (second.waits_for, second.by) == (WaitsFor.SECOND_APPROVAL, Job.APPROVER)
    assert second.until == second.since + timedelta(hours=24)
    assert second.next_command == f"dsar request approve {request}"


async def test_grace_says_until_when_it_can_be_stopped(world: World) -> None:
    await the_usual(world)
    request = await awaiting_approval(world)
    await approved(world, request)
    told = await reason(world, request)
    assert (told.waits_for, told.whose_move) == (WaitsFor.GRACE, Mover.MACHINE)
    assert told.until == (await world.case(request)).request.grace_until
    assert told.next_command is None


async def test_what_a_custodian_put_off_is_named_with_its_day(world: World) -> None:
    profiles, _ = await the_usual(world)
    day = datetime.fromtimestamp(world.now(), UTC).date() + timedelta(days=3)
    profiles.will_say(Operation.COLLECT, Deferred(until=day))
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    told = await reason(world, request)
    assert (told.waits_for, told.who) == (WaitsFor.DEFERRED, "profiles")
    assert told.until is not None
    assert told.until.date() == day + timedelta(days=1)


async def test_what_is_done_by_hand_is_named(world: World) -> None:
    profiles, _ = await the_usual(world)
    profiles.will_say(Operation.COLLECT, Manual(ticket="T-1"))
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    told = await reason(world, request)
    assert (told.waits_for, told.who, told.until) == (WaitsFor.MANUAL, "profiles", None)
    assert told.says == "a person at profiles does it by hand"


async def test_a_report_that_is_ready_waits_to_be_fetched_and_then_for_nothing(world: World) -> None:
    await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    await released(world, request)
    await world.drive()
    told = await reason(world, request)
    await fetched(world, request)
    closed = await reason(world, request)
    assert (told.waits_for, told.whose_move, told.by) == (WaitsFor.FETCH, Mover.PERSON, Job.REVIEWER)
    assert (closed.waits_for, closed.whose_move, closed.next_command) == (WaitsFor.NOTHING, Mover.NOBODY, None)
    assert closed.says == "nothing: it ended as fulfilled"


async def test_halts_that_nobody_answered_are_waited_for_by_name(world: World) -> None:
    profiles, orders = await the_usual(world)
    request = await let_go(world)
    profiles.silent = orders.silent = True
    await world.drive()
    await withdrawn(world, request)
    await heard(world, profiles)
    await world.drive()
    told = await reason(world, request)
    assert (told.waits_for, told.who) == (WaitsFor.SILENT, "orders")
    assert [(each.waits_for, each.who) for each in told.also] == [(WaitsFor.HALT, "profiles")]
    assert told.says == "orders was never heard; it has yet to say what it could stop of its erase"


async def test_a_request_that_ended_waits_for_nothing_though_custodians_still_owe_it(world: World) -> None:
    request, _ = await asked_of_a_silent_one(world)
    await cancelled(world, request)
    assert await ended(world, request)
    told = await reason(world, request)
    assert (told.waits_for, told.says, told.owed) == (WaitsFor.NOTHING, "nothing: it ended as cancelled", ())
