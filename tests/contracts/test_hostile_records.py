"""Records that nobody in their right mind would send: none is opened, none raises, each is refused by its word."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.dead_letter import Refusal
from contracts.envelope import close_envelope
from contracts.topics import MAX_MESSAGE_BYTES
from tests.contracts.builders import (
    CRM_KEY,
    FakeRecord,
    a_command,
    a_heartbeat,
    delivered,
    heard,
    re_signed,
    read,
    refusal_of,
    the_answer_record,
    the_command,
    the_command_record,
    with_header,
    without_header,
)


def saying(record: FakeRecord, **changes: object) -> FakeRecord:
    """Change fields of the value and sign it anew."""
    assert record.value is not None
    return re_signed(replace(record, value=json.dumps({**json.loads(record.value), **changes}).encode()))


@pytest.mark.parametrize("value", [b"", b"{", b"\xff\xfe", b'{"v": 1', b"not json"])
def test_what_is_not_json_is_refused_even_if_signed(value: bytes) -> None:
    assert refusal_of(read(re_signed(replace(the_command_record(), value=value)))) is Refusal.NOT_JSON


@pytest.mark.parametrize("value", [b"[]", b"1", b"null", b"{}", b'{"v": 1}', b'{"v": "2"}', b'{"v": 0}'])
def test_json_that_is_no_message_is_refused(value: bytes) -> None:
    assert refusal_of(read(re_signed(replace(the_command_record(), value=value)))) is Refusal.BAD_SCHEMA


@pytest.mark.parametrize(
    "changes",
    [{"round": "1"}, {"round": 1.5}, {"round": 2**31}, {"iat": -1}, {"operation": "obliterate"}, {"slices": []}],
)
def test_a_field_out_of_its_bounds_is_refused(changes: dict[str, object]) -> None:
    assert refusal_of(read(saying(the_command_record(), **changes))) is Refusal.BAD_SCHEMA


def test_the_future_is_named_before_the_schema_is_judged() -> None:
    assert refusal_of(read(saying(the_command_record(), v=2, slices="otherwise"))) is Refusal.FUTURE_VERSION


def test_unknown_fields_of_a_newer_peer_are_ignored() -> None:
    assert the_command(read(saying(the_command_record(), hint="new")))


def test_a_message_over_the_size_is_refused_before_anything_is_read() -> None:
    assert refusal_of(read(FakeRecord(value=b"x" * (MAX_MESSAGE_BYTES + 1)))) is Refusal.TOO_LARGE
    big = with_header(FakeRecord(), "note", b"x" * MAX_MESSAGE_BYTES)
    assert refusal_of(read(big)) is Refusal.TOO_LARGE


def test_a_tombstone_is_refused() -> None:
    assert refusal_of(read(FakeRecord(key=b"x"))) is Refusal.NO_SIGNATURE
    assert refusal_of(read(replace(the_command_record(), value=None))) is Refusal.BAD_SIGNATURE


def test_a_missing_key_is_refused_even_if_signed() -> None:
    assert refusal_of(read(replace(the_command_record(), key=None))) is Refusal.BAD_SIGNATURE
    assert refusal_of(read(re_signed(replace(the_command_record(), key=None)))) is Refusal.WRONG_KEY


def test_another_requests_key_is_refused_even_if_signed() -> None:
    record = replace(the_command_record(), key=b"7d1f1c1e-9a53-4a6b-8c11-0c2f53b0a00f")
    assert refusal_of(read(record)) is Refusal.BAD_SIGNATURE
    assert refusal_of(read(re_signed(record))) is Refusal.WRONG_KEY


@pytest.mark.parametrize(
    "name", ["content-type", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "kid", "sig", "to", "other"]
)
def test_header_bytes_that_are_no_text_never_raise(name: str) -> None:
    outcome = read(with_header(the_command_record(), name, b"\xff\x00"))
    assert len(outcome.opened) == int(name == "other")
    assert outcome.skipped.unaddressed == int(name == "to")


@pytest.mark.parametrize("name", ["content-type", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"])
@pytest.mark.parametrize("content", [b"else", b"", None])
def test_a_header_that_contradicts_the_body_is_refused(name: str, content: bytes | None) -> None:
    assert refusal_of(read(with_header(the_command_record(), name, content))) is Refusal.WRONG_HEADERS
    assert refusal_of(read(without_header(the_command_record(), name))) is Refusal.WRONG_HEADERS


@pytest.mark.parametrize("name", ["kid", "sig", "ce_id", "to"])
def test_a_header_of_ours_given_twice_is_refused(name: str) -> None:
    record = the_command_record()
    twice = replace(record, headers=(*record.headers, (name, dict(record.headers)[name])))
    assert refusal_of(read(twice)) is Refusal.WRONG_HEADERS


def test_headers_of_others_may_stand_twice() -> None:
    record = the_command_record()
    assert the_command(read(replace(record, headers=(*record.headers, ("hop", b"a"), ("hop", b"b")))))


def test_one_kind_of_message_is_never_read_as_another() -> None:
    answer = with_header(the_answer_record(), "ce_type", b"dsar.heartbeat")
    beat = with_header(delivered(close_envelope(a_heartbeat(), signer=CRM_KEY)), "ce_type", b"dsar.answer")
    assert [each.refusal for each in heard(answer, beat).rejected] == [Refusal.BAD_SCHEMA, Refusal.BAD_SCHEMA]


def test_every_byte_of_a_message_is_covered() -> None:
    record = the_command_record()
    assert record.key is not None
    assert record.value is not None
    flipped = [
        *(replace(record, key=each) for each in flips(record.key)),
        *(replace(record, value=each) for each in flips(record.value)),
        *(
            with_header(record, name, each)
            for name, content in record.headers
            if name != "to" and content is not None
            for each in flips(content)
        ),
    ]
    outcome = read(*flipped)
    assert (len(outcome.opened), len(outcome.rejected)) == (0, len(flipped))


def flips(content: bytes) -> list[bytes]:
    """Return *content* with the lowest bit of each byte flipped in turn."""
    return [content[:n] + bytes([content[n] ^ 1]) + content[n + 1 :] for n in range(len(content))]


@given(data=st.data())
def test_no_flipped_bit_of_a_header_is_ever_opened(data: st.DataObject) -> None:
    record = the_command_record()
    name, content = data.draw(st.sampled_from(record.headers))
    assert content is not None
    at, bit = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(0, 7))
    flipped = content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
    assert read(with_header(record, name, flipped)).opened == []


@given(
    key=st.none() | st.binary(max_size=40),
    value=st.none() | st.binary(max_size=200),
    headers=st.lists(
        st.tuples(st.sampled_from(["kid", "sig", "to", "ce_type", "x"]), st.none() | st.binary(max_size=20))
    ),
)
def test_rubbish_never_raises_and_never_opens(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    outcome = read(FakeRecord(key=key, value=value, headers=headers))
    assert outcome.opened == []
    assert len(outcome.rejected) + outcome.skipped.unaddressed == 1


def test_no_signed_json_makes_the_door_raise() -> None:
    hostile = [
        b"[" * 5000,
        b'{"v":' * 3000,
        b'{"v": 99999999999999999999999999}',
        b'{"environment": 7}',
        b'{"environment": "\\ud800"}',
        json.dumps({**json.loads(a_command().to_bytes()), "iat": 10**30}).encode(),
    ]
    outcome = read(*(re_signed(replace(the_command_record(), value=value)) for value in hostile))
    unsigned = read(*(replace(the_command_record(), value=value) for value in hostile))
    assert (len(outcome.rejected), len(unsigned.rejected)) == (len(hostile), len(hostile))
