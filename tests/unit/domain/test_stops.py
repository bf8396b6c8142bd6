"""Stops: what a switch holds back and what it never does, who may release it, and a grace that waits for it."""

from datetime import timedelta
from uuid import UUID

import pytest

from contracts.command import Operation
from contracts.ids import CustodianId, TaskId
from contracts.results import Found
from orchestrator.domain.case import Intent
from orchestrator.domain.errors import Forbidden
from orchestrator.domain.events import SYSTEM, Event
from orchestrator.domain.request import Blocked, State
from orchestrator.domain.staff import Role, Staff
from orchestrator.domain.stops import EVERYWHERE, Stops, Switch, What, Why, Wish, part, refuse_own_release, turned
from tests.unit.domain.builders import CRM, DAY, NOW, SHOP, a_manifest
from tests.unit.domain.play import Play, access, erasing_now, erasure

ALL = (EVERYWHERE, What.ERASURE)
NO_ERASING = Stops(frozenset({ALL}))
READING = (Operation.COLLECT, Operation.PREVIEW, Operation.PROBE)
MINUTE = timedelta(minutes=1)
STOP = Wish(scope=EVERYWHERE, what=What.ERASURE, stopped=True, why=Why.INCIDENT)
RELEASE = Wish(scope=EVERYWHERE, what=What.ERASURE, stopped=False, why=Why.RESOLVED)


def stopped(*pulled: tuple[str, What]) -> Stops:
    return Stops(frozenset(pulled))


def pulled(by: str, wish: Wish = STOP) -> Switch:
    switch = turned(None, wish, by=by, at=NOW)
    assert switch is not None
    return switch


def approved() -> Play:
    """In grace, at two custodians that hold something."""
    play = erasure(a_manifest("crm"), a_manifest("shop"))
    play.answer_all(Operation.PREVIEW, Found(count=2))
    return play.approved()


@pytest.mark.parametrize("operation", [*READING, Operation.HALT])
def test_the_kill_switch_stops_erasing_and_nothing_else(operation: Operation) -> None:
    assert NO_ERASING.hold_back(CRM, Operation.ERASE)
    assert not NO_ERASING.hold_back(CRM, operation)


def test_a_custodians_own_kill_switch_stops_erasing_there_alone() -> None:
    stops = stopped((CRM, What.ERASURE))
    assert stops.hold_back(CRM, Operation.ERASE)
    assert not stops.hold_back(SHOP, Operation.ERASE)
    assert not any(stops.hold_back(CRM, each) for each in (*READING, Operation.HALT))


def test_a_paused_custodian_gets_halts_and_nothing_else() -> None:
    stops = stopped((CRM, What.COMMANDS))
    assert all(stops.hold_back(CRM, each) for each in (*READING, Operation.ERASE))
    assert not stops.hold_back(CRM, Operation.HALT)
    assert not any(stops.hold_back(SHOP, each) for each in Operation)


def test_grace_waits_while_erasing_is_stopped_and_says_so_once() -> None:
    play = approved()
    play.stops = NO_ERASING
    play.pass_time(play.policy.grace)
    assert (play.state, play.blocked_by) == (State.GRACE, Blocked.STOPPED)
    for _ in range(5):
        assert play.pass_time(MINUTE) is None
    assert play.events().count(Event.HELD_BACK) == 1
    play.stops = Stops()
    play.pass_time(MINUTE)
    assert (play.state, play.blocked_by) == (State.ERASING, None)
    assert play.events().count(Event.POINT_OF_NO_RETURN) == 1


def test_an_erasure_begins_where_it_may_though_one_custodian_is_stopped() -> None:
    play = approved()
    play.stops = stopped((CRM, What.ERASURE))
    play.pass_time(play.policy.grace)
    assert play.state is State.ERASING


def test_an_erasure_does_not_begin_when_none_of_its_custodians_may_be_told() -> None:
    play = approved()
    play.stops = stopped((CRM, What.ERASURE), (SHOP, What.COMMANDS))
    play.pass_time(play.policy.grace)
    assert (play.state, play.blocked_by) == (State.GRACE, Blocked.STOPPED)


