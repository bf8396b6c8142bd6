"""Dead letters and the brake, without a broker."""

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from contracts.bus.letters import BRAKE_LIMIT, BRAKE_WINDOW_S, Brake, BrakePulled, DeadLetters
from contracts.bus.sender import NotWritten
from contracts.dead_letter import DeadLetter, Refusal
from contracts.door import Rejected
from contracts.envelope import Envelope
from contracts.topics import MAX_MESSAGE_BYTES, TOPICS, Channel
from tests.contracts.builders import NOW, FakeRecord


@dataclass
class Outbox:
    """Stands in for the sender: keeps what it is given, and confirms it unless told otherwise."""

    confirms: bool = True
    sent: list[Envelope] = field(default_factory=list)

    async def send(self, envelopes: Sequence[Envelope]) -> tuple[bool, ...]:
        self.sent.extend(envelopes)
        return (self.confirms,) * len(envelopes)

    @property
    def letters(self) -> list[DeadLetter]:
        return [DeadLetter.model_validate_json(each.value) for each in self.sent]


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def letters(outbox: Outbox, clock: Clock | None = None) -> DeadLetters:
    return DeadLetters(outbox, reader="crm", environment="test", clock=clock or Clock())


def bad(count: int, *, first: int = 0, refusal: Refusal = Refusal.BAD_SIGNATURE) -> list[Rejected]:
    return [Rejected(record=FakeRecord(offset=first + n), refusal=refusal) for n in range(count)]


async def test_a_letter_keeps_the_record_byte_for_byte() -> None:
    outbox = Outbox()
    record = FakeRecord(partition=3, offset=7, key=b"\xffk", value=b"\x00v", headers=[("a", b"\xff"), ("b", None)])
    await letters(outbox).forward([Rejected(record=record, refusal=Refusal.NO_SIGNATURE)])
    (letter,) = outbox.letters
    assert (letter.topic, letter.partition, letter.offset, letter.at) == ("dsar.access.v1", 3, 7, NOW)
    assert (letter.reader, letter.environment, letter.refusal) == ("crm", "test", Refusal.NO_SIGNATURE)
    assert (b64decode(letter.key or ""), b64decode(letter.value or "")) == (b"\xffk", b"\x00v")
    assert [(name, b64decode(content)) for name, content in letter.headers] == [("a", b"\xff"), ("b", b"")]


async def test_a_tombstone_without_a_key_makes_a_letter() -> None:
    outbox = Outbox()
    await letters(outbox).forward(bad(1))
    assert (outbox.letters[0].key, outbox.letters[0].value) == (None, None)


async def test_a_letter_travels_under_the_readers_name_and_not_under_the_records_key() -> None:
    outbox = Outbox()
    await letters(outbox).forward([Rejected(record=FakeRecord(key=b"jane@example.org"), refusal=Refusal.WRONG_KEY)])
    (envelope,) = outbox.sent
    assert (envelope.channel, envelope.key) == (Channel.DEAD_LETTERS, b"crm")
    assert dict(envelope.headers)["ce_id"] == b"dsar.access.v1.0.0"
    assert b"jane" not in b"".join(content for _, content in envelope.headers)


@pytest.mark.parametrize("size", [MAX_MESSAGE_BYTES, 3 * MAX_MESSAGE_BYTES])
async def test_a_letter_of_a_huge_record_fits_its_topic_and_says_what_is_missing(size: int) -> None:
    outbox = Outbox()
    await letters(outbox).forward([Rejected(record=FakeRecord(value=b"x" * size), refusal=Refusal.TOO_LARGE)])
    assert len(outbox.sent[0].value) < TOPICS[Channel.DEAD_LETTERS].max_message_bytes - 10_000
    assert outbox.letters[0].value_bytes == size


async def test_huge_headers_and_keys_do_not_keep_a_letter_from_being_written() -> None:
    outbox = Outbox()
    records = [
        FakeRecord(offset=0, value=b"v" * 10**6, key=b"k" * 10**6),
        FakeRecord(offset=1, value=b"v" * 10**6, headers=[("h", b"h" * 10**6)] * 3),
        FakeRecord(offset=2, value=b"v" * 10**6, headers=[("", None)] * 170_000),
        FakeRecord(offset=3, value=b"v" * 10**6, headers=[("\x01" * 500_000, b"")]),
    ]
    rejected = [Rejected(record=each, refusal=Refusal.TOO_LARGE) for each in records]
    await letters(outbox).forward(rejected)
    assert max(len(each.value) for each in outbox.sent) < TOPICS[Channel.DEAD_LETTERS].max_message_bytes - 10_000


