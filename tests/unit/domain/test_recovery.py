"""A request whose tables fell back to a backup: what it lets go of, what is applied again, and how it goes on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from contracts.command import Operation
from contracts.ids import TaskId
from contracts.manifest import Link
from contracts.results import Absent, Drifted, Found
from orchestrator.domain.approval import fits
from orchestrator.domain.case import Policy
from orchestrator.domain.events import Event
from orchestrator.domain.recovery import LOST_ANSWERS_FOR, Outside, is_forgotten, lost_entry, take_up
from orchestrator.domain.request import Outcome, State
from orchestrator.domain.task import TaskState, newest
from tests.unit.domain.builders import (
    CUSTOMER,
    DAY,
    NOW,
    POLICY,
    TRUST,
    a_claim,
    a_manifest,
    an_answer,
    said,
    says,
)
from tests.unit.domain.play import Play, access, awaiting, erased, erasing_now, erasure, probing, watching

COLLECT, PREVIEW, ERASE, PROBE = Operation.COLLECT, Operation.PREVIEW, Operation.ERASE, Operation.PROBE
NEXT = Policy(environment="test", generation=7, recovered_at=NOW)
CRM, SHOP = a_manifest("crm"), a_manifest("shop")


def recovered(play: Play, outside: Outside | None = None) -> Play:
    """The tables are a backup of *play*, taken up."""
    restored = play.request.version
    above = max(restored, outside.version if outside else 0)
    play.case = replace(play.case, request=replace(play.request, version=above))
    play.outbox.clear()
    play.policy = NEXT
    play.apply(take_up(play.case, outside, restored=restored, at=play.at, policy=NEXT))
    return play


def ids(play: Play) -> set[TaskId]:
    return {task.id for task in play.case.tasks}


OPEN: dict[str, Callable[[], Play]] = {
    "searching": lambda: access(CRM, SHOP),
    "previewing": lambda: erasure(CRM, SHOP),
    "awaiting approval": lambda: awaiting(CRM, SHOP),
    "grace": lambda: awaiting(CRM, SHOP).approved(),
    "erasing": lambda: erasing_now(CRM, SHOP),
    "erasing, nothing sent": lambda: erasing_now(CRM, SHOP, dispatch=False),
    "probing": lambda: probing(CRM, SHOP),
    "watching": lambda: watching(CRM, SHOP),
}


@pytest.mark.parametrize("where", OPEN)
def test_no_task_id_of_before_is_ever_open_again(where: str) -> None:
    play = OPEN[where]()
    before = ids(play)
    recovered(play)
    assert not {task.id for task in play.open_tasks()} & before
    play.sent.clear()
    play.dispatch()
    assert not {task.id for each in play.sent for task in each.tasks} & before


@pytest.mark.parametrize("where", ["awaiting approval", "grace", "erasing", "probing", "watching"])
def test_whatever_was_approved_must_be_approved_again(where: str) -> None:
    play = OPEN[where]()
    recovered(play)
    assert play.case.approval is None or play.case.approval.void
    assert all(each.void for each in play.approvals.values())


def test_signatures_of_before_do_not_fit_the_same_plan_asked_for_anew() -> None:
    play = awaiting(CRM).approved()
    given, asked = play.case.approval, play.request
    assert given is not None
    recovered(play)
    play.answer_all(PREVIEW, Found(count=3))
    hashes = {asked.plan_hash, play.request.plan_hash}
    assert len(hashes) == 2
    forged = replace(given, asking=play.request.asking, plan_hash=play.request.plan_hash or "")
    assert not fits(
        forged,
        play.request,
        TRUST,
        environment="test",
        plan_hash=play.request.plan_hash or "",
        not_before=NOW - DAY,
    )


def test_the_generation_alone_makes_another_plan_hash() -> None:
    first, second = awaiting(CRM), awaiting(CRM, policy=NEXT)
    assert first.request.asking == second.request.asking
    assert first.request.plan_hash != second.request.plan_hash


@pytest.mark.parametrize("where", OPEN)
@pytest.mark.parametrize("outcome", [Outcome.CANCELLED, Outcome.WITHDRAWN, Outcome.ERASED])
def test_what_was_closed_since_is_closed_again_and_asks_nobody(where: str, outcome: Outcome) -> None:
    play = OPEN[where]()
    outside = Outside(version=play.request.version + 9, state=State.CLOSED, outcome=outcome)
    recovered(play, outside)
    assert (play.state, play.request.outcome) == (State.CLOSED, outcome)
    assert play.open_tasks() == []
    assert play.outbox == []
    assert play.request.version > outside.version


@pytest.mark.parametrize("where", ["previewing", "awaiting approval", "grace", "erasing", "erasing, nothing sent"])
def test_what_was_taken_back_since_erases_nothing_more(where: str) -> None:
    play = OPEN[where]()
    recovered(play, Outside(version=play.request.version + 1, state=State.ERASING, withdrawn=True))
    assert (play.state, play.request.outcome) == (State.CLOSED, Outcome.WITHDRAWN)
    assert play.outbox == []


@pytest.mark.parametrize("where", ["probing", "watching"])
def test_what_was_taken_back_while_it_was_probed_is_never_put_before_approvers(where: str) -> None:
    play = OPEN[where]()
    recovered(play, Outside(version=play.request.version + 1, withdrawn=True))
    assert play.request.withdrawn
    assert play.state in (State.PROBING, State.WATCHING)


@pytest.mark.parametrize(("where", "operation"), [("searching", COLLECT), ("previewing", PREVIEW)])
def test_a_search_asks_again_whoever_owed_an_answer_and_nobody_else(where: str, operation: Operation) -> None:
    play = OPEN[where]()
    play.answer("crm", operation, profile=Found(count=1))
    recovered(play)
    assert [(task.custodian, task.round) for task in play.open_tasks()] == [("shop", 2)]
    play.answer_all(operation, Found(count=1))
    assert play.state in (State.REVIEWING, State.AWAITING_APPROVAL)


def test_what_is_found_in_the_search_again_is_asked_of_those_who_need_it() -> None:
    finder = a_manifest("crm", provides={CUSTOMER: Link.EXACT})
    play = recovered(access(finder, a_manifest("shop", needs=(CUSTOMER,))))
    play.dispatch()
    play.answer("crm", COLLECT, a_claim(), profile=Found(count=1))
    assert [task.custodian for task in play.open_tasks()] == ["shop"]


def test_approvers_are_shown_what_lies_there_now() -> None:
    play = recovered(OPEN["grace"]())
    assert play.state is State.AWAITING_APPROVAL
    assert {(task.custodian, task.operation) for task in play.open_tasks()} == {("crm", PREVIEW), ("shop", PREVIEW)}
    play.answer_all(PREVIEW, Found(count=1))
    assert play.approved().state is State.GRACE


def test_a_begun_erasure_keeps_what_is_done_and_asks_for_the_rest_only() -> None:
    play = OPEN["erasing"]()
    play.answer("crm", ERASE, profile=erased(3))
    recovered(play)
    assert (play.state, play.request.begun) == (State.AWAITING_APPROVAL, True)
    play.answer_all(PREVIEW, Found(count=3))
    play.approved().pass_time(POLICY.grace)
    assert [(task.custodian, task.operation) for task in play.open_tasks()] == [("shop", ERASE)]
    play.answer_all(ERASE, erased(3))
    play.answer_all(PROBE, Absent())
    assert play.state is State.WATCHING


@pytest.mark.parametrize("where", ["probing", "watching"])
def test_the_watch_goes_on_to_its_end(where: str) -> None:
    play = recovered(OPEN[where]())
    for _ in range(len(NEXT.watch) + 2):
        play.answer_all(PROBE, Absent())
        play.pass_time(timedelta(days=31))
    assert (play.state, play.request.outcome) == (State.CLOSED, Outcome.ERASED)


def test_a_halt_that_was_ordered_is_not_waited_for() -> None:
    play = OPEN["erasing"]()
    play.dispatch()
    play.answer("crm", ERASE, outcome=Drifted())
    assert {task.state for task in play.open_tasks()} == {TaskState.HALT_REQUESTED}
    recovered(play)
    assert play.state is State.AWAITING_APPROVAL
    assert {task.operation for task in play.open_tasks()} == {PREVIEW}


def test_a_closed_request_is_only_raised_above_what_was_told_of_it() -> None:
    play = OPEN["grace"]()
    play.cancel()
    recovered(play, Outside(version=play.request.version + 3))
    assert play.events()[-1] is Event.RESTORED
    assert (play.state, play.request.outcome) == (State.CLOSED, Outcome.CANCELLED)


def test_the_log_says_where_the_request_fell_back_to() -> None:
    play = OPEN["grace"]()
    restored = play.request.version
    recovered(play, Outside(version=restored + 5, state=State.ERASING))
    entry = next(each for each in play.entries if each.event is Event.RESTORED)
    assert entry.facts == {"state": "grace", "outcome": None, "version": restored}
    assert entry.version == restored + 6


def test_only_for_as_long_as_commands_live_an_unknown_answer_may_be_to_a_forgotten_one() -> None:
    play = OPEN["erasing"]()
    known = an_answer(newest(play.case.tasks, ERASE)[CRM.id], says(profile=erased(3)))
    unknown = known.model_copy(update={"task_id": TaskId(UUID(int=99))})
    later = known.model_copy(update={"issue_no": 5})
    foreign = known.model_copy(update={"issue_no": 5, "custodian": SHOP.id})
    for each in (unknown, later):
        assert is_forgotten(play.case, each, at=NOW, policy=NEXT)
        assert not is_forgotten(play.case, each, at=NOW + LOST_ANSWERS_FOR, policy=NEXT)
        assert not is_forgotten(play.case, each, at=NOW, policy=POLICY)
    assert is_forgotten(None, unknown, at=NOW, policy=NEXT)
    assert not is_forgotten(play.case, known, at=NOW, policy=NEXT)
    assert not is_forgotten(play.case, foreign, at=NOW, policy=NEXT)


def test_an_answer_to_a_forgotten_command_is_a_fact_and_moves_nothing() -> None:
    play = recovered(OPEN["grace"]())
    answer = an_answer(play.case.tasks[0], says(profile=erased(3))).model_copy(
        update={"task_id": TaskId(UUID(int=99)), "operation": ERASE}
    )
    before = play.case
    play.hear(replace(said(answer), forgotten=True))
    assert play.events()[-1] is Event.ANSWER_OF_LOST_TASK
    assert play.entries[-1].facts["counts"] == {"profile:erased": 3}
    assert (play.state, play.case.tasks) == (before.request.state, before.tasks)
    assert lost_entry(answer, "d", at=NOW) == lost_entry(answer, "d", at=NOW)
