"""Messages that left under one signature: each is opened by itself, and a reader pays for the signature once."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from contracts import signing
from contracts.command import Operation
from contracts.dead_letter import Refusal
from contracts.envelope import close_envelope, draft, weight
from contracts.keys import KeyRing
from contracts.topics import MAX_MESSAGE_BYTES
from tests.contracts.builders import (
    ACCESS_KEY,
    ACCESS_PIN,
    CRM_KEY,
    NOW,
    RING,
    STRANGER_KEY,
    FakeRecord,
    a_command,
    a_heartbeat,
    an_answer,
    crm_door,
    delivered,
    heard,
    read,
    refusal_of,
    the_command,
    together,
    with_header,
)
from tests.contracts.reference import tree_header

OPERATIONS = (Operation.COLLECT, Operation.PREVIEW, Operation.PROBE)


def a_batch(count: int = 5) -> list[FakeRecord]:
    return together(*(a_command(iat=NOW - n) for n in range(count)))


def signature_of(record: FakeRecord) -> bytes:
    return dict(record.headers)["sig"] or b""


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """Count the signatures that are looked at with a key."""
    seen: list[bytes] = []
    genuine = signing._is_signed

    def counting(public: bytes, signature: bytes, data: bytes) -> bool:
        seen.append(public)
        return genuine(public, signature, data)

    monkeypatch.setattr(signing, "_is_signed", counting)
    signing._is_root_signed.cache_clear()
    yield seen
    signing._is_root_signed.cache_clear()


def test_each_of_a_batch_is_opened_without_the_others() -> None:
    batch = together(*(a_command(operation=each) for each in OPERATIONS))
    for record, operation in zip(batch, OPERATIONS, strict=True):
        assert signature_of(record).startswith(b"tree:")
        assert the_command(read(record)).message.operation is operation


def test_a_message_alone_is_signed_as_it_always_was() -> None:
    (record,) = together(a_command())
    assert signature_of(record).startswith(b"ed25519:")
    assert the_command(read(record))


@pytest.mark.parametrize("count", [2, 100])
def test_a_batch_costs_its_reader_one_look_at_a_signature(count: int, verified: list[bytes]) -> None:
    batch = a_batch(count)
    assert len(read(*batch[: count // 2]).opened) == count // 2
    assert len(read(*batch[count // 2 :]).opened) == count - count // 2
    assert verified == [ACCESS_KEY.public]


def test_a_root_that_was_believed_once_vouches_for_nothing_else(verified: list[bytes]) -> None:
    batch = a_batch()
    assert len(read(*batch).opened) == len(batch)
    altered = [replace(each, value=(each.value or b"").replace(b'"round":1', b'"round":2')) for each in batch]
    swapped = [with_header(one, "sig", signature_of(other)) for one, other in pairwise(batch)]
    assert read(*altered, *swapped).opened == []
    theirs = KeyRing([replace(ACCESS_PIN, public=STRANGER_KEY.public)])
    stolen = [with_header(each, "kid", STRANGER_KEY.kid.encode()) for each in batch]
    assert read(*stolen, door=crm_door(ring=theirs)).opened == []


def test_a_bad_signature_over_a_root_spoils_none_that_is_good() -> None:
    batch = a_batch(2)
    raw, other = (b64decode(signature_of(each)[5:]) for each in (batch[0], a_batch(3)[0]))
    forged = with_header(batch[0], "sig", b"tree:" + b64encode(raw[:8] + other[8:72] + raw[72:]))
    assert refusal_of(read(forged)) is Refusal.BAD_SIGNATURE
    assert len(read(*batch).opened) == len(batch)
    assert refusal_of(read(forged)) is Refusal.BAD_SIGNATURE


def test_a_key_revoked_between_two_of_a_batch_is_believed_no_more() -> None:
    first, second = a_batch(2)
    assert the_command(read(first))
    revoked = crm_door(ring=KeyRing([replace(ACCESS_PIN, revoked_at=NOW)]))
    assert refusal_of(read(second, door=revoked)) is Refusal.UNKNOWN_KEY
    assert refusal_of(read(second, door=crm_door(ring=KeyRing()))) is Refusal.UNKNOWN_KEY


def test_one_of_a_batch_cannot_change_lane_key_or_environment() -> None:
    record = a_batch()[2]
    assert refusal_of(read(replace(record, topic="dsar.erasure.v1"))) is Refusal.BAD_SIGNATURE
    assert refusal_of(read(replace(record, key=b"7d1f1c1e-9a53-4a6b-8c11-0c2f53b0a00f"))) is Refusal.BAD_SIGNATURE
    elsewhere = together(a_command(environment="staging"), a_command())
    assert refusal_of(read(elsewhere[0])) is Refusal.WRONG_ENVIRONMENT
    assert the_command(read(elsewhere[1]))


def test_answers_and_heartbeats_may_leave_together() -> None:
    outcome = heard(*together(an_answer(), a_heartbeat(), signer=CRM_KEY), ring=RING)
    assert (len(outcome.opened), outcome.rejected) == (2, [])


def test_a_signature_for_a_tree_of_any_size_ends_quickly_and_badly() -> None:
    record = a_batch()[0]
    for size in (0, 1, 2**16 + 1, 2**32 - 1):
        for index in (0, size // 2, max(size - 1, 0), 2**32 - 1):
            spoilt = with_header(record, "sig", tree_header(size, index, bytes(64), [bytes(32)] * 16).encode())
            assert refusal_of(read(spoilt)) is Refusal.BAD_SIGNATURE


def test_a_header_as_long_as_a_message_may_be_is_a_bad_signature() -> None:
    record = a_batch()[0]
    long = with_header(record, "sig", b"tree:" + b"A" * (MAX_MESSAGE_BYTES - 8_192))
    assert refusal_of(read(long)) is Refusal.BAD_SIGNATURE


def test_a_message_that_may_be_sent_is_not_too_large_with_the_longest_signature() -> None:
    command, longest = a_command(), tree_header(2**16, 0, bytes(64), [bytes(32)] * 16).encode()
    plain = draft(command, traceparent="")
    rest = weight(b"", b"", [("kid", ACCESS_KEY.kid.encode()), ("sig", longest)])
    trace = "x" * (MAX_MESSAGE_BYTES - weight(plain.key, plain.value, plain.headers) - rest)
    record = delivered(close_envelope(command, signer=ACCESS_KEY, traceparent=trace))
    assert refusal_of(read(with_header(record, "sig", longest))) is Refusal.BAD_SIGNATURE
    with pytest.raises(ValueError, match="over 524288 bytes"):
        draft(command, traceparent=trace + "x")
