"""Whether it is really gone, and stays gone: residuals, and the days of the watch."""

from dataclasses import replace
from datetime import timedelta

import pytest

from contracts.command import Operation
from contracts.results import Absent, Erased, Failed, Found, Level, NotFound, Residual, Restricted
from orchestrator.domain.events import Event
from orchestrator.domain.request import Blocked, Outcome, State
from tests.unit.domain.builders import CRM, DAY, POLICY, SHOP, a_manifest, an_answer, said, says
from tests.unit.domain.play import Play, erased, erasing_now, probing, watching

ERASE, PREVIEW, PROBE = Operation.ERASE, Operation.PREVIEW, Operation.PROBE
TWO = (a_manifest("crm"), a_manifest("shop"))


def days_watched(play: Play) -> list[int]:
    """Answer every probe of the watch with absent; on which days were they asked?"""
    begun, asked = play.at, []
    while play.state is State.WATCHING:
        assert play.request.wake_at is not None
        play.pass_time(play.request.wake_at - play.at)
        asked.append((play.at - begun) // DAY)
        play.answer_all(PROBE, Absent())
    return asked


def test_a_first_probe_that_finds_nothing_begins_the_watch() -> None:
    play = watching()
    assert (play.state, play.request.wake_at) == (State.WATCHING, play.at + DAY)


def test_the_watch_looks_after_one_seven_and_thirty_days_and_then_the_request_ends() -> None:
    play = watching()
    assert days_watched(play) == [1, 7, 30]
    assert (play.state, play.request.outcome) == (State.CLOSED, Outcome.ERASED)
    assert play.entries[-1].facts["watched"] == 3


def test_without_a_schedule_the_request_ends_with_the_first_probe() -> None:
    play = watching(policy=replace(POLICY, watch=()))
    assert (play.state, play.request.outcome) == (State.CLOSED, Outcome.ERASED)


def test_whoever_cannot_probe_is_not_asked_and_nobody_to_ask_is_no_watch() -> None:
    play = erasing_now(a_manifest("crm", operations=(PREVIEW, ERASE)))
    play.answer_all(ERASE, erased(3))
    assert (play.state, play.entries[-1].facts["watched"]) == (State.CLOSED, 0)
    mixed = probing(a_manifest("crm"), a_manifest("shop", operations=(PREVIEW, ERASE)))
    assert [task.custodian for task in mixed.open_tasks()] == [CRM]


def test_a_residual_of_the_first_probe_is_erased_again_under_the_same_approval() -> None:
    play = probing(*TWO)
    play.answer("crm", PROBE, profile=Residual(count=1))
    play.answer("shop", PROBE, profile=Absent())
    assert (play.state, play.request.erase_round, play.request.asking) == (State.ERASING, 2, 1)
    assert [task.custodian for each in play.dispatch() for task in each.tasks] == [CRM]
    play.answer("crm", ERASE, profile=erased(1))
    assert play.case.lines[0].said == (erased(4),)
    assert play.state is State.PROBING
    assert sorted(task.custodian for task in play.open_tasks()) == [CRM, SHOP]


def test_the_watch_begins_anew_after_a_residual() -> None:
    play = probing()
    play.answer("crm", PROBE, profile=Residual(count=1))
    play.answer_all(ERASE, erased(1))
    play.answer_all(PROBE, Absent())
    assert days_watched(play) == [1, 7, 30]


def test_a_second_residual_of_the_same_approval_asks_people_after_a_new_preview() -> None:
    play = probing()
    for _ in range(2):
        play.dispatch()
        play.answer("crm", PROBE, profile=Residual(count=1))
        play.answer_all(ERASE, erased(1))
    assert (play.state, play.events().count(Event.RESIDUAL)) == (State.AWAITING_APPROVAL, 1)
    assert [task.operation for task in play.open_tasks()] == [PREVIEW]
    assert play.approvals[1].void


def test_each_approval_may_erase_a_residual_once() -> None:
    play = probing()
    for _ in range(2):
        play.dispatch()
        play.answer("crm", PROBE, profile=Residual(count=1))
        play.answer_all(ERASE, erased(1))
    play.answer_all(PREVIEW, Found(count=1))
    play.approved().pass_time(play.policy.grace)
    play.answer_all(ERASE, erased(1))
    play.answer_all(PROBE, Residual(count=1))
    assert (play.state, play.request.erase_round) == (State.ERASING, 4)


def test_a_residual_after_the_approval_has_lapsed_asks_people() -> None:
    play = probing()
    play.at += 2 * DAY
    play.answer("crm", PROBE, profile=Residual(count=1))
    assert (play.state, play.events()[-1]) == (State.AWAITING_APPROVAL, Event.RESIDUAL_STAYS)


def test_a_residual_found_while_watching_asks_people() -> None:
    play = watching()
    play.pass_time(DAY)
    play.answer_all(PROBE, Residual(count=1))
    assert (play.state, play.events()[-1]) == (State.AWAITING_APPROVAL, Event.RESIDUAL_STAYS)
    play.answer_all(PREVIEW, Found(count=1))
    play.approved().pass_time(play.policy.grace)
    play.answer_all(ERASE, erased(1))
    play.answer_all(PROBE, Absent())
    assert play.case.lines[0].said == (erased(4),)
    assert days_watched(play) == [1, 7, 30]


def test_a_residual_that_is_gone_by_the_next_preview_is_still_probed() -> None:
    play = watching()
    play.pass_time(DAY)
    play.answer_all(PROBE, Residual(count=1))
    play.answer_all(PREVIEW, NotFound())
    play.approved().pass_time(play.policy.grace)
    assert (play.state, [task.custodian for task in play.open_tasks()]) == (State.PROBING, [CRM])


def test_a_failed_probe_waits_for_a_person_and_a_late_answer_goes_on() -> None:
    play = probing()
    play.answer("crm", PROBE, outcome=Failed(retryable=False, error="Broken"))
    assert (play.state, play.request.blocked_by) == (State.PROBING, Blocked.TASK_FAILED)
    play.answer("crm", PROBE, profile=Absent())
    assert (play.state, play.request.blocked_by) == (State.WATCHING, None)


def test_an_answer_to_an_earlier_probe_moves_nothing() -> None:
    play = watching()
    earlier = play.task("crm", PROBE)
    play.pass_time(DAY)
    play.dispatch()
    play.hear(said(an_answer(earlier, says(profile=Residual(count=1)))))
    assert (play.state, play.events()[-1]) == (State.WATCHING, Event.ANSWER_OUTDATED)


@pytest.mark.parametrize(
    ("answered", "expected"),
    [((erased(1),), Outcome.ERASED), ((erased(1), Restricted(count=1)), Outcome.RETAINED_IN_PART)],
)
def test_the_outcome_is_that_of_all_lines(answered: tuple[Erased | Restricted, ...], expected: Outcome) -> None:
    play = erasing_now(policy=replace(POLICY, watch=(timedelta(days=1),)))
    play.answer_all(ERASE, *answered)
    play.answer_all(PROBE, Absent())
    days_watched(play)
    assert play.request.outcome is expected


def test_an_erasure_that_did_not_reach_the_level_asked_for_ends_partial() -> None:
    play = erasing_now(a_manifest(required_level=Level.UNINDEXED), policy=replace(POLICY, watch=()))
    play.answer_all(ERASE, erased(1, level=1))
    play.answer_all(PROBE, Absent())
    assert (play.state, play.request.outcome) == (State.CLOSED, Outcome.PARTIAL)


def test_a_fact_that_changes_nothing_leaves_the_owner_of_a_failed_probe_in_place() -> None:
    play = probing()
    play.answer("crm", PROBE, outcome=Failed(retryable=False, error="Broken"))
    play.answer("crm", PROBE, outcome=Failed(retryable=False, error="Broken"))
    assert (play.events()[-1], play.request.blocked_by) == (Event.ANSWER_OUTDATED, Blocked.TASK_FAILED)
