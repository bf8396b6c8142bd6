"""Each fact is one entry of one version; the entries alone tell the state; ids follow from what they name."""

from collections.abc import Callable
from uuid import UUID

import pytest

from contracts.command import Operation
from contracts.ids import RequestId
from contracts.results import Absent, Drifted, Found, NotFound, Residual
from orchestrator.domain import search
from orchestrator.domain.events import Event, event_id
from orchestrator.domain.request import TRANSITIONS, Outcome, Request
from tests.unit.domain.builders import REQUEST, a_claim, a_manifest, a_request
from tests.unit.domain.play import Play, access, answer_halts, erased, erasing_now, erasure, probing, watching

ERASE, PROBE = Operation.ERASE, Operation.PROBE


def fold(play: Play) -> Request:
    """The request, by replaying its entries through the table and nothing else."""
    request = a_request(play.request.kind)
    for entry in play.entries:
        outcome = entry.facts.get("outcome")
        request = request.on(entry.event, outcome=Outcome(str(outcome)) if outcome else None)
        assert entry.facts.get("state", request.state) == request.state
    return request


def released() -> Play:
    play = access(a_manifest("crm"), a_manifest("shop"))
    play.answer("crm", Operation.COLLECT, a_claim(), profile=Found(count=1))
    play.do(lambda draft: search.release(draft, in_part=True))
    play.answer("shop", Operation.COLLECT, profile=NotFound())
    return play


def ended() -> Play:
    play = watching()
    while play.request.wake_at is not None:
        play.pass_time(play.request.wake_at - play.at)
        play.answer_all(PROBE, Absent())
    return play


def sent_back() -> Play:
    play = erasing_now(a_manifest("crm"), a_manifest("shop"))
    play.answer("crm", ERASE, outcome=Drifted())
    answer_halts(play)
    play.answer_all(Operation.PREVIEW, Found(count=1))
    return play.approved()


def withdrawn() -> Play:
    play = erasing_now()
    play.withdraw()
    answer_halts(play)
    return play


def residual() -> Play:
    play = probing()
    play.answer("crm", PROBE, profile=Residual(count=1))
    play.answer_all(ERASE, erased(1))
    return play


STORIES: list[Callable[[], Play]] = [access, erasure, released, ended, sent_back, withdrawn, residual]


@pytest.mark.parametrize("story", STORIES, ids=lambda each: each.__name__)
def test_the_entries_alone_tell_where_a_request_stands(story: Callable[[], Play]) -> None:
    play = story()
    folded = fold(play)
    assert (folded.state, folded.version, folded.outcome) == (play.state, play.request.version, play.request.outcome)


@pytest.mark.parametrize("story", STORIES, ids=lambda each: each.__name__)
def test_every_version_has_its_entry_and_names_the_one_before(story: Callable[[], Play]) -> None:
    entries = story().entries
    assert [entry.version for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry.id for entry in entries] == [event_id(REQUEST, n) for n in range(1, len(entries) + 1)]
    assert [entry.causes for entry in entries] == [(), *((entry.id,) for entry in entries[:-1])]


@pytest.mark.parametrize("story", STORIES, ids=lambda each: each.__name__)
def test_the_same_facts_give_the_same_entries(story: Callable[[], Play]) -> None:
    assert story().entries == story().entries


def test_the_id_of_an_entry_is_a_version_8_uuid_of_request_and_version() -> None:
    one = event_id(REQUEST, 1)
    assert (one.version, one.variant) == (8, "specified in RFC 4122")
    assert one == UUID("2a2d7a22-ed9a-8981-951d-4cb7482d70d0")
    assert len({one, event_id(REQUEST, 2), event_id(RequestId(UUID(int=2)), 1)}) == 3


def test_an_entry_names_who_did_it() -> None:
    play = erasing_now()
    play.answer("crm", ERASE, profile=erased(1))
    actors = {entry.event: entry.actor for entry in play.entries}
    assert actors[Event.APPROVED_ONCE] == "A"
    assert actors[Event.POINT_OF_NO_RETURN] == "system"
    assert actors[Event.ANSWER_ACCEPTED] == "crm"


def test_no_entry_holds_an_identifier_nor_shows_a_detail() -> None:
    play = released()
    play.withdraw()
    assert "sealed" not in str([entry.facts for entry in play.entries])
    assert "changed my mind" not in str(play.entries)


def test_every_event_of_the_tables_is_told_by_a_stable_dotted_name() -> None:
    events = {event for rows in TRANSITIONS.values() for row in rows.values() for event in row}
    assert all(event.count(".") == 1 and event == event.lower() for event in events)
