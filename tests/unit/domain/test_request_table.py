"""Every pair of state and event, for both kinds: a row moves the request as written here, all else is refused."""

from dataclasses import replace
from itertools import product

import pytest

from orchestrator.domain.errors import IllegalTransition
from orchestrator.domain.events import FACTS, Event
from orchestrator.domain.request import TRANSITIONS, Kind, State
from tests.unit.domain.builders import a_request

BOTH = """
received request.opened received | identity.confirmed verified | identity.failed closed
received request.withdrawn closed | request.cancelled closed | request.refused closed
verified plan.frozen searching | request.withdrawn closed | request.cancelled closed | request.refused closed
searching search.round_begun searching | search.identifiers_proposed searching
searching identifier.admitted searching | identifier.rejected searching
searching request.withdrawn closed | request.cancelled closed | request.refused closed
closed request.reopened searching | request.shredded shredded
received request.closed_again closed
verified request.closed_again closed
searching request.closed_again closed
"""
TABLES = {
    Kind.ACCESS: BOTH
    + """
searching search.ended reviewing | search.released_in_part reviewing
reviewing review.sent_back searching | review.released reporting
reviewing request.withdrawn closed | request.cancelled closed | request.refused closed
reporting report.built deliverable | report.failed reporting | request.withdrawn closed
deliverable report.downloaded closed | report.expired closed | report.resent deliverable | request.withdrawn closed
reviewing request.closed_again closed
reporting request.closed_again closed
deliverable request.closed_again closed
""",
    Kind.ERASURE: BOTH
    + """
searching search.ended awaiting_approval | search.nothing_held closed
awaiting_approval approval.first awaiting_approval | approval.second grace | approval.lapsed awaiting_approval
awaiting_approval approval.rejected awaiting_approval | approval.signatures_unfit awaiting_approval
awaiting_approval hold.met awaiting_approval | erase.previewed_again awaiting_approval
awaiting_approval request.withdrawn closed | request.cancelled closed | request.refused closed
grace erase.begun erasing | request.withdrawn closed | request.cancelled closed | hold.met awaiting_approval
grace approval.lapsed awaiting_approval | approval.rejected awaiting_approval
grace approval.signatures_unfit awaiting_approval | approval.voided awaiting_approval
awaiting_approval approval.voided awaiting_approval | request.closed_again closed
grace request.closed_again closed
erasing erase.ended probing | erase.halts_ended awaiting_approval | erase.withdrawal_ended closed
erasing request.withdrawn erasing | erase.drifted erasing | hold.met erasing | approval.lapsed erasing
erasing approval.rejected erasing | approval.signatures_unfit erasing | approval.voided erasing
erasing request.closed_again closed
probing request.closed_again closed
watching request.closed_again closed
probing probe.absent watching | probe.residual erasing | probe.residual_stays awaiting_approval
watching probe.absent watching | probe.begun_again watching | probe.residual_stays awaiting_approval
watching watch.ended closed
""",
}
BEGUN = (State.ERASING, State.PROBING, State.WATCHING)


def rows(kind: Kind) -> dict[tuple[State, Event], State]:
    table = {}
    for line in TABLES[kind].strip().splitlines():
        if line:
            state, moves = line.split(" ", 1)
            for move in moves.split(" | "):
                event, target = move.split(" ")
                table[State(state), Event(event)] = State(target)
    return table


@pytest.mark.parametrize("kind", Kind)
def test_every_state_moves_by_its_rows_and_refuses_everything_else(kind: Kind) -> None:
    table = rows(kind)
    for state, event in product(State, Event):
        request = a_request(kind, state=state, version=4)
        expected = state if event in FACTS else table.get((state, event))
        if expected is None:
            with pytest.raises(IllegalTransition):
                request.on(event)
        else:
            after = request.on(event)
            assert (after.state, after.version) == (expected, 5), (state, event)


@pytest.mark.parametrize("state", BEGUN)
def test_cancel_has_no_row_once_erasing_has_begun(state: State) -> None:
    assert Event.CANCELLED not in TRANSITIONS[Kind.ERASURE][state]


@pytest.mark.parametrize("state", [State.AWAITING_APPROVAL, State.GRACE])
def test_cancel_stays_closed_when_a_begun_erasure_is_sent_back_to_its_approvers(state: State) -> None:
    request = replace(a_request(state=state), begun=True)
    with pytest.raises(IllegalTransition):
        request.on(Event.CANCELLED)
    assert request.on(Event.WITHDRAWN).state is State.CLOSED


def test_nothing_moves_a_shredded_request() -> None:
    assert all(TRANSITIONS[kind][State.SHREDDED] == {} for kind in Kind)


def test_an_access_request_knows_no_state_of_an_erasure() -> None:
    reached = {target for row in TRANSITIONS[Kind.ACCESS].values() for target in row.values()}
    assert not reached & {State.AWAITING_APPROVAL, State.GRACE, *BEGUN}


@pytest.mark.parametrize("kind", Kind)
def test_every_state_of_a_kind_can_be_reached_and_left(kind: Kind) -> None:
    rows_ = TRANSITIONS[kind]
    reached = {target for state, row in rows_.items() for target in row.values()}
    assert reached == set(rows_)
    assert [state for state, row in rows_.items() if set(row.values()) <= {state}] == [State.SHREDDED]
