"""Rounds of asking, until nothing new turns up; what is missing is named."""

from dataclasses import replace

import pytest

from contracts.command import Operation
from contracts.identifiers import IdentifierKind
from contracts.manifest import Link
from contracts.results import Failed, Found, NotFound, Retained, Unaddressable, Unsupported
from orchestrator.domain import search
from orchestrator.domain.admission import decide
from orchestrator.domain.draft import Draft
from orchestrator.domain.errors import Conflict, IllegalTransition
from orchestrator.domain.events import Event
from orchestrator.domain.outcome import gaps, outcome_of
from orchestrator.domain.request import Blocked, Kind, Outcome, State
from orchestrator.domain.retrying import retry
from orchestrator.domain.task import TaskState
from tests.unit.domain.builders import (
    CUSTOMER,
    DEVICE,
    EMAIL,
    POLICY,
    a_case,
    a_claim,
    a_manifest,
    a_request,
    an_answer,
    given,
    said,
    says,
)
from tests.unit.domain.play import Play, access, awaiting, erasure

COLLECT, PREVIEW = Operation.COLLECT, Operation.PREVIEW
FINDS = {CUSTOMER: Link.EXACT, DEVICE: Link.EXACT}
PROFILES = a_manifest("profiles", provides=FINDS)
ORDERS = a_manifest("orders", needs=(CUSTOMER,))
CLICKS = a_manifest("clicks", needs=(DEVICE,))
ECHO = a_manifest("echo", needs=(EMAIL, CUSTOMER), provides={CUSTOMER: Link.EXACT})
GAVE_UP = Failed(retryable=False, error="Broken")


def asked(play: Play) -> list[str]:
    return [str(task.custodian) for sending in play.dispatch() for task in sending.tasks]


def test_the_first_round_asks_whoever_needs_what_the_person_gave() -> None:
    play = access(PROFILES, ORDERS, CLICKS)
    assert [[task.custodian for task in each.tasks] for each in play.sent] == [["profiles"]]
    assert (play.state, play.request.search_round) == (State.SEARCHING, 1)


def test_what_one_custodian_finds_is_asked_of_the_others_in_the_next_round() -> None:
    play = access(PROFILES, ORDERS, CLICKS)
    play.answer("profiles", COLLECT, a_claim(CUSTOMER), a_claim(DEVICE, "d"), profile=Found(count=1))
    assert play.request.search_round == 2
    assert asked(play) == ["clicks", "orders"]
    play.answer("orders", COLLECT, profile=Found(count=4))
    assert Event.SEARCH_ENDED not in play.events()
    play.answer("clicks", COLLECT, profile=NotFound())
    assert play.state is State.REVIEWING
    assert gaps(play.case.lines) == ()


def test_a_custodian_is_asked_again_when_a_kind_that_it_needs_turns_up_and_the_new_answer_replaces_the_old() -> None:
    both = a_manifest("both", needs=(EMAIL, CUSTOMER))
    play = access(PROFILES, both)
    play.answer("both", COLLECT, profile=Found(count=1))
    play.answer("profiles", COLLECT, a_claim(CUSTOMER), profile=Found(count=1))
    assert asked(play) == ["both"]
    assert [task.state for task in play.case.tasks if task.custodian == "both"] == [
        TaskState.SUPERSEDED,
        TaskState.ISSUED,
    ]
    play.answer("both", COLLECT, profile=Found(count=7))
    assert {line.custodian: line.said for line in play.case.lines}[both.id] == (Found(count=7),)
    assert play.state is State.REVIEWING


def test_asked_again_and_not_answered_is_a_gap_whatever_the_first_answer_said() -> None:
    play = access(PROFILES, a_manifest("both", needs=(EMAIL, CUSTOMER)))
    play.answer("both", COLLECT, profile=Found(count=1))
    play.answer("profiles", COLLECT, a_claim(CUSTOMER), profile=Found(count=1))
    play.dispatch()
    play.answer("both", COLLECT, outcome=GAVE_UP)
    assert play.state is State.REVIEWING
    assert outcome_of(Kind.ACCESS, play.case.lines) is Outcome.PARTIAL


def test_whoever_found_nothing_new_is_not_asked_again() -> None:
    play = access(a_manifest("profiles", provides={CUSTOMER: Link.EXACT}))
    play.answer("profiles", COLLECT, a_claim(CUSTOMER), profile=Found(count=1))
    assert (play.state, play.request.search_round) == (State.REVIEWING, 1)


