"""Whom a request waits for: every state and every reason has its words and its next command."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from contracts.command import Operation
from contracts.ids import CustodianId, RequestId
from orchestrator.domain.request import TRANSITIONS, Blocked, Kind, State
from orchestrator.entrypoints.api.waiting import STUCK, On, waiting
from orchestrator.store.views.requests import Owed, Summary

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
OWED = Owed(custodian=CustodianId("crm"), operation=Operation.COLLECT, since=NOW - timedelta(hours=3), last_heard=None)


def a_summary(state: State, *, kind: Kind = Kind.ACCESS, owed: bool = False, signatures: int = 0) -> Summary:
    return Summary(
        id=RequestId(UUID(int=1)), kind=kind, state=state, outcome=None, version=3, regime="eu_gdpr",
        controller="Example", test=False, received_on=date(2026, 11, 1), due=date(2026, 12, 1), blocked_by=None,
        partial=False, begun=False, signatures=signatures, opened_at=NOW, changed_at=NOW, grace_until=NOW,
        wake_at=NOW, owed=(OWED,) if owed else (),
    )  # fmt: skip


@pytest.mark.parametrize(("kind", "state"), [(kind, state) for kind in Kind for state in TRANSITIONS[kind]])
@pytest.mark.parametrize("owed", [False, True])
def test_every_state_says_whom_it_waits_for_and_what_to_do(kind: Kind, state: State, owed: bool) -> None:
    told = waiting(a_summary(state, kind=kind, owed=owed))
    assert told.why
    assert (told.next_command is None) == (state in {State.CLOSED, State.SHREDDED})
    assert (told.on is On.NOBODY) == (state in {State.CLOSED, State.SHREDDED})


@pytest.mark.parametrize("reason", list(Blocked))
def test_every_reason_to_be_stuck_waits_for_a_person_of_ours(reason: Blocked) -> None:
    told = waiting(replace(a_summary(State.SEARCHING, owed=True), blocked_by=reason))
    assert (told.on, told.why) == (On.US, STUCK[reason])
    assert told.next_command


def test_a_silent_custodian_is_named_with_since_when_and_the_way_out() -> None:
    told = waiting(a_summary(State.SEARCHING, owed=True))
    assert (told.on, told.why, told.since) == (On.CUSTODIANS, "waiting for crm", OWED.since)
    assert told.next_command == f"dsar request release {UUID(int=1)} --in-part"


def test_an_erasure_is_never_offered_to_go_on_without_somebody() -> None:
    told = waiting(a_summary(State.SEARCHING, kind=Kind.ERASURE, owed=True))
    assert "release" not in (told.next_command or "")


@pytest.mark.parametrize("signatures", [0, 1])
def test_missing_signatures_are_counted(signatures: int) -> None:
    told = waiting(a_summary(State.AWAITING_APPROVAL, kind=Kind.ERASURE, signatures=signatures))
    assert told.why.startswith(f"{2 - signatures} of 2 approvers")


def test_grace_says_until_when_it_can_be_stopped() -> None:
    assert waiting(a_summary(State.GRACE, kind=Kind.ERASURE)).until == NOW


def test_a_request_that_has_ended_waits_for_no_custodian_whatever_it_still_owes() -> None:
    assert waiting(a_summary(State.CLOSED, owed=True)).custodians == ()
