"""What follows when time passes: who is asked again, who is left alone."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from contracts.command import Operation
from contracts.ids import TaskId
from contracts.results import Deferred, Drifted, Failed, Found, Rejected, Rejection
from orchestrator.domain import search
from orchestrator.domain.events import Event
from orchestrator.domain.request import State
from orchestrator.domain.task import UNSENT_AFTER, TaskState
from tests.unit.domain.builders import CRM, DAY, NOW, SHOP, a_manifest
from tests.unit.domain.play import Play, access, erasing_now, erasure

COLLECT, ERASE, HALT = Operation.COLLECT, Operation.ERASE, Operation.HALT
MINUTE = timedelta(minutes=1)


def asked_again(play: Play) -> list[tuple[Operation, int]]:
    """The operations sent, each with the number of its newest issue."""
    return [(each.operation, task.issue_no) for each in play.dispatch() for task in each.tasks]


def test_nothing_due_is_no_step() -> None:
    assert access().pass_time(MINUTE) is None


def test_a_sending_that_was_never_confirmed_gets_a_successor_after_five_seconds() -> None:
    play = erasing_now(dispatch=False)
    play.dispatch(confirm=False)
    assert play.pass_time(UNSENT_AFTER / 2) is None
    play.pass_time(UNSENT_AFTER / 2)
    assert asked_again(play) == [(ERASE, 2)]


def test_a_silent_custodian_is_never_asked_again_however_long_it_is_away() -> None:
    play = access()
    for _ in range(21):
        assert play.pass_time(DAY) is None
    assert play.outbox == []


def test_a_heartbeat_older_than_the_issue_is_silence() -> None:
    play = access()
    play.heard = {CRM: NOW}
    assert play.pass_time(DAY) is None


def test_an_unanswered_issue_is_sent_again_once_its_custodian_has_lived_since() -> None:
    play = access(a_manifest("crm"), a_manifest("shop"))
    play.heard = {CRM: NOW + 1 * MINUTE}
    assert play.pass_time(MINUTE) is None
    play.pass_time(DAY)
    assert play.events()[-1] is Event.TASK_REPLANNED
    assert asked_again(play) == [(COLLECT, 2)]
    assert (play.task("crm", COLLECT).issue_no, play.task("shop", COLLECT).issue_no) == (2, 1)


def test_a_halt_that_was_lost_is_sent_again_by_the_same_rule() -> None:
    play = erasing_now()
    play.withdraw()
    assert asked_again(play) == [(HALT, 2)]
    assert play.pass_time(DAY) is None
    play.heard = {CRM: play.at}
    play.pass_time(MINUTE)
    assert asked_again(play) == [(HALT, 3)]


@pytest.mark.parametrize(
    "outcome", [Failed(retryable=True, error="Busy"), Rejected(reason=Rejection.UNKNOWN_KEY)], ids=["busy", "rejected"]
)
def test_what_came_to_nothing_is_asked_again_after_its_back_off_in_the_same_round(outcome: Failed | Rejected) -> None:
    play = access()
    play.answer("crm", COLLECT, outcome=outcome)
    assert play.pass_time(MINUTE / 2) is None
    play.pass_time(MINUTE / 2)
    assert asked_again(play) == [(COLLECT, 2)]
    assert play.task("crm", COLLECT).round == 1


@pytest.mark.parametrize("reason", [Rejection.UPLOAD, Rejection.EXPIRED])
def test_what_lacks_a_new_issue_alone_is_asked_again_at_once_and_then_after_its_back_off(reason: Rejection) -> None:
    play = access()
    play.answer("crm", COLLECT, outcome=Rejected(reason=reason))
    play.pass_time(0 * MINUTE)
    assert asked_again(play) == [(COLLECT, 2)]
    play.answer("crm", COLLECT, outcome=Rejected(reason=reason))
    assert play.pass_time(MINUTE) is None
    play.pass_time(MINUTE)
    assert asked_again(play) == [(COLLECT, 3)]


def test_what_was_promised_for_a_day_is_asked_for_when_the_day_has_passed() -> None:
    play = access()
    play.answer("crm", COLLECT, outcome=Deferred(until=date(2026, 11, 25)))
    assert play.pass_time(2 * DAY) is None
    play.pass_time(DAY)
    assert asked_again(play) == [(COLLECT, 2)]


def test_several_that_are_due_are_asked_again_in_one_command() -> None:
    play = access(a_manifest("crm"), a_manifest("shop"))
    play.heard = {CRM: NOW + MINUTE, SHOP: NOW + MINUTE}
    play.pass_time(DAY)
    (sending,) = play.dispatch()
    assert [task.custodian for task in sending.tasks] == ["crm", "shop"]


def test_a_closed_request_wakes_nobody() -> None:
    play = access()
    play.answer("crm", COLLECT, outcome=Deferred(until=date(2026, 11, 25)))
    play.withdraw()
    assert [task.wake_at for task in play.case.tasks] == [None]


def test_an_access_released_in_part_asks_nobody_any_more() -> None:
    play = access(a_manifest("crm"), a_manifest("shop"))
    play.answer("crm", COLLECT, profile=Found(count=1))
    play.do(lambda draft: search.release(draft, in_part=True))
    assert [task.wake_at for task in play.open_tasks()] == [None]


def test_nothing_of_an_ended_approval_stays_due() -> None:
    play = erasing_now(a_manifest("crm"), a_manifest("shop"))
    play.answer("crm", ERASE, outcome=Drifted())
    assert play.request.wake_at is None


def test_a_task_of_an_older_round_is_left_alone() -> None:
    play = erasure()
    old = play.task("crm", Operation.PREVIEW)
    newer = replace(old, id=TaskId(UUID(int=9)), round=2, wake_at=None)
    play.case = replace(play.case, tasks=(replace(old, wake_at=NOW), newer))
    assert play.pass_time(MINUTE) is None


def test_a_planned_task_that_is_not_due_is_not_asked_twice() -> None:
    play = erasing_now(dispatch=False)
    assert play.pass_time(MINUTE) is None
    assert (play.state, play.task("crm", ERASE).state) == (State.ERASING, TaskState.PLANNED)