def test_a_custodian_whose_identifier_nobody_knows_is_named_unaddressable_and_the_request_can_be_complete() -> None:
    play = access(PROFILES, ORDERS)
    play.answer("profiles", COLLECT, profile=Found(count=1))
    assert play.state is State.REVIEWING
    said_of = {line.custodian: line.said for line in play.case.lines}
    assert said_of[ORDERS.id] == (Unaddressable(kinds=(CUSTOMER,)),)
    assert outcome_of(Kind.ACCESS, play.case.lines) is Outcome.FULFILLED


def test_nobody_addressable_ends_an_erasure_as_no_data_without_asking_anybody() -> None:
    play = Play(a_case(ORDERS)).open()
    assert (play.state, play.request.outcome, play.outbox) == (State.CLOSED, Outcome.NO_DATA, [])


def test_an_access_goes_on_with_a_failed_search_and_shows_the_gap() -> None:
    play = access(PROFILES, a_manifest("shop"))
    play.answer("shop", COLLECT, outcome=GAVE_UP)
    play.answer("profiles", COLLECT, profile=Found(count=1))
    assert play.state is State.REVIEWING
    assert [line.custodian for line in gaps(play.case.lines)] == ["shop"]
    assert play.entries[-1].facts["gaps"] == ["shop/profile"]


def test_who_gave_up_is_not_asked_for_new_identifiers_either() -> None:
    play = access(PROFILES, a_manifest("both", needs=(EMAIL, CUSTOMER)))
    play.answer("both", COLLECT, outcome=GAVE_UP)
    play.answer("profiles", COLLECT, a_claim(CUSTOMER), profile=Found(count=1))
    assert (play.state, play.outbox) == (State.REVIEWING, [])


def test_an_erasure_never_goes_on_with_a_failed_search() -> None:
    play = erasure(PROFILES, a_manifest("shop"))
    play.answer("shop", PREVIEW, outcome=GAVE_UP)
    play.answer("profiles", PREVIEW, profile=Found(count=1))
    assert (play.state, play.blocked_by) == (State.SEARCHING, Blocked.SEARCH_FAILED)


def test_a_late_truth_unblocks_a_failed_search() -> None:
    play = erasure(PROFILES)
    play.answer("profiles", PREVIEW, outcome=GAVE_UP)
    play.answer("profiles", PREVIEW, profile=Found(count=1))
    assert (play.state, play.blocked_by) == (State.AWAITING_APPROVAL, None)


def test_an_answer_that_changes_nothing_leaves_the_owner_in_place() -> None:
    play = erasure(PROFILES)
    play.answer("profiles", PREVIEW, outcome=GAVE_UP)
    play.answer("profiles", PREVIEW, outcome=GAVE_UP)
    assert (play.events()[-1], play.blocked_by) == (Event.ANSWER_OUTDATED, Blocked.SEARCH_FAILED)


def test_everything_not_held_closes_an_erasure_as_no_data_without_approvals() -> None:
    play = erasure(a_manifest("crm"), a_manifest("shop"), ORDERS)
    play.answer("crm", PREVIEW, profile=NotFound())
    play.answer("shop", PREVIEW, profile=NotFound())
    assert (play.state, play.request.outcome) == (State.CLOSED, Outcome.NO_DATA)
    assert play.events()[-1] is Event.NOTHING_HELD
    assert play.request.asking == 0


@pytest.mark.parametrize("result", [Unsupported(), Retained.model_validate(
    {"count": 1, "ground": "A17LegalClaims", "until": "2030-01-01"})])  # fmt: skip
def test_anything_but_not_held_is_shown_to_the_approvers(result: Unsupported | Retained) -> None:
    play = erasure(a_manifest("crm"))
    play.answer("crm", PREVIEW, profile=result)
    assert play.state is State.AWAITING_APPROVAL


def test_a_custodian_that_cannot_do_what_is_needed_is_a_gap_and_is_not_asked() -> None:
    play = access(PROFILES, a_manifest("shop", operations=[PREVIEW]))
    assert [[task.custodian for task in each.tasks] for each in play.sent] == [["profiles"]]
    play.answer("profiles", COLLECT, profile=Found(count=1))
    assert outcome_of(Kind.ACCESS, play.case.lines) is Outcome.PARTIAL


def test_after_four_rounds_a_person_decides_whether_there_is_one_more() -> None:
    play = access(ECHO)
    for n in range(4):
        play.dispatch()
        play.answer("echo", COLLECT, a_claim(CUSTOMER, f"c-{n}"), profile=Found(count=1))
    assert (play.state, play.blocked_by) == (State.SEARCHING, Blocked.ROUNDS)
    assert (play.request.search_round, play.outbox) == (4, [])
    play.do(retry)
    assert (play.request.search_round, play.blocked_by) == (5, None)
    play.dispatch()
    play.answer("echo", COLLECT, profile=Found(count=1))
    assert (play.state, play.request.search_round) == (State.REVIEWING, 5)


