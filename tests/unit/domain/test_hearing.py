"""Every kind of answer in every state of its task, and what no answer may do."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest

from contracts.command import Operation
from contracts.ids import TaskId
from contracts.results import (
    Absent,
    Deferred,
    Drifted,
    Erased,
    Failed,
    Found,
    Halted,
    Level,
    Manual,
    NotFound,
    Rejected,
    Rejection,
    TaskOutcome,
)
from orchestrator.domain.events import Event
from orchestrator.domain.hearing import hear
from orchestrator.domain.request import Outcome, State
from orchestrator.domain.task import OPEN, TaskState
from tests.unit.domain.builders import (
    HOUR,
    NOW,
    POLICY,
    SHOP,
    a_case,
    a_line,
    a_manifest,
    a_request,
    a_task,
    an_answer,
    an_approval,
    said,
    says,
)
from tests.unit.domain.play import Play, access, erased, erasing_now, erasure

COLLECT, PREVIEW, ERASE, PROBE = Operation.COLLECT, Operation.PREVIEW, Operation.ERASE, Operation.PROBE
T = TaskState
OUTCOMES: dict[str, TaskOutcome] = {
    "failed": Failed(retryable=False, error="Broken"),
    "busy": Failed(retryable=True, error="Busy"),
    "rejected": Rejected(reason=Rejection.UNKNOWN_KEY),
    "conflict": Rejected(reason=Rejection.CONFLICT),
    "deferred": Deferred(until=date(2026, 12, 1)),
    "manual": Manual(ticket="T-1"),
    "drifted": Drifted(),
    "halted": Halted(),
}
ENDS = {
    "failed": T.FAILED,
    "busy": T.PLANNED,
    "rejected": T.PLANNED,
    "conflict": T.FAILED,
    "deferred": T.WAITING,
    "manual": T.WAITING,
    "drifted": T.DRIFTED,
    "halted": T.HALTED,
}
WHILE_HALTING = ENDS | {
    "busy": T.FAILED,
    "rejected": T.HALT_REQUESTED,
    "deferred": T.HALT_REQUESTED,
    "manual": T.HALT_REQUESTED,
}


def while_erasing(state: TaskState) -> Play:
    """An erase task with two issues in *state*, beside one that is still out: the request does not move on."""
    request = replace(a_request(state=State.ERASING, verified_by="v", version=9), plan_hash="p", grace_until=NOW)
    task, other = a_task(state=state, issues=2), replace(a_task(custodian=SHOP), id=TaskId(UUID(int=8)))
    case = replace(
        a_case(a_manifest("crm"), a_manifest("shop"), request=request),
        lines=(a_line(previewed=[Found(count=1)]), a_line(custodian="shop", previewed=[Found(count=1)])),
        tasks=(replace(task, asking=0), replace(other, asking=0, state=T.WAITING)),
        approval=replace(an_approval(request), void=True),
    )
    return Play(case)


@pytest.mark.parametrize(("name", "state"), list(product(OUTCOMES, TaskState)))
def test_what_speaks_for_the_whole_task_moves_an_open_one_by_its_row(name: str, state: TaskState) -> None:
    play = while_erasing(state)
    play.answer("crm", ERASE, outcome=OUTCOMES[name])
    table = WHILE_HALTING if state is T.HALT_REQUESTED else ENDS
    expected = table[name] if state in OPEN else state
    assert play.task("crm", ERASE).state is expected


@pytest.mark.parametrize(("name", "state"), list(product(OUTCOMES, TaskState)))
def test_what_speaks_for_the_whole_task_counts_only_from_the_newest_issue(name: str, state: TaskState) -> None:
    play = while_erasing(state)
    play.hear(said(an_answer(play.task("crm", ERASE), outcome=OUTCOMES[name], issue_no=1)))
    assert play.task("crm", ERASE).state is state
    assert play.events() == [Event.ANSWER_OUTDATED]


@pytest.mark.parametrize(("issue_no", "state"), list(product([1, 2], TaskState)))
def test_a_terminal_answer_to_any_issue_ends_any_task_but_a_superseded_one(issue_no: int, state: TaskState) -> None:
    play = while_erasing(state)
    play.hear(said(an_answer(play.task("crm", ERASE), says(profile=erased(1)), issue_no=issue_no)))
    assert play.task("crm", ERASE).state is (T.SUPERSEDED if state is T.SUPERSEDED else T.DONE)
    assert (play.case.lines[0].said == (erased(1),)) is (state not in (T.SUPERSEDED, T.DONE))


def test_a_done_erase_raises_the_alarm_when_it_is_answered_otherwise() -> None:
    play = erasing_now(a_manifest("crm"), a_manifest("shop"))
    play.answer("crm", ERASE, profile=erased(1))
    play.answer("crm", ERASE, profile=erased(2))
    assert play.events()[-1] is Event.ANSWER_CONFLICTS
    assert play.case.lines[0].said == (erased(1),)


def test_a_done_erase_that_says_the_same_in_other_bytes_is_no_alarm() -> None:
    play = erasing_now(a_manifest("crm"), a_manifest("shop"))
    play.answer("crm", ERASE, profile=erased(1))
    play.hear(said(an_answer(play.task("crm", ERASE), says(profile=erased(1)), duration_ms=9)))
    assert play.events()[-1] is Event.ANSWER_OUTDATED


def test_a_read_that_is_answered_twice_keeps_the_first_answer_without_an_alarm() -> None:
    play = access(a_manifest("crm"), a_manifest("shop"))
    play.answer("crm", COLLECT, profile=Found(count=1))
    play.answer("crm", COLLECT, profile=Found(count=2))
    assert play.events()[-1] is Event.ANSWER_OUTDATED
    assert play.case.lines[0].said == (Found(count=1),)


def test_nonsense_about_an_older_issue_moves_nothing() -> None:
    play = while_erasing(T.ISSUED)
    play.hear(said(an_answer(play.task("crm", ERASE), says(profile=Absent()), issue_no=1)))
    assert (play.task("crm", ERASE).state, play.events()) == (T.ISSUED, [Event.ANSWER_NONSENSE])


def test_an_answer_whose_parts_did_not_arrive_is_asked_for_again() -> None:
    play = access()
    play.hear(said(an_answer(play.task("crm", COLLECT), says(profile=Found(count=1))), uploaded=False))
    assert (play.task("crm", COLLECT).state, play.case.lines[0].said) == (T.PLANNED, ())


def test_a_busy_custodian_is_left_alone_a_little_longer_each_time() -> None:
    play = while_erasing(T.ISSUED)
    play.answer("crm", ERASE, outcome=OUTCOMES["busy"])
    assert play.task("crm", ERASE).wake_at == NOW + timedelta(minutes=2)
    assert play.task("crm", ERASE).error == "Busy"


def test_a_date_that_was_promised_is_waited_for_to_its_end() -> None:
    play = while_erasing(T.ISSUED)
    play.answer("crm", ERASE, outcome=Deferred(until=date(2026, 12, 1)))
    assert play.task("crm", ERASE).wake_at == datetime(2026, 12, 2, tzinfo=UTC)


@pytest.mark.parametrize("until", [date(2020, 1, 1), NOW.date() - timedelta(days=1)])
def test_a_promise_for_the_past_is_no_way_to_be_asked_without_pause(until: date) -> None:
    play = while_erasing(T.ISSUED)
    play.answer("crm", ERASE, outcome=Deferred(until=until))
    assert play.task("crm", ERASE).wake_at == NOW + timedelta(minutes=2)


def test_a_promise_for_the_end_of_the_calendar_does_not_raise() -> None:
    play = while_erasing(T.ISSUED)
    play.answer("crm", ERASE, outcome=Deferred(until=date.max))
    assert play.task("crm", ERASE).state is T.WAITING


def test_what_a_person_does_has_no_alarm() -> None:
    play = while_erasing(T.ISSUED)
    play.answer("crm", ERASE, outcome=Manual(ticket="T-1"))
    assert play.task("crm", ERASE).wake_at is None


def test_an_answer_after_the_close_is_logged_and_changes_nothing_else() -> None:
    play = erasure()
    task = play.task("crm", PREVIEW)
    play.withdraw()
    before = play.case
    step = play.hear(said(an_answer(task, says(profile=Found(count=1)))))
    assert [entry.event for entry in step.entries] == [Event.ANSWER_AFTER_CLOSE]
    assert (step.tasks, step.lines, step.intents, play.request.outcome) == ((), (), (), Outcome.WITHDRAWN)
    assert (play.case.tasks, play.case.lines) == (before.tasks, before.lines)


def test_answers_of_one_batch_are_heard_in_order_and_leave_one_step() -> None:
    play = access(a_manifest("crm"), a_manifest("shop"))
    answers = [said(an_answer(task, says(profile=NotFound()))) for task in play.open_tasks()]
    step = hear(play.case, answers, at=NOW, policy=POLICY)
    assert [entry.event for entry in step.entries] == [
        Event.ANSWER_ACCEPTED,
        Event.ANSWER_ACCEPTED,
        Event.SEARCH_ENDED,
    ]
    assert play.case.request.version == step.was


def test_two_results_of_a_kind_are_counted_together_in_the_log() -> None:
    play = erasing_now()
    play.answer("crm", ERASE, profile=(erased(5), Erased(count=2, level=Level.REWRITTEN)))
    accepted = next(entry for entry in reversed(play.entries) if entry.event is Event.ANSWER_ACCEPTED)
    assert accepted.facts["counts"] == {"profile:erased": 7}


def test_a_case_expects_only_answers_to_its_own_issues_from_whom_it_asked() -> None:
    play = access()
    answer = an_answer(play.task("crm", COLLECT), says(profile=NotFound()))
    assert play.case.expects(answer)
    strange: list[dict[str, object]] = [
        {"custodian": "shop"},
        {"issue_no": 2},
        {"command_digest": "f" * 64},
        {"operation": PREVIEW},
        {"task_id": UUID(int=99)},
        {"command_id": UUID(int=99)},
    ]
    assert not any(play.case.expects(answer.model_copy(update=each)) for each in strange)


def test_until_a_sending_is_confirmed_any_digest_of_its_command_is_expected() -> None:
    play = Play(access().case)
    task = play.task("crm", COLLECT)
    unsent = replace(task, issues=(replace(task.issues[0], sent_at=None, digest=None),))
    play.case = replace(play.case, tasks=(unsent,))
    assert play.case.expects(an_answer(unsent, says(profile=NotFound())))


def test_a_late_collection_is_kept_with_its_task_though_it_moves_nothing() -> None:
    play = access(a_manifest("crm"), a_manifest("shop"))
    play.answer("crm", COLLECT, outcome=OUTCOMES["failed"])
    play.answer("shop", COLLECT, profile=NotFound())
    play.at += HOUR
    play.answer("crm", COLLECT, profile=Found(count=1))
    assert (play.state, play.events()[-1], play.task("crm", COLLECT).state) == (
        State.REVIEWING,
        Event.ANSWER_LATE,
        T.DONE,
    )
