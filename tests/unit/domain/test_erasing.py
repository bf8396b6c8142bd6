"""From grace to the last halt: what starts an erasure, what stops it, and where it goes on."""

from dataclasses import replace
from datetime import date

import pytest

from contracts.command import Operation
from contracts.results import (
    Deferred,
    Drifted,
    Failed,
    Found,
    Ground,
    Halted,
    NotFound,
    Residual,
    Retained,
    Unsupported,
)
from orchestrator.domain.errors import IllegalTransition
from orchestrator.domain.events import Event
from orchestrator.domain.outcome import gaps
from orchestrator.domain.request import Blocked, Outcome, State
from orchestrator.domain.task import TaskState
from tests.unit.domain.builders import CRM, DAY, SHOP, a_manifest, an_answer, said, says
from tests.unit.domain.play import answer_halts, awaiting, erased, erasing_now, erasure, probing

ERASE, PREVIEW, HALT = Operation.ERASE, Operation.PREVIEW, Operation.HALT
TWO = (a_manifest("crm"), a_manifest("shop"))
BROKEN = Failed(retryable=False, error="Broken")


def test_nothing_is_erased_before_grace_is_over() -> None:
    play = awaiting().approved()
    play.pass_time(play.policy.grace / 2)
    assert (play.state, play.outbox) == (State.GRACE, [])
    play.pass_time(play.policy.grace / 2)
    assert (play.state, play.request.begun) == (State.ERASING, True)
    assert [(each.operation, each.round) for each in play.outbox] == [(ERASE, 1)]


def test_only_those_who_hold_something_are_asked_to_erase() -> None:
    play = erasure(*TWO)
    play.answer("crm", PREVIEW, profile=Found(count=1))
    play.answer("shop", PREVIEW, profile=NotFound())
    play.approved().pass_time(play.policy.grace)
    assert [task.custodian for each in play.dispatch() for task in each.tasks] == [CRM]


@pytest.mark.parametrize("stop", ["cancel", "withdraw"])
def test_a_request_in_grace_can_be_cancelled_or_withdrawn_and_nothing_wakes_it(stop: str) -> None:
    play = awaiting().approved()
    play.cancel() if stop == "cancel" else play.withdraw()
    assert (play.state, play.request.outcome, play.request.wake_at) == (
        State.CLOSED,
        Outcome.CANCELLED if stop == "cancel" else Outcome.WITHDRAWN,
        None,
    )
    assert play.pass_time(10 * DAY) is None


def test_an_approval_that_outlived_grace_by_a_day_lapses_instead_of_erasing() -> None:
    play = awaiting().approved()
    play.pass_time(play.policy.grace + DAY)
    assert (play.state, play.events()[-1], play.request.asking) == (
        State.AWAITING_APPROVAL,
        Event.APPROVAL_LAPSED,
        2,
    )
    assert play.outbox == []


def test_a_request_in_grace_without_its_approval_row_goes_back_with_an_alarm() -> None:
    play = awaiting().approved()
    play.case = replace(play.case, approval=None)
    play.pass_time(play.policy.grace)
    assert (play.state, play.events()[-1]) == (State.AWAITING_APPROVAL, Event.SIGNATURES_UNFIT)


def test_cancel_is_refused_from_the_point_of_no_return_on() -> None:
    play = erasing_now(dispatch=False)
    with pytest.raises(IllegalTransition):
        play.cancel()
    play.answer_all(ERASE, erased(1))
    with pytest.raises(IllegalTransition):
        play.cancel()


def test_cancel_stays_refused_when_a_drift_sends_the_request_back() -> None:
    play = erasing_now()
    play.answer("crm", ERASE, outcome=Drifted())
    assert play.state is State.AWAITING_APPROVAL
    with pytest.raises(IllegalTransition):
        play.cancel()


def test_a_drift_voids_the_approval_and_halts_the_others() -> None:
    play = erasing_now(*TWO)
    play.answer("crm", ERASE, outcome=Drifted())
    assert (play.state, play.events()[-1]) == (State.ERASING, Event.DRIFTED)
    assert play.case.approval is not None
    assert play.case.approval.void
    assert play.task("shop", ERASE).state is TaskState.HALT_REQUESTED
    assert [(each.operation, each.tasks) for each in play.outbox] == [(HALT, (play.task("shop", ERASE).id,))]


