"""Batches on a real broker: handled whole or not at all, whatever is in them."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import pytest
import structlog

from contracts.bus import commits
from contracts.bus.connection import Connection
from contracts.bus.letters import DeadLetters
from contracts.bus.reader import Backoff
from contracts.bus.sender import Sender
from contracts.command import Operation
from contracts.dead_letter import DeadLetter, Refusal
from contracts.door import commands_door, open_envelopes
from contracts.envelope import Envelope, Record, close_envelope
from contracts.topics import Channel
from tests.contracts.builders import ACCESS_KEY, CRM, ENVIRONMENT, ERASURE_KEY, NOW, RING, a_command
from tests.integration.bus.broker import a_reader, stored, uncommitted

WITHIN_S = 20.0


class DatabaseDown(ConnectionError):
    """What a handler raises when its own services fail."""


class Custodian:
    """A handler as a custodian has it: opens, dead-letters, stores. Its store is down for the first *down* times."""

    def __init__(self, connection: Connection, sender: Sender, *, down: int = 0) -> None:
        self._door = commands_door(environment=ENVIRONMENT, ring=RING, audience=CRM, prefix=connection.prefix)
        self._down = down
        self.letters = DeadLetters(sender, reader="crm", environment=ENVIRONMENT, clock=time.time)
        self.stored: Counter[str] = Counter()
        self.tries = 0
        self.progress = asyncio.Condition()

    async def __call__(self, records: Sequence[Record]) -> None:
        self.tries += 1
        try:
            opened, rejected, _ = open_envelopes(records, self._door, NOW)
            await self.letters.forward(rejected)
            if self.tries <= self._down:
                raise DatabaseDown("jane@example.org cannot be stored")
            self.stored.update(f"{each.message.command_id}.{each.message.operation}" for each in opened)
        finally:
            async with self.progress:
                self.progress.notify_all()

    async def has(self, count: int) -> None:
        """Wait until that many different commands are stored."""
        async with self.progress, asyncio.timeout(WITHIN_S):
            await self.progress.wait_for(lambda: len(self.stored) >= count)

    async def tried(self, times: int) -> None:
        """Wait until that many batches were begun."""
        async with self.progress, asyncio.timeout(WITHIN_S):
            await self.progress.wait_for(lambda: self.tries >= times)


def commands(count: int, *, operation: Operation = Operation.COLLECT) -> list[Envelope]:
    signer = ERASURE_KEY if operation is Operation.ERASE else ACCESS_KEY
    plain = a_command(operation=operation)
    ids = [UUID(int=plain.command_id.int + n) for n in range(count)]
    return [close_envelope(plain.model_copy(update={"command_id": each}), signer=signer) for each in ids]


def to_both_partitions(count: int) -> list[Envelope]:
    """Commands about different requests."""
    changes = [{"command_id": UUID(int=n), "request_id": UUID(int=n)} for n in range(count)]
    return [close_envelope(a_command().model_copy(update=each), signer=ACCESS_KEY) for each in changes]


async def spoil(connection: Connection, sender: Sender) -> None:
    """Write what no custodian can take: a header that is no text, and a tombstone."""
    (good,) = commands(1)
    topic = connection.topic(Channel.ACCESS)
    await sender.send_raw(topic, good.key, good.value, [*good.headers, ("kid", b"\xff\xfe")])
    await sender.send_raw(topic, good.key, None, [])


async def test_a_batch_with_bad_records_and_a_database_that_was_down_is_handled_once_and_committed(
    connection: Connection, sender: Sender
) -> None:
    await sender.send(commands(4))
    await spoil(connection, sender)
    await sender.send([*commands(5)[4:], *commands(4, operation=Operation.ERASE)])
    custodian = Custodian(connection, sender, down=2)
    async with a_reader(connection, custodian):
        await custodian.has(9)
    assert set(custodian.stored.values()) == {1}
    assert await uncommitted(connection) == 0
    letters = [
        DeadLetter.model_validate_json(each.value or b"") for each in await stored(connection, Channel.DEAD_LETTERS)
    ]
    assert sorted(each.refusal for each in letters) == [Refusal.NO_SIGNATURE, Refusal.WRONG_HEADERS]


async def test_what_is_committed_does_not_come_again(connection: Connection, sender: Sender) -> None:
    await sender.send(commands(3))
    first, second = Custodian(connection, sender), Custodian(connection, sender)
    async with a_reader(connection, first):
        await first.has(3)
    await sender.send(commands(4)[3:])
    async with a_reader(connection, second):
        await second.has(1)
    assert (len(first.stored), len(second.stored)) == (3, 1)


async def test_partitions_are_given_away_with_all_that_was_handled(
    connection: Connection, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "SOON_S", 60.0)
    await sender.send(to_both_partitions(20))
    first, second = Custodian(connection, sender), Custodian(connection, sender)
    async with a_reader(connection, first):
        await first.has(20)
        assert await uncommitted(connection) == 20
        async with a_reader(connection, second, worker="crm-2"):
            assert await uncommitted(connection) == 0
    assert not second.stored


class Unwritable(Sender):
    """A sender whose broker confirms nothing."""

    async def send(self, envelopes: Sequence[Envelope]) -> tuple[bool, ...]:
        return (False,) * len(envelopes)


async def test_without_its_dead_letter_nothing_is_committed(connection: Connection, sender: Sender) -> None:
    await sender.send(commands(2))
    await spoil(connection, sender)
    custodian = Custodian(connection, Unwritable(connection))
    async with a_reader(connection, custodian):
        await custodian.tried(3)
    assert (len(custodian.stored), await uncommitted(connection)) == (0, 4)
    repaired = Custodian(connection, sender)
    async with a_reader(connection, repaired):
        await repaired.has(2)
    assert await uncommitted(connection) == 0


async def test_the_brake_stops_reading_until_it_is_released(connection: Connection, sender: Sender) -> None:
    await asyncio.gather(*(sender.send_raw(connection.topic(Channel.ACCESS), b"k", b"x", []) for _ in range(25)))
    await sender.send(commands(1))
    custodian = Custodian(connection, sender)
    async with a_reader(connection, custodian) as reader:
        await custodian.tried(3)
        assert custodian.letters.brake.pulled is Refusal.NO_SIGNATURE
        assert await stored(connection, Channel.DEAD_LETTERS) == []
        assert reader.lag_seconds > 0
        custodian.letters.brake.release()
        await custodian.has(1)
    assert len(await stored(connection, Channel.DEAD_LETTERS)) == 25
    assert await uncommitted(connection) == 0


async def test_a_failing_batch_waits_longer_each_time_and_shows_the_class_of_its_error_only(
    connection: Connection, sender: Sender
) -> None:
    await sender.send(commands(1))
    custodian = Custodian(connection, sender, down=3)
    with structlog.testing.capture_logs() as logs:
        async with a_reader(connection, custodian):
            await custodian.has(1)
    waits = [each for each in logs if each["event"] == "bus.batch_failed"]
    assert [each["again_in_s"] for each in waits] == [0.02, 0.04, 0.08]
    assert {each["error"] for each in waits} == {"DatabaseDown"}
    assert "jane" not in str(logs)


async def test_stopping_does_not_wait_for_a_batch_that_waits(connection: Connection, sender: Sender) -> None:
    await sender.send(commands(1))
    custodian = Custodian(connection, sender, down=1)
    async with a_reader(connection, custodian, backoff=Backoff(first_s=60.0, most_s=60.0)):
        await custodian.tried(1)
        began = time.monotonic()
    assert time.monotonic() - began < 5.0
    assert await uncommitted(connection) == 1


async def test_lag_and_progress_tell_whether_a_reader_gets_anywhere(connection: Connection, sender: Sender) -> None:
    custodian = Custodian(connection, sender, down=2)
    began = time.time()
    async with a_reader(connection, custodian) as reader:
        assert reader.lag_seconds == 0.0
        await sender.send(commands(1))
        await custodian.tried(2)
        assert reader.lag_seconds > 0.0
        await custodian.has(1)
    assert reader.lag_seconds == 0.0
    assert began < reader.last_progress <= time.time()


class Slow:
    """A handler that takes until it is told to end, and notices records that run twice at the same time."""

    def __init__(self) -> None:
        self.entered, self.leave = asyncio.Event(), asyncio.Event()
        self.running: Counter[tuple[str, int, int]] = Counter()
        self.most_at_once = 0

    async def __call__(self, records: Sequence[Record]) -> None:
        places = [(each.topic, each.partition, each.offset) for each in records]
        self.running.update(places)
        self.most_at_once = max(self.most_at_once, *self.running.values())
        self.entered.set()
        await self.leave.wait()
        self.running.subtract(places)


async def test_a_rebalance_waits_for_the_running_handler(
    connection: Connection, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sender.send(commands(20))
    slow = Slow()
    reader = a_reader(connection, slow)
    let_go = reader.let_go

    async def noticed() -> None:
        asyncio.get_running_loop().call_later(1.5, slow.leave.set)  # time enough for the other to begin, were it let
        await let_go()

    monkeypatch.setattr(reader, "let_go", noticed)
    async with reader, asyncio.timeout(WITHIN_S):
        await slow.entered.wait()
        async with a_reader(connection, slow, worker="crm-2"):  # begun only once the first has let go
            await slow.leave.wait()
    assert slow.most_at_once == 1