async def test_the_largest_record_there_can_be_is_kept_whole() -> None:
    outbox = Outbox()
    headers = [("kid", b"x" * 16), ("sig", b"y" * 96), ("to", b"z" * 4000)]
    record = FakeRecord(key=b"k" * 36, value=b"v" * (MAX_MESSAGE_BYTES - 5000), headers=headers)
    await letters(outbox).forward([Rejected(record=record, refusal=Refusal.BAD_SCHEMA)])
    (letter,) = outbox.letters
    assert (b64decode(letter.value or ""), len(letter.headers)) == (record.value, 3)


async def test_an_unconfirmed_letter_raises() -> None:
    with pytest.raises(NotWritten):
        await letters(Outbox(confirms=False)).forward(bad(1))


async def test_a_letter_is_written_once_however_often_its_batch_is_rewound() -> None:
    outbox = Outbox()
    dead = letters(outbox)
    for _ in range(3 * BRAKE_LIMIT):
        await dead.forward(bad(2))
    assert [letter.offset for letter in outbox.letters] == [0, 1]


async def test_an_unconfirmed_letter_is_written_again_at_the_next_attempt() -> None:
    outbox = Outbox(confirms=False)
    dead = letters(outbox)
    with pytest.raises(NotWritten):
        await dead.forward(bad(1))
    outbox.confirms = True
    await dead.forward(bad(1))
    assert len(outbox.sent) == 2


async def test_nothing_to_forward_sends_nothing() -> None:
    outbox = Outbox()
    await letters(outbox).forward([])
    assert outbox.sent == []


async def test_too_many_of_one_class_in_a_minute_pull_the_brake_before_a_letter_is_written() -> None:
    outbox = Outbox()
    dead = letters(outbox)
    await dead.forward(bad(BRAKE_LIMIT))
    with pytest.raises(BrakePulled):
        await dead.forward(bad(1, first=BRAKE_LIMIT))
    assert (len(outbox.sent), dead.brake.pulled) == (BRAKE_LIMIT, Refusal.BAD_SIGNATURE)


async def test_one_batch_alone_can_pull_the_brake() -> None:
    outbox = Outbox()
    with pytest.raises(BrakePulled):
        await letters(outbox).forward(bad(BRAKE_LIMIT + 1))
    assert outbox.sent == []


async def test_another_class_is_not_braked() -> None:
    dead = letters(Outbox())
    await dead.forward(bad(BRAKE_LIMIT))
    await dead.forward(bad(BRAKE_LIMIT, first=100, refusal=Refusal.NOT_JSON))
    assert dead.brake.pulled is None


async def test_a_few_now_and_then_never_pull_the_brake() -> None:
    outbox, clock = Outbox(), Clock()
    dead = letters(outbox, clock)
    for n in range(10):
        clock.now += BRAKE_WINDOW_S
        await dead.forward(bad(BRAKE_LIMIT, first=n * BRAKE_LIMIT))
    assert len(outbox.sent) == 10 * BRAKE_LIMIT


async def test_once_the_keys_are_right_the_waiting_batch_goes_through_by_itself() -> None:
    dead = letters(Outbox())
    with pytest.raises(BrakePulled):
        await dead.forward(bad(300, refusal=Refusal.UNKNOWN_KEY))
    await dead.forward([])
    assert dead.brake.pulled is None


async def test_a_released_brake_lets_one_batch_pass_and_holds_again() -> None:
    outbox = Outbox()
    dead = letters(outbox)
    with pytest.raises(BrakePulled):
        await dead.forward(bad(30))
    dead.brake.release()
    await dead.forward(bad(30))
    with pytest.raises(BrakePulled):
        await dead.forward(bad(30, first=30))
    assert len(outbox.sent) == 30


def test_the_brake_counts_only_what_was_dead_lettered() -> None:
    brake = Brake(limit=1)
    for _ in range(5):
        brake.check([Refusal.NOT_JSON], now=0.0)
    assert brake.pulled is None