def test_when_no_task_is_open_what_was_stopped_is_previewed_again_before_anybody_is_asked() -> None:
    play = erasing_now(*TWO)
    play.answer("crm", ERASE, outcome=Drifted())
    answer_halts(play)
    assert (play.state, play.request.asking) == (State.AWAITING_APPROVAL, 2)
    assert [(each.operation, len(each.tasks)) for each in play.outbox] == [(PREVIEW, 2)]
    play.answer_all(PREVIEW, Found(count=5))
    assert (play.state, play.request.asking) == (State.AWAITING_APPROVAL, 3)
    play.approved().pass_time(play.policy.grace)
    assert [(each.operation, each.round) for each in play.outbox] == [(ERASE, 2)]


def test_whoever_erased_before_the_drift_is_not_asked_again() -> None:
    play = erasing_now(*TWO)
    play.answer("shop", ERASE, profile=erased(2))
    play.answer("crm", ERASE, outcome=Drifted())
    play.answer_all(PREVIEW, Found(count=5))
    play.approved().pass_time(play.policy.grace)
    assert [task.custodian for each in play.dispatch() for task in each.tasks] == [CRM]


def test_an_old_drift_does_not_void_the_next_approval() -> None:
    play = erasing_now(*TWO)
    play.answer("crm", ERASE, outcome=Drifted())
    answer_halts(play)
    play.dispatch()
    play.answer("crm", PREVIEW, profile=NotFound())
    play.answer("shop", PREVIEW, profile=Found(count=1))
    play.approved().pass_time(play.policy.grace)
    play.dispatch()
    play.answer("shop", ERASE, profile=erased(1))
    assert (play.state, play.events().count(Event.DRIFTED)) == (State.PROBING, 1)


def test_an_erasure_with_nothing_left_to_erase_ends() -> None:
    play = erasing_now()
    play.answer("crm", ERASE, outcome=Drifted())
    play.answer_all(PREVIEW, NotFound())
    play.approved().pass_time(play.policy.grace)
    assert (play.state, play.request.outcome) == (State.CLOSED, Outcome.NO_DATA)
    assert play.entries[-1].facts["watched"] == 0


def test_an_erasure_that_nobody_can_do_ends_partial_and_claims_no_watch() -> None:
    play = erasure()
    play.answer("crm", PREVIEW, profile=Unsupported())
    play.approved().pass_time(play.policy.grace)
    assert (play.state, play.request.outcome) == (State.CLOSED, Outcome.PARTIAL)


def test_a_task_of_which_no_issue_was_ever_made_is_halted_at_once() -> None:
    play = erasing_now(*TWO, dispatch=False)
    play.withdraw()
    assert {task.state for task in play.case.tasks if task.operation is ERASE} == {TaskState.HALTED}
    assert [each for each in play.outbox if each.operation is HALT] == []
    assert (play.state, play.request.outcome) == (State.CLOSED, Outcome.WITHDRAWN)


def test_a_planned_task_with_an_earlier_issue_is_only_asked_to_halt() -> None:
    play = erasing_now()
    play.answer("crm", ERASE, outcome=Failed(retryable=True, error="Busy"))
    assert play.task("crm", ERASE).state is TaskState.PLANNED
    play.withdraw()
    assert (play.state, play.task("crm", ERASE).state) == (State.ERASING, TaskState.HALT_REQUESTED)


def test_a_waiting_task_is_asked_to_halt() -> None:
    play = erasing_now()
    play.answer("crm", ERASE, outcome=Deferred(until=date(2026, 12, 1)))
    play.withdraw()
    assert play.task("crm", ERASE).state is TaskState.HALT_REQUESTED


def test_a_withdrawal_while_erasing_stops_what_can_be_stopped_and_then_closes() -> None:
    play = erasing_now(*TWO)
    play.answer("shop", ERASE, profile=erased(2))
    play.withdraw()
    assert (play.state, play.request.wake_at) == (State.ERASING, None)
    answer_halts(play)
    assert (play.state, play.request.outcome) == (State.CLOSED, Outcome.WITHDRAWN)
    assert [line.custodian for line in gaps(play.case.lines)] == [CRM]
    assert play.task("crm", ERASE).state is TaskState.HALTED


