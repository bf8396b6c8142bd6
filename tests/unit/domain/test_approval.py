"""Four eyes: two trusted people's own signatures over the plan as it stands, in time."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from contracts.command import Operation
from contracts.ids import RequestId
from contracts.results import Drifted, Failed, Found
from orchestrator.domain import erasing
from orchestrator.domain.approval import Approval, Approver, Signature, TrustList, fits, genuine
from orchestrator.domain.errors import Conflict, Forbidden
from orchestrator.domain.events import Event
from orchestrator.domain.plan import document, hash_of
from orchestrator.domain.request import Blocked, Request, State
from tests.unit.domain.builders import DAY, HOUR, NOW, REQUEST, TRUST, a_line, a_request, a_signature, an_approval
from tests.unit.domain.play import Play, awaiting, erasing_now

PLANNED = replace(a_request(verified_by="verifier"), plan_hash="plan-1", asking=1)


def is_genuine(signature: Signature, request: Request = PLANNED, environment: str = "test") -> bool:
    assert request.plan_hash is not None
    return genuine(signature, TRUST, environment=environment, request=request.id, plan_hash=request.plan_hash)


def test_a_trusted_persons_signature_over_the_plan_is_genuine() -> None:
    assert is_genuine(a_signature("A", PLANNED))


def test_a_key_outside_the_trust_list_signs_nothing() -> None:
    assert not is_genuine(a_signature("D", PLANNED))


def test_a_key_signs_only_for_the_person_that_it_is_listed_for() -> None:
    assert not is_genuine(replace(a_signature("A", PLANNED), staff="B"))
    assert not is_genuine(a_signature("B", PLANNED, key="A"))


def test_a_signature_fits_no_other_plan_request_place_or_time() -> None:
    signature = a_signature("A", PLANNED)
    assert not is_genuine(signature, replace(PLANNED, plan_hash="plan-2"))
    assert not is_genuine(signature, replace(PLANNED, id=RequestId(UUID(int=2))))
    assert not is_genuine(signature, environment="production")
    assert not is_genuine(replace(signature, signed_at=NOW + HOUR))


def fitting(approval: Approval, request: Request, trust: TrustList, *, plan_hash: str | None = None) -> bool:
    sent = plan_hash or PLANNED.plan_hash or ""
    return fits(approval, request, trust, environment="test", plan_hash=sent, not_before=NOW - HOUR)


def test_two_different_trusted_people_fit() -> None:
    assert fitting(an_approval(PLANNED, "A", "B"), PLANNED, TRUST)


@pytest.mark.parametrize(
    ("people", "request_"),
    [
        (["A"], PLANNED),
        (["A", "A"], PLANNED),
        (["A", "D"], PLANNED),
        (["D", "A"], PLANNED),
        (["A", "B"], replace(PLANNED, opened_by="A")),
        (["A", "B"], replace(PLANNED, verified_by="B")),
        (["A", "B"], replace(PLANNED, plan_hash="plan-2")),
    ],
    ids=["one", "twice the same", "second untrusted", "first untrusted", "opener", "verifier", "another plan"],
)
def test_rows_that_are_not_two_fitting_signatures_are_worth_nothing(people: list[str], request_: Request) -> None:
    assert not fitting(an_approval(PLANNED, *people), request_, TRUST)


def test_signatures_fit_no_other_plan_than_the_one_that_is_sent() -> None:
    assert not fitting(an_approval(PLANNED, "A", "B"), PLANNED, TRUST, plan_hash="what is in the tables now")


def test_signatures_of_an_asking_that_ended_long_ago_fit_no_more() -> None:
    old = an_approval(PLANNED, "A", "B")
    later = NOW + timedelta(seconds=1)
    assert not fits(old, PLANNED, TRUST, environment="test", plan_hash=PLANNED.plan_hash or "", not_before=later)


def test_one_person_with_two_keys_is_one_person() -> None:
    trust = TRUST | {"kid-B": Approver(staff="A", kid="kid-B", public=TRUST["kid-B"].public)}
    approval = replace(an_approval(PLANNED, "A"), second=a_signature("A", PLANNED, key="B"))
    assert not fitting(approval, PLANNED, trust)


@pytest.mark.parametrize(("apart", "expected"), [(24 * HOUR, True), (24 * HOUR + timedelta(seconds=1), False)])
def test_signatures_more_than_a_day_apart_do_not_fit(apart: timedelta, expected: bool) -> None:
    approval = replace(an_approval(PLANNED, "A"), second=a_signature("B", PLANNED, at=NOW + apart))
    assert fitting(approval, PLANNED, TRUST) is expected


def test_the_second_signature_starts_grace() -> None:
    play = awaiting()
    play.approve("A")
    assert (play.state, play.request.wake_at) == (State.AWAITING_APPROVAL, play.at + DAY)
    play.approve("B")
    assert (play.state, play.request.grace_until) == (State.GRACE, play.at + play.policy.grace)


def test_the_same_person_cannot_approve_twice() -> None:
    play = awaiting()
    play.approve("A")
    with pytest.raises(Forbidden):
        play.approve("A")


@pytest.mark.parametrize("role", ["opened_by", "verified_by"])
def test_who_opened_the_request_or_verified_the_person_cannot_approve_it(role: str) -> None:
    play = awaiting()
    changed = replace(play.request, opened_by="A") if role == "opened_by" else replace(play.request, verified_by="A")
    play.case = replace(play.case, request=changed)
    with pytest.raises(Forbidden):
        play.approve("A")


def test_nothing_is_approved_outside_of_its_state() -> None:
    play = awaiting().approved()
    with pytest.raises(Conflict):
        play.approve("C")


def test_a_first_signature_lapses_after_a_day_and_fits_nothing_afterwards() -> None:
    play = awaiting()
    play.approve("A")
    old = a_signature("A", play.request, at=play.at)
    play.pass_time(DAY)
    assert play.events()[-1] is Event.APPROVAL_LAPSED
    assert (play.state, play.request.asking, play.case.approval) == (State.AWAITING_APPROVAL, 2, None)
    assert not is_genuine(old, play.request)
    play.approved()
    assert play.state is State.GRACE


def test_a_second_signature_that_is_too_late_is_refused_though_the_clock_has_not_come_by() -> None:
    play = awaiting()
    play.approve("A")
    play.at += DAY
    with pytest.raises(Conflict):
        play.approve("B")


@pytest.mark.parametrize("off", [-24 * HOUR, timedelta(minutes=3)])
def test_a_signature_that_was_not_made_now_is_refused(off: timedelta) -> None:
    play = awaiting()
    signature = a_signature("A", play.request, at=play.at + off)
    with pytest.raises(Conflict):
        play.do(lambda draft: erasing.approve(draft, signature))


def test_nothing_is_approved_while_it_is_previewed_again_nor_when_that_failed() -> None:
    play = drifted()
    with pytest.raises(Conflict):
        play.approve("A")
    play.dispatch()
    play.answer("crm", Operation.PREVIEW, outcome=Failed(retryable=False, error="Broken"))
    assert play.request.blocked_by is Blocked.SEARCH_FAILED
    with pytest.raises(Conflict):
        play.approve("A")


def drifted() -> Play:
    play = erasing_now()
    play.answer("crm", Operation.ERASE, outcome=Drifted())
    assert play.state is State.AWAITING_APPROVAL
    return play


def test_what_is_previewed_again_is_a_plan_of_its_own() -> None:
    play = drifted()
    first = play.request.plan_hash
    play.dispatch()
    play.answer("crm", Operation.PREVIEW, profile=Found(count=9))
    assert play.events()[-1] is Event.PREVIEWED_AGAIN
    assert play.request.plan_hash != first


def test_the_hash_of_a_plan_does_not_depend_on_the_order_of_rows_nor_on_counts() -> None:
    lines = [a_line(custodian="crm"), a_line(custodian="shop")]
    counted = [replace(each, previewed=(Found(count=5),)) for each in reversed(lines)]
    hashes = {
        hash_of(
            document(
                environment="test",
                generation=0,
                request=REQUEST,
                search_round=1,
                asking=1,
                lines=each,
                commitment="c",
            )
        )
        for each in (lines, counted)
    }
    assert len(hashes) == 1


def a_hash(
    environment: str = "test",
    round_: int = 1,
    asking: int = 1,
    commitment: str = "c",
    level: int = 1,
    *,
    generation: int = 0,
) -> str:
    return hash_of(
        document(
            environment=environment,
            generation=generation,
            request=REQUEST,
            search_round=round_,
            asking=asking,
            lines=[a_line(level=level)],
            commitment=commitment,
        )
    )


def test_every_part_of_a_plan_changes_its_hash() -> None:
    hashes = [a_hash(), a_hash("x"), a_hash(round_=2), a_hash(asking=2), a_hash(commitment="d"), a_hash(level=2)]
    hashes.append(a_hash(generation=1))
    assert len(set(hashes)) == len(hashes)
    assert a_hash() == a_hash()