def test_an_approval_that_a_stop_outlasts_by_a_day_lapses_as_any_other() -> None:
    play = approved()
    play.stops = NO_ERASING
    play.pass_time(play.policy.grace)
    assert play.pass_time(DAY - MINUTE) is None
    play.pass_time(MINUTE)
    assert (play.state, play.blocked_by) == (State.AWAITING_APPROVAL, None)
    assert play.events()[-1] is Event.APPROVAL_LAPSED


def test_what_one_custodian_may_not_be_told_stays_and_the_others_are_told() -> None:
    play = erasing_now(a_manifest("crm"), a_manifest("shop"), dispatch=False)
    (intent,) = play.outbox
    names = [task.custodian for task in play.case.tasks if task.id in intent.tasks]
    leaving, staying = part(play.case, [intent], stopped((names[0], What.COMMANDS)))
    assert [each.custodian for each in staying] == [names[0]]
    assert [each.tasks for each in leaving] == [tuple(each for each in intent.tasks if each != staying[0].task)]
    assert len(leaving[0].tasks) == 1
    assert (staying[0].operation, staying[0].round, staying[0].due) == (intent.operation, intent.round, intent.due)


def test_nothing_is_kept_for_a_request_that_no_longer_wants_it() -> None:
    play = erasing_now(dispatch=False)
    late = Intent(
        request=play.request.id,
        operation=Operation.COLLECT,
        round=1,
        tasks=tuple(task.id for task in play.case.tasks),
        due=play.request.due,
    )
    paused = stopped(*((task.custodian, What.COMMANDS) for task in play.case.tasks))
    assert part(play.case, [late], paused) == ([late], [])


def test_a_halt_leaves_for_a_custodian_that_is_paused() -> None:
    play = access()
    halt = Intent(
        request=play.request.id,
        operation=Operation.HALT,
        round=1,
        tasks=(TaskId(UUID(int=1)),),
        due=play.request.due,
    )
    assert part(play.case, [halt], stopped((CRM, What.COMMANDS), ALL)) == ([halt], [])


def test_who_came_first_stays_named() -> None:
    first = pulled("st_a")
    assert turned(first, STOP, by="st_b", at=NOW + MINUTE) is None
    released = turned(first, RELEASE, by="st_b", at=NOW + MINUTE)
    assert released is not None
    assert (released.stopped, released.by, released.why) == (False, "st_b", Why.RESOLVED)
    assert turned(released, RELEASE, by="st_c", at=NOW + MINUTE) is None
    assert turned(None, RELEASE, by="st_c", at=NOW) is None


@pytest.mark.parametrize("by", ["st_me", SYSTEM])
def test_who_is_on_call_releases_neither_their_own_stop_nor_the_systems(by: str) -> None:
    with pytest.raises(Forbidden):
        refuse_own_release(pulled(by), RELEASE, Staff(id="st_me", roles=frozenset({Role.ONCALL})))


@pytest.mark.parametrize(
    ("by", "role"), [("st_other", Role.ONCALL), ("st_other", Role.ADMIN), ("st_me", Role.ADMIN), (SYSTEM, Role.ADMIN)]
)
def test_another_who_is_on_call_releases_and_an_admin_does(by: str, role: Role) -> None:
    refuse_own_release(pulled(by), RELEASE, Staff(id="st_me", roles=frozenset({role})))


def test_a_pause_may_end_as_it_began() -> None:
    pause = Wish(scope=CustodianId("crm"), what=What.COMMANDS, stopped=True, why=Why.MAINTENANCE)
    resume = Wish(scope=CustodianId("crm"), what=What.COMMANDS, stopped=False, why=Why.RESOLVED)
    refuse_own_release(pulled("st_me", pause), resume, Staff(id="st_me", roles=frozenset({Role.ONCALL})))
