import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import CustodianId
from orchestrator.audit.leaf import MAX_LEAF_BYTES, BrokenLeaf, commitment, leaf_bytes, parse
from orchestrator.domain.events import Detail, Event, event_id
from tests.unit.audit.builders import AT, REQUEST, an_entry

SALT = b"s" * 32
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
FACTS = st.dictionaries(
    TEXTS,
    TEXTS
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.booleans()
    | st.none()
    | st.lists(TEXTS, max_size=3)
    | st.dictionaries(TEXTS, st.integers(0, 9), max_size=3),
    max_size=4,
)


def test_the_bytes_of_a_leaf_are_these_for_ever() -> None:
    entry = an_entry(
        custodian=CustodianId("shop"),
        facts={
            "state": "reviewing",
            "counts": {"orders": 2, "Über": 1},
            "gaps": ["a", "b"],
            "late": False,
            "error": None,
        },
        causes=[event_id(REQUEST, 6)],
        detail=Detail(text="somebody's words", salt=bytes(32), sealed="sealed"),
    )
    assert leaf_bytes(entry, commitment(SALT, "somebody's words")) == (
        b'{"actor":"system","at":"2026-03-01T12:00:00.000000Z",'
        b'"c":"b094cc5a96181d46c13b7153913cd161a78db7bc3a3cf19154e504fa1c2b6994",'
        b'"causes":["bdf34864-2442-8702-8e6b-94e2ce089387"],"custodian":"shop",'
        b'"facts":{"counts":{"orders":2,"\xc3\x9cber":1},"error":null,"gaps":["a","b"],"late":false,"state":"reviewing"},'
        b'"id":"0535acbc-f4dc-866b-9dfc-815e37dc077e","n":7,"request":"00000000-0000-0000-0000-000000000001",'
        b'"type":"answer.accepted","v":1}'
    )


@given(
    facts=FACTS, at=st.datetimes(timezones=st.just(UTC)), event=st.sampled_from(Event), version=st.integers(0, 10**6)
)
def test_a_leaf_reads_back_as_it_was_written(facts: dict[str, str], at: datetime, event: Event, version: int) -> None:
    entry = an_entry(event, at=at, version=version, facts=facts)
    leaf = parse(leaf_bytes(entry, b"c" * 32))
    assert (leaf.id, leaf.event, leaf.at, leaf.request) == (entry.id, event, at, REQUEST)
    assert (leaf.version, leaf.facts, leaf.commitment) == (version, facts, b"c" * 32)


def test_the_zone_and_the_order_of_facts_do_not_change_the_bytes() -> None:
    there = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    first = leaf_bytes(an_entry(at=AT, facts={"a": 1, "b": 2}), None)
    assert leaf_bytes(an_entry(at=there, facts={"b": 2, "a": 1}), None) == first


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        leaf_bytes(an_entry(at=AT.replace(tzinfo=None)), None)


def test_the_detail_is_not_in_the_leaf() -> None:
    entry = an_entry(detail=Detail(text="ada@example.org", salt=bytes(32), sealed="sealed"))
    assert b"ada" not in leaf_bytes(entry, commitment(SALT, "ada@example.org"))


def test_a_commitment_follows_from_salt_and_detail() -> None:
    assert commitment(SALT, "x") == commitment(SALT, "x")
    assert commitment(SALT, "x") != commitment(b"t" * 32, "x")
    assert commitment(SALT, "x") != commitment(SALT, "y")


def test_a_short_salt_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        commitment(b"salt", "x")


def test_a_leaf_that_no_bundle_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        leaf_bytes(an_entry(facts={"much": "x" * MAX_LEAF_BYTES}), None)


def altered(**changes: object) -> bytes:
    told = json.loads(leaf_bytes(an_entry(), None)) | changes
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def test_the_test_below_alters_what_is_right() -> None:
    assert parse(altered()) == parse(leaf_bytes(an_entry(), None))


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"more": 1},
        {"type": "request.eaten"},
        {"at": "2026-03-01T12:00:00Z"},
        {"at": "2026-13-01T12:00:00.000000Z"},
        {"n": -1},
        {"n": True},
        {"id": "nobody"},
        {"request": "00000000-0000-0000-0000-00000000000A"},
        {"c": "00"},
        {"facts": {"share": 0.5}},
        {"facts": {"deep": {"deeper": {}}}},
    ],
    ids=str,
)
def test_what_is_no_leaf_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BrokenLeaf):
        parse(altered(**changes))


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", leaf_bytes(an_entry(), None) + b"\n", b" " + altered()])
def test_bytes_that_are_not_canonical_are_refused(data: bytes) -> None:
    with pytest.raises(BrokenLeaf):
        parse(data)


@given(place=st.integers(0, 200), bit=st.integers(0, 7))
def test_no_flipped_bit_reads_as_the_same_leaf(place: int, bit: int) -> None:
    data = bytearray(leaf_bytes(an_entry(), b"c" * 32))
    original = parse(bytes(data))
    data[place % len(data)] ^= 1 << bit
    try:
        assert parse(bytes(data)) != original
    except BrokenLeaf:
        return


def test_a_fact_about_no_request_has_none() -> None:
    leaf = parse(leaf_bytes(replace(an_entry(Event.STAFF_ADDED), request=None, version=0), None))
    assert (leaf.request, leaf.version) == (None, 0)
