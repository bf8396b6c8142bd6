"""What a reader believes, and what it refuses, by which word."""

from dataclasses import replace

import pytest

from contracts.answer import Answer
from contracts.command import Command, Lane, Operation
from contracts.dead_letter import Refusal
from contracts.door import ANSWERS_RETIRED_S, Skipped
from contracts.envelope import close_envelope
from contracts.heartbeat import Heartbeat
from contracts.ids import CustodianId
from contracts.keys import KeyRing, PublicSigningKey
from contracts.slices import seal_slice
from contracts.topics import Channel
from tests.contracts.builders import (
    ACCESS_KEY,
    ACCESS_PIN,
    CRM_KEY,
    CRM_SEAL,
    ERASURE_KEY,
    NOW,
    SHOP,
    SHOP_KEY,
    SHOP_SEAL,
    STRANGER_KEY,
    FakeRecord,
    a_command,
    a_heartbeat,
    a_slice,
    an_answer,
    crm_door,
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


def test_a_command_is_opened_with_the_digest_of_what_was_signed() -> None:
    envelope = close_envelope(a_command(), signer=ACCESS_KEY)
    opened = the_command(read(delivered(envelope)))
    assert (opened.message.operation, opened.kid) == (Operation.COLLECT, ACCESS_KEY.kid)
    assert (opened.digest, opened.value, opened.received_at) == (envelope.digest, envelope.value, NOW)


def test_answers_and_heartbeats_come_through_one_door() -> None:
    beat = delivered(close_envelope(a_heartbeat(), signer=CRM_KEY))
    assert [type(each.message).__name__ for each in heard(the_answer_record(), beat).opened] == ["Answer", "Heartbeat"]


def test_an_erase_is_opened_from_the_erasure_lane() -> None:
    envelope = close_envelope(a_command(operation=Operation.ERASE), signer=ERASURE_KEY)
    assert envelope.channel is Channel.ERASURE
    assert the_command(read(delivered(envelope))).message.operation is Operation.ERASE


def test_one_bad_record_does_not_spoil_its_batch() -> None:
    good = the_command_record()
    outcome = read(good, FakeRecord(), with_header(good, "ce_id", b"\xff"), good)
    assert (len(outcome.opened), len(outcome.rejected)) == (2, 2)


@pytest.mark.parametrize("name", ["kid", "sig"])
@pytest.mark.parametrize("content", [b"", None])
def test_an_unsigned_record_is_refused(name: str, content: bytes | None) -> None:
    assert refusal_of(read(with_header(the_command_record(), name, content))) is Refusal.NO_SIGNATURE
    assert refusal_of(read(without_header(the_command_record(), name))) is Refusal.NO_SIGNATURE


def test_an_unknown_key_is_refused() -> None:
    record = delivered(close_envelope(a_command(), signer=STRANGER_KEY))
    assert refusal_of(read(record)) is Refusal.UNKNOWN_KEY


def test_another_keys_signature_under_a_known_kid_is_refused() -> None:
    stolen = with_header(re_signed(the_command_record(), signer=STRANGER_KEY), "kid", ACCESS_KEY.kid.encode())
    assert refusal_of(read(stolen)) is Refusal.BAD_SIGNATURE


def test_an_unknown_signature_scheme_is_a_bad_signature() -> None:
    headers = dict(the_command_record().headers)
    record = with_header(the_command_record(), "sig", (headers["sig"] or b"").replace(b"ed25519", b"merkle1"))
    assert refusal_of(read(record)) is Refusal.BAD_SIGNATURE


def test_the_access_key_cannot_order_an_erase() -> None:
    record = delivered(close_envelope(a_command(operation=Operation.ERASE), signer=ACCESS_KEY))
    assert refusal_of(read(record)) is Refusal.WRONG_LANE


def test_the_erasure_key_cannot_order_on_the_access_topic() -> None:
    record = delivered(close_envelope(a_command(operation=Operation.ERASE), signer=ERASURE_KEY))
    assert (
        refusal_of(read(re_signed(replace(record, topic="dsar.access.v1"), signer=ERASURE_KEY))) is Refusal.WRONG_LANE
    )


def test_a_record_copied_to_the_other_lane_is_refused() -> None:
    assert refusal_of(read(replace(the_command_record(), topic="dsar.erasure.v1"))) is Refusal.BAD_SIGNATURE


def test_a_custodians_key_cannot_order_anything() -> None:
    record = delivered(close_envelope(a_command(), signer=CRM_KEY))
    assert refusal_of(read(record)) is Refusal.WRONG_LANE


@pytest.mark.parametrize("topic", ["dsar.answers.v1", "dsar.dlq.v1", "elsewhere", "dsar.access.v1.copy"])
def test_a_topic_that_the_door_does_not_face_is_refused(topic: str) -> None:
    assert refusal_of(read(replace(the_command_record(), topic=topic))) is Refusal.WRONG_LANE


def test_a_prefix_does_not_change_what_is_signed() -> None:
    record = replace(the_command_record(), topic="blue.dsar.access.v1")
    assert the_command(read(record, door=replace(crm_door(), prefix="blue.")))
    assert refusal_of(read(record)) is Refusal.WRONG_LANE


def test_another_custodians_answer_is_refused() -> None:
    record = delivered(close_envelope(an_answer(), signer=SHOP_KEY))
    assert refusal_of(heard(record)) is Refusal.WRONG_CUSTODIAN


def test_a_command_key_cannot_answer() -> None:
    pin = replace(ACCESS_PIN, owner="crm")
    record = delivered(close_envelope(an_answer(), signer=ACCESS_KEY))
    assert refusal_of(heard(record, ring=KeyRing([pin]))) is Refusal.WRONG_CUSTODIAN


def test_another_environments_message_is_refused_by_its_name() -> None:
    record = delivered(close_envelope(a_command(environment="staging"), signer=ACCESS_KEY))
    assert refusal_of(read(record)) is Refusal.WRONG_ENVIRONMENT


def test_a_body_that_names_another_environment_than_its_signature_is_refused() -> None:
    record = re_signed(delivered(close_envelope(a_command(environment="staging"), signer=ACCESS_KEY)))
    assert refusal_of(read(record)) is Refusal.WRONG_ENVIRONMENT


def test_a_message_for_others_is_passed_over_unverified() -> None:
    record = with_header(with_header(the_command_record(), "to", b"shop,billing"), "sig", b"rubbish")
    assert read(record) == ([], [], Skipped(unaddressed=1))


def test_a_command_without_a_slice_for_the_reader_is_passed_over() -> None:
    record = without_header(the_command_record(), "to")
    assert read(record, door=crm_door(audience=SHOP)) == ([], [], Skipped(unaddressed=1))


def test_a_header_that_lies_about_the_recipient_is_refused() -> None:
    record = with_header(the_command_record(), "to", b"shop")
    assert refusal_of(read(record, door=crm_door(audience=SHOP))) is Refusal.WRONG_RECIPIENT


def test_a_missing_to_header_does_not_keep_a_command_from_its_recipient() -> None:
    assert the_command(read(without_header(the_command_record(), "to")))


def test_every_recipient_of_a_command_reads_it() -> None:
    slices = [
        seal_slice(a_slice(), public=CRM_SEAL.public),
        seal_slice(a_slice(recipient=SHOP), public=SHOP_SEAL.public),
    ]
    record = delivered(close_envelope(a_command(slices=slices), signer=ACCESS_KEY))
    assert the_command(read(record))
    assert the_command(read(record, door=crm_door(audience=SHOP)))


@pytest.mark.parametrize(
    ("now", "opens"), [(NOW + 720, True), (NOW + 721, False), (NOW - 130, True), (NOW - 131, False)]
)
def test_a_command_counts_within_its_time_and_two_minutes(now: int, opens: bool) -> None:
    outcome = read(the_command_record(), now=now)
    assert (len(outcome.opened), outcome.rejected, outcome.skipped.expired) == (int(opens), [], int(not opens))


def test_a_backlog_that_expired_under_a_revoked_key_is_passed_over() -> None:
    ring = KeyRing([replace(ACCESS_PIN, revoked_at=NOW)])
    assert read(the_command_record(), door=crm_door(ring=ring), now=NOW + 9_000).skipped.expired == 1


@pytest.mark.parametrize(
    ("pin", "opens"),
    [
        (replace(ACCESS_PIN, revoked_at=NOW), False),
        (replace(ACCESS_PIN, revoked_at=NOW + 1), True),
        (replace(ACCESS_PIN, retire_after=NOW - 10), True),
        (replace(ACCESS_PIN, retire_after=NOW - 131), False),
        (replace(ACCESS_PIN, not_before=NOW - 10), True),
        (replace(ACCESS_PIN, not_before=NOW + 111), False),
    ],
)
def test_a_key_counts_in_its_time(pin: PublicSigningKey, opens: bool) -> None:
    outcome = read(the_command_record(), door=crm_door(ring=KeyRing([pin])))
    assert bool(outcome.opened) is opens
    assert [each.refusal for each in outcome.rejected] == ([] if opens else [Refusal.UNKNOWN_KEY])


@pytest.mark.parametrize(("days", "opens"), [(0, True), (7, True), (9, False)])
def test_an_answer_of_a_retired_key_is_heard_while_it_can_be_under_way(days: int, opens: bool) -> None:
    pin = PublicSigningKey.of_custodian(an_answer().custodian, CRM_KEY.public, retire_after=NOW - days * 86_400)
    assert bool(heard(the_answer_record(), ring=KeyRing([pin])).opened) is opens
    assert ANSWERS_RETIRED_S == 8 * 86_400


def test_an_answer_of_a_revoked_key_is_refused() -> None:
    pin = PublicSigningKey.of_custodian(an_answer().custodian, CRM_KEY.public, revoked_at=NOW)
    assert refusal_of(heard(the_answer_record(), ring=KeyRing([pin]))) is Refusal.UNKNOWN_KEY


def test_a_command_that_turns_out_bad_later_keeps_its_record() -> None:
    record = the_command_record()
    late = the_command(read(record)).refused(Refusal.TRANSPLANTED)
    assert (late.record, late.refusal) == (record, Refusal.TRANSPLANTED)


def test_nothing_of_a_record_shows_in_a_repr() -> None:
    envelope = close_envelope(a_command(), signer=ACCESS_KEY)
    outcome = read(delivered(envelope), replace(delivered(envelope), key=b"jane@example.org"))
    shown = repr(outcome) + repr(envelope)
    assert "jane" not in shown
    assert a_command().slices[0].jwe[:20] not in shown


def test_a_lane_without_a_key_in_the_ring_orders_nothing() -> None:
    ring = KeyRing([PublicSigningKey.of_lane(Lane.ACCESS, ACCESS_KEY.public)])
    record = delivered(close_envelope(a_command(operation=Operation.HALT), signer=ERASURE_KEY))
    assert refusal_of(read(record, door=crm_door(ring=ring))) is Refusal.UNKNOWN_KEY


def test_a_command_names_each_recipient_once() -> None:
    sealed = seal_slice(a_slice(), public=CRM_SEAL.public)
    with pytest.raises(ValueError, match="named twice"):
        Command(**{**dict(a_command()), "slices": (sealed, sealed)})


def test_a_message_over_the_size_is_not_sent() -> None:
    slices = [seal_slice(a_slice(recipient=CustodianId(f"c{n}")), public=CRM_SEAL.public) for n in range(900)]
    with pytest.raises(ValueError, match="over 524288 bytes"):
        close_envelope(a_command(slices=slices), signer=ACCESS_KEY)


def test_an_opened_message_is_narrowed_to_what_it_is_and_to_nothing_else() -> None:
    (opened,) = heard(the_answer_record()).opened
    assert opened.narrowed(Answer) == opened
    with pytest.raises(TypeError):
        opened.narrowed(Heartbeat)


def test_a_trace_goes_along_unsigned() -> None:
    record = delivered(close_envelope(a_command(), signer=ACCESS_KEY, traceparent="00-aa-bb-01"))
    assert dict(record.headers)["traceparent"] == b"00-aa-bb-01"
    assert the_command(read(record))