def test_a_proposed_identifier_waits_for_a_person_and_is_asked_for_once_admitted() -> None:
    household = a_manifest("household", provides={CUSTOMER: Link.SHARED})
    play = access(household, ORDERS)
    play.answer("household", COLLECT, a_claim(CUSTOMER), profile=Found(count=1))
    assert play.blocked_by is Blocked.IDENTIFIERS
    assert Event.IDENTIFIERS_PROPOSED in play.events()
    play.do(lambda draft: _decide(draft, admit=True))
    assert asked(play) == ["orders"]
    assert play.blocked_by is None


def test_a_rejected_identifier_is_asked_of_nobody() -> None:
    household = a_manifest("household", provides={CUSTOMER: Link.SHARED})
    play = access(household, ORDERS)
    play.answer("household", COLLECT, a_claim(CUSTOMER), profile=Found(count=1))
    play.do(lambda draft: _decide(draft, admit=False))
    assert (play.state, play.outbox) == (State.REVIEWING, [])


def _decide(draft: Draft, *, admit: bool) -> None:
    proposed = draft.known[-1]
    draft.put_known([decide(proposed, admit=admit, search_round=draft.request.search_round)])
    draft.note(Event.IDENTIFIER_ADMITTED if admit else Event.IDENTIFIER_REJECTED)
    search.advance(draft)


def test_nobody_is_verified_for_a_search_that_has_nobody_to_ask() -> None:
    with pytest.raises(Conflict):
        Play(replace(a_case(), members={})).open()


def test_released_in_part_stays_partial_and_a_late_answer_changes_nothing_but_the_log() -> None:
    play = access(PROFILES, a_manifest("shop"))
    play.answer("profiles", COLLECT, a_claim(CUSTOMER), profile=Found(count=1))
    play.do(lambda draft: search.release(draft, in_part=True))
    assert (play.state, play.request.partial) == (State.REPORTING, True)
    before = play.case
    play.answer("shop", COLLECT, a_claim(DEVICE, "d"), profile=Found(count=2))
    assert play.events()[-1] is Event.ANSWER_LATE
    assert (play.case.lines, play.case.identifiers) == (before.lines, before.identifiers)
    assert (play.state, play.request.partial, play.outbox) == (State.REPORTING, True, [])
    assert outcome_of(Kind.ACCESS, play.case.lines, partial=play.request.partial) is Outcome.PARTIAL


def test_an_unfinished_search_is_released_only_in_part_and_a_finished_one_is_not_partial() -> None:
    play = access(PROFILES)
    with pytest.raises(Conflict):
        play.do(lambda draft: search.release(draft, in_part=False))
    play.answer("profiles", COLLECT, profile=Found(count=1))
    play.do(lambda draft: search.release(draft, in_part=False))
    assert (play.state, play.request.partial) == (State.REPORTING, False)


def test_an_erasure_is_never_released() -> None:
    play = awaiting()
    with pytest.raises(Conflict):
        play.do(lambda draft: search.release(draft, in_part=True))


def test_an_unverified_request_asks_nobody() -> None:
    draft = Draft(a_case(request=a_request(Kind.ACCESS)), at=Play(a_case()).at, policy=POLICY)
    with pytest.raises(IllegalTransition):
        search.begin(draft)


def test_an_answer_to_an_earlier_round_moves_nothing() -> None:
    play = access(PROFILES, a_manifest("both", needs=(EMAIL, CUSTOMER)))
    first = play.task("both", COLLECT)
    play.answer("both", COLLECT, profile=Found(count=1))
    play.answer("profiles", COLLECT, a_claim(CUSTOMER), profile=Found(count=1))
    play.dispatch()
    play.hear(said(an_answer(first, says(profile=Found(count=9)))))
    assert play.events()[-1] is Event.ANSWER_OUTDATED
    assert play.task("both", COLLECT).state is TaskState.ISSUED


def test_an_identifier_known_already_starts_no_round() -> None:
    known = (given(EMAIL), given(CUSTOMER, "c-1", n=2))
    play = access(PROFILES, ORDERS, identifiers=known)
    play.answer("profiles", COLLECT, a_claim(IdentifierKind.CUSTOMER_ID, "c-1"), profile=Found(count=1))
    play.answer("orders", COLLECT, profile=Found(count=1))
    assert (play.state, play.request.search_round) == (State.REVIEWING, 1)
