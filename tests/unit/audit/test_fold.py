from dataclasses import replace
from typing import cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import RequestId
from orchestrator.audit.fold import BrokenStory, Folded, fold
from orchestrator.audit.leaf import Leaf, leaf_bytes, parse
from orchestrator.domain.events import FACTS, Event
from orchestrator.domain.request import TRANSITIONS, Kind, Outcome, State
from tests.unit.audit.builders import REQUEST, a_story, an_entry

OTHER = RequestId(UUID(int=2))
TO_SEARCH = (Event.OPENED, Event.IDENTITY_CONFIRMED, Event.PLAN_FROZEN)
TO_DELIVERY = (*TO_SEARCH, Event.COMMAND_ISSUED, Event.ANSWER_ACCEPTED, Event.SEARCH_ENDED, Event.RELEASED)


@st.composite
def walks(draw: st.DrawFn, kind: Kind) -> tuple[list[Event], State]:
    """A walk through the domain's table, facts that move nothing strewn in, and where it ends."""
    events, state = [Event.OPENED], State.RECEIVED
    for _ in range(draw(st.integers(0, 15))):
        row = TRANSITIONS[kind][state]
        event = draw(st.sampled_from(sorted({*row, *FACTS} - {Event.OPENED})))
        events.append(event)
        state = row.get(event, state)
    return events, state


@given(data=st.data(), kind=st.sampled_from(Kind))
def test_leaves_in_any_order_fold_to_the_state_that_the_table_leads_to(data: st.DataObject, kind: Kind) -> None:
    events, state = data.draw(walks(kind))
    leaves = data.draw(st.permutations(a_story(kind, events)))
    assert fold(leaves) == {REQUEST: Folded(kind=kind, state=state, version=len(events), outcome=None)}


@given(data=st.data())
def test_requests_fold_apart_though_their_leaves_lie_mixed(data: st.DataObject) -> None:
    first, second = a_story("access", TO_DELIVERY), a_story("erasure", TO_SEARCH, request=OTHER)
    staff = parse(leaf_bytes(replace(an_entry(Event.STAFF_ADDED), request=None, version=0), None))
    states = fold(data.draw(st.permutations([*first, *second, staff])))
    assert {request: each.state for request, each in states.items()} == {
        REQUEST: State.REPORTING,
        OTHER: State.SEARCHING,
    }


def with_facts(leaf: Leaf, **facts: str) -> Leaf:
    return replace(leaf, facts={**leaf.facts, **facts})


def test_the_last_outcome_told_is_the_outcome() -> None:
    *before, end = a_story("access", [*TO_SEARCH, Event.WITHDRAWN])
    leaves = [*before, with_facts(end, outcome="withdrawn", state="closed")]
    assert fold(leaves)[REQUEST].outcome is Outcome.WITHDRAWN


def test_no_leaf_makes_no_state() -> None:
    assert fold([]) == {}


@pytest.mark.parametrize("gone", range(len(TO_DELIVERY)))
def test_a_missing_leaf_breaks_the_story_unless_it_is_the_last(gone: int) -> None:
    leaves = a_story("access", TO_DELIVERY)
    del leaves[gone]
    if gone == len(TO_DELIVERY) - 1:
        assert fold(leaves)[REQUEST].state is State.REVIEWING  # only a checkpoint can tell that the tail is missing
        return
    with pytest.raises(BrokenStory):
        fold(leaves)


def test_a_doubled_leaf_breaks_the_story() -> None:
    leaves = a_story("access", TO_SEARCH)
    with pytest.raises(BrokenStory):
        fold([*leaves, leaves[1]])


def test_an_event_that_the_table_does_not_know_here_breaks_the_story() -> None:
    with pytest.raises(BrokenStory):
        fold(a_story("erasure", [Event.OPENED, Event.POINT_OF_NO_RETURN]))


def test_a_leaf_that_names_another_state_breaks_the_story() -> None:
    first, second, third = a_story("access", TO_SEARCH)
    with pytest.raises(BrokenStory):
        fold([first, second, with_facts(third, state="closed")])


@pytest.mark.parametrize("kind", [None, "rectification"])
def test_an_opening_of_no_known_kind_breaks_the_story(kind: str | None) -> None:
    with pytest.raises(BrokenStory):
        fold(a_story(cast("str", kind), TO_SEARCH))


def test_a_story_that_begins_in_the_middle_is_broken() -> None:
    with pytest.raises(BrokenStory):
        fold(a_story("access", [Event.IDENTITY_CONFIRMED]))
