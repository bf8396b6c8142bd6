"""Exports of the log, put together, and what they tell beyond the tables."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from contracts.ids import EventId, RequestId
from orchestrator.audit.fold import BrokenStory, fold
from orchestrator.audit.leaf import Leaf, leaf_bytes, parse
from orchestrator.audit.outside import UnfitLog, beyond, generation_of, lost_request, merged, named, told_of
from orchestrator.domain.events import Event, Facts
from orchestrator.domain.request import Outcome, State
from tests.unit.audit.builders import REQUEST, a_story, an_entry

TO_GRACE = (
    Event.OPENED,
    Event.IDENTITY_CONFIRMED,
    Event.PLAN_FROZEN,
    Event.SEARCH_ENDED,
    Event.APPROVED_ONCE,
    Event.APPROVED_TWICE,
)


def a_leaf(event: Event, version: int, request: RequestId | None = REQUEST, **facts: str | int | None) -> bytes:
    told: Facts = dict(facts)
    entry = replace(an_entry(event, request=request, version=version, facts=told), id=EventId(UUID(int=version)))
    return leaf_bytes(entry, None)


def leaves(story: Sequence[Leaf]) -> list[bytes]:
    return [a_leaf(each.event, each.version, kind="erasure") for each in story]


LOG = leaves(a_story("erasure", TO_GRACE))
CANCELLED = a_leaf(Event.CANCELLED, 7, state="closed", outcome="cancelled")


def test_a_longer_export_goes_on_where_a_shorter_one_ended() -> None:
    assert merged([("a", LOG[:3]), ("b", LOG), ("c", LOG[:1])]) == LOG
    assert merged([("a", [each + b"\n" for each in LOG])]) == LOG


def test_exports_of_two_logs_are_refused_with_the_line() -> None:
    with pytest.raises(UnfitLog, match="b, line 2"):
        merged([("a", LOG), ("b", [LOG[0], LOG[2]])])


def test_a_file_that_was_cut_is_refused_with_the_line() -> None:
    with pytest.raises(UnfitLog, match="a, line 2"):
        merged([("a", [LOG[0], LOG[1][:-5]])])


def test_an_empty_line_is_a_number_that_an_earlier_restore_has_lost() -> None:
    with_hole = [*LOG[:2], b"", LOG[2]]
    assert merged([("a", with_hole)]) == with_hole
    assert len(beyond(with_hole).stories[REQUEST]) == 3


def test_what_the_tables_hold_already_is_not_beyond_them() -> None:
    known = parse(LOG[-1]).id
    assert [leaf.version for leaf in beyond(LOG[-2:], but={known}).stories[REQUEST]] == [5]


def test_the_newest_state_and_its_outcome_are_told_whatever_the_order() -> None:
    begun = a_leaf(Event.POINT_OF_NO_RETURN, 7, state="erasing")
    ended = a_leaf(Event.WATCH_ENDED, 9, state="closed", outcome="erased")
    taken_back = a_leaf(Event.WITHDRAWN, 8)
    told = told_of(beyond([ended, taken_back, begun]).stories[REQUEST], since=6)
    assert (told.version, told.state, told.outcome, told.withdrawn) == (9, State.CLOSED, Outcome.ERASED, True)
    assert told.ended is Outcome.ERASED


def test_what_was_known_at_the_backup_is_not_told_again() -> None:
    told = told_of(beyond([CANCELLED]).stories[REQUEST], since=7)
    assert (told.state, told.outcome, told.ended) == (None, None, None)


@pytest.mark.parametrize("event", [Event.HELD, Event.SHREDDED, Event.REOPENED])
def test_what_cannot_be_done_again_is_refused_and_not_left_out(event: Event) -> None:
    with pytest.raises(UnfitLog, match=event):
        told_of(beyond([a_leaf(event, 7)]).stories[REQUEST], since=6)


def test_a_request_that_only_the_log_knows_is_told_with_its_days_and_once() -> None:
    opened = a_leaf(Event.OPENED, 1, kind="access", state="received", received_on="2026-03-01", due="2026-04-01")
    lost = lost_request(REQUEST, beyond([opened]).stories[REQUEST])
    assert lost is not None
    assert (lost.kind, lost.received_on, lost.due, lost.version) == ("access", "2026-03-01", "2026-04-01", 1)
    assert lost_request(REQUEST, beyond([opened, a_leaf(Event.LOST, 2)]).stories[REQUEST]) is None


def test_what_is_about_no_request_is_found_by_what_it_names() -> None:
    gone = a_leaf(Event.STAFF_DISABLED, 0, None, staff="st_gone")
    done = a_leaf(Event.RECOVERED, 1, None, generation=7)
    others = beyond([gone, gone, done]).others
    assert named(others, Event.STAFF_DISABLED, "staff") == ["st_gone"]
    assert (generation_of(others), generation_of(others[:1])) == (7, 0)


def test_after_a_restore_the_fold_takes_the_state_that_the_tables_fell_back_to() -> None:
    restored = a_leaf(Event.RESTORED, 8, state="searching", outcome=None)
    folded = fold(parse(each) for each in [*LOG, CANCELLED, restored])[REQUEST]
    assert (folded.state, folded.outcome, folded.version) == (State.SEARCHING, None, 8)


def test_only_a_restore_may_skip_versions() -> None:
    restored = a_leaf(Event.RESTORED, 20, state="grace", outcome=None)
    assert fold(parse(each) for each in [*LOG, restored])[REQUEST].version == 20
    with pytest.raises(BrokenStory, match="missing or doubled"):
        fold(parse(each) for each in [*LOG, a_leaf(Event.CANCELLED, 20)])
    with pytest.raises(BrokenStory, match="missing or doubled"):
        fold(parse(each) for each in [*LOG, a_leaf(Event.RESTORED, 6, state="grace")])


def test_a_lost_request_has_no_state_any_more() -> None:
    assert fold(parse(each) for each in [*LOG[:2], a_leaf(Event.LOST, 9)]) == {}