def test_a_withdrawal_that_comes_too_late_for_everybody_is_followed_by_the_probes() -> None:
    play = erasing_now()
    play.withdraw()
    play.dispatch()
    play.hear(said(an_answer(play.task("crm", ERASE), says(profile=erased(3)))))
    assert (play.state, play.task("crm", ERASE).state) == (State.PROBING, TaskState.DONE)


def test_a_withdrawn_request_with_a_failed_task_closes_too() -> None:
    play = erasing_now(*TWO)
    play.answer("crm", ERASE, outcome=BROKEN)
    play.withdraw()
    answer_halts(play)
    assert (play.state, play.request.outcome) == (State.CLOSED, Outcome.WITHDRAWN)


def test_nobody_is_asked_to_approve_a_residual_of_what_its_owner_took_back() -> None:
    play = erasing_now()
    play.withdraw()
    play.dispatch()
    play.hear(said(an_answer(play.task("crm", ERASE), says(profile=erased(3)))))
    play.answer_all(Operation.PROBE, Residual(count=1))
    assert (play.state, play.request.outcome) == (State.CLOSED, Outcome.WITHDRAWN)


def test_a_withdrawal_of_what_is_being_probed_is_refused() -> None:
    with pytest.raises(IllegalTransition):
        probing().withdraw()


def test_a_failed_erase_blocks_and_a_late_truth_lets_it_go_on() -> None:
    play = erasing_now()
    play.answer("crm", ERASE, outcome=BROKEN)
    assert (play.state, play.request.blocked_by) == (State.ERASING, Blocked.TASK_FAILED)
    play.answer("crm", ERASE, profile=erased(1))
    assert (play.state, play.request.blocked_by) == (State.PROBING, None)


def test_an_approval_that_lapses_in_mid_erasure_halts_and_asks_again() -> None:
    play = erasing_now(*TWO)
    play.answer("shop", ERASE, outcome=BROKEN)
    play.pass_time(DAY)
    assert play.events()[-1] is Event.APPROVAL_LAPSED
    assert play.task("crm", ERASE).state is TaskState.HALT_REQUESTED
    answer_halts(play)
    assert play.state is State.AWAITING_APPROVAL
    assert sorted(task.custodian for task in play.open_tasks()) == [CRM, SHOP]


def test_a_halt_answered_with_what_the_erase_did_counts_as_done() -> None:
    play = erasing_now(*TWO)
    play.answer("shop", ERASE, outcome=Drifted())
    play.dispatch()
    halted = play.task("crm", ERASE)
    play.hear(said(an_answer(halted, says(profile=erased(3)))))
    assert play.task("crm", ERASE).state is TaskState.DONE
    play.hear(said(an_answer(halted, says(profile=erased(3)), issue_no=1)))
    assert Event.ANSWER_CONFLICTS not in play.events()


def test_counts_add_up_over_halts_and_new_rounds() -> None:
    play = erasing_now(*TWO)
    play.answer("shop", ERASE, outcome=Drifted())
    answer_halts(play)
    play.hear(said(an_answer(play.task("crm", ERASE), says(profile=erased(3)), issue_no=1)))
    play.answer_all(PREVIEW, Found(count=2))
    assert play.case.lines[0].said == (erased(3),)
    play.approved().pass_time(play.policy.grace)
    kept = Retained(count=2, ground=Ground.LEGAL_CLAIMS, until=date(2030, 1, 1))
    play.dispatch()
    play.answer("shop", ERASE, profile=(erased(4), kept))
    assert {line.custodian: line.said for line in play.case.lines} == {CRM: (erased(3),), SHOP: (erased(4), kept)}


def test_a_halted_answer_without_any_halt_of_ours_asks_again_too() -> None:
    play = erasing_now()
    play.answer("crm", ERASE, outcome=Halted())
    assert (play.state, play.events()[-1]) == (State.AWAITING_APPROVAL, Event.HALTS_ENDED)
    assert play.approvals[1].void
