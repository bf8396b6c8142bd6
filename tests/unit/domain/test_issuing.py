"""What is asked again at the moment of sending: the state, the approval, both signatures."""

from dataclasses import replace
from datetime import timedelta

import pytest

from contracts.command import Lane, Operation
from contracts.results import Found
from orchestrator.domain.approval import Approval
from orchestrator.domain.events import Event
from orchestrator.domain.request import Kind, State
from orchestrator.domain.task import EXPIRIES, UNSENT_AFTER, TaskState
from tests.unit.domain.builders import DAY, TRUST, a_case, a_manifest, a_request, a_signature, an_approval
from tests.unit.domain.play import Play, access, answer_halts, erasing_now

COLLECT, ERASE, PREVIEW = Operation.COLLECT, Operation.ERASE, Operation.PREVIEW
TWO = (a_manifest("crm"), a_manifest("shop"))


def with_approval(play: Play, approval: Approval | None) -> Play:
    """Somebody has written rows."""
    play.case = replace(play.case, approval=approval)
    play.approvals = {} if approval is None else {approval.asking: approval}
    return play


def test_a_command_goes_to_everybody_of_a_round_at_once() -> None:
    play = access(*TWO)
    (sending,) = play.sent
    assert [task.custodian for task in sending.tasks] == ["crm", "shop"]
    assert [task.issue_no for task in sending.tasks] == [1, 1]
    assert sending.expires_at == play.at + timedelta(hours=24)
    assert all(task.issues[-1].bearer_hash for task in sending.tasks)


def test_an_erase_lives_a_quarter_of_an_hour_and_carries_no_upload_grant() -> None:
    play = erasing_now()
    assert play.sent[-1].expires_at == play.at + timedelta(minutes=15)
    assert play.sent[-1].tasks[0].issues[-1].bearer_hash is None
    assert EXPIRIES[Operation.HALT] > EXPIRIES[ERASE]


def test_reads_and_effects_leave_by_lanes_of_their_own() -> None:
    play = erasing_now(dispatch=False)
    assert play.outbox[0].lane is Lane.ERASURE
    assert access().sent[0].operation is COLLECT


def test_what_is_sent_and_not_confirmed_is_looked_at_after_five_seconds() -> None:
    play = erasing_now(dispatch=False)
    play.dispatch(confirm=False)
    assert play.task("crm", ERASE).wake_at == play.at + UNSENT_AFTER


def test_intact_signatures_let_an_erase_go() -> None:
    play = erasing_now()
    assert play.sent[-1].operation is ERASE
    assert play.task("crm", ERASE).state is TaskState.ISSUED


@pytest.mark.parametrize("rows", ["none", "forged", "one", "same person", "other asking", "other plan", "void"])
def test_an_erase_without_two_fitting_signatures_is_an_alarm_and_never_leaves(rows: str) -> None:
    play = erasing_now(*TWO, dispatch=False)
    true = an_approval(play.request, "A", "B", at=play.at)
    approvals: dict[str, Approval | None] = {
        "none": None,
        "forged": replace(true, second=a_signature("D", play.request, at=play.at)),
        "one": replace(true, second=None),
        "same person": an_approval(play.request, "A", "A", at=play.at),
        "other asking": replace(true, asking=0),
        "other plan": replace(
            true, plan_hash="other", first=a_signature("A", play.request, at=play.at, plan_hash="other")
        ),
        "void": replace(true, void=True),
    }
    with_approval(play, approvals[rows])
    assert play.dispatch() == []
    assert Event.SIGNATURES_UNFIT in play.events()
    assert play.state is State.AWAITING_APPROVAL
    assert {task.state for task in play.case.tasks if task.operation is ERASE} == {TaskState.HALTED}


def test_an_approver_who_left_the_trust_list_since_does_not_count() -> None:
    play = erasing_now(dispatch=False)
    play.trust = {kid: each for kid, each in TRUST.items() if kid != "kid-B"}
    assert play.dispatch() == []
    assert Event.SIGNATURES_UNFIT in play.events()


def test_an_approval_that_lapsed_in_the_outbox_is_ended_not_used() -> None:
    play = erasing_now(dispatch=False)
    play.at += DAY
    assert play.dispatch() == []
    assert Event.APPROVAL_LAPSED in play.events()
    assert play.state is State.AWAITING_APPROVAL


def test_an_intent_whose_tasks_were_halted_meanwhile_is_dropped_without_a_word() -> None:
    play = erasing_now(*TWO, dispatch=False)
    kept = list(play.outbox)
    play.withdraw()
    play.outbox = kept
    before = len(play.entries)
    assert play.dispatch() == []
    assert len(play.entries) == before


def test_an_intent_that_no_longer_suits_the_state_is_dropped() -> None:
    play = Play(a_case(request=a_request(Kind.ACCESS))).open()
    play.withdraw()
    assert [each.operation for each in play.outbox] == [COLLECT]
    assert play.dispatch() == []


def test_an_intent_sent_twice_makes_one_issue() -> None:
    play = erasing_now(dispatch=False)
    play.outbox *= 2
    assert len(play.dispatch()) == 1
    assert play.task("crm", ERASE).issue_no == 1


def test_a_halt_is_the_next_issue_of_the_task_that_it_stops() -> None:
    play = erasing_now()
    play.withdraw()
    (sending,) = play.dispatch()
    task = sending.tasks[0]
    assert (sending.operation, task.issue_no, task.state) == (Operation.HALT, 2, TaskState.HALT_REQUESTED)
    assert [each.operation for each in task.issues] == [ERASE, Operation.HALT]


def test_a_halted_task_never_gets_another_issue() -> None:
    play = erasing_now(*TWO)
    play.withdraw()
    answer_halts(play)
    assert {task.state for task in play.case.tasks if task.operation is ERASE} == {TaskState.HALTED}
    play.pass_time(30 * DAY)
    assert play.dispatch() == []


def test_a_new_round_numbers_its_issues_anew_under_another_task_id() -> None:
    play = erasing_now()
    first = play.task("crm", ERASE)
    play.pass_time(DAY)
    answer_halts(play)
    play.answer_all(PREVIEW, Found(count=1))
    play.approved().pass_time(play.policy.grace)
    play.dispatch()
    second = play.task("crm", ERASE)
    assert (second.round, second.issue_no) == (2, 1)
    assert second.id != first.id


def test_the_log_names_the_command_and_the_issue_of_each_custodian() -> None:
    play = access(*TWO)
    issued = next(entry for entry in play.entries if entry.event is Event.COMMAND_ISSUED)
    assert issued.facts == {
        "command": str(play.sent[0].command),
        "operation": COLLECT,
        "round": 1,
        "issues": {"crm": 1, "shop": 1},
    }
