"""Reading around what cannot be decoded, over a consumer of our own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
from aiokafka.errors import KafkaConnectionError

from contracts.bus.batches import read_batch
from contracts.bus.unreadable import Unreadable, read_around
from contracts.envelope import Record
from tests.contracts.builders import NOW, FakeRecord

GOOD, BAD, LOST = "good", "bad", "lost"


class Part(NamedTuple):
    topic: str
    partition: int


@dataclass
class FakeConsumer:
    """Partitions of records, good ones and such that make the library fail, or the connection."""

    logs: dict[Part, list[str]]
    positions: dict[Part, int] = field(default_factory=dict)

    def assignment(self) -> frozenset[Part]:
        return frozenset(self.logs)

    async def position(self, part: object) -> int:
        assert isinstance(part, Part)
        return self.positions.get(part, 0)

    def highwater(self, part: object) -> int:
        assert isinstance(part, Part)
        return len(self.logs[part])

    def seek(self, part: object, offset: int) -> None:
        assert isinstance(part, Part)
        self.positions[part] = offset

    async def getmany(
        self, *parts: Part, timeout_ms: int = 0, max_records: int = 500
    ) -> Mapping[Part, Sequence[Record]]:
        """Drain one partition after the other, as the library does: what was drained before a bad one is gone."""
        assert timeout_ms >= 1000 or not parts, "after a failed fetch, who does not listen hears nothing"
        if max_records < 1:
            raise ValueError("must be at least one")
        found: dict[Part, Sequence[Record]] = {}
        for part in parts or sorted(self.logs):
            records = self._fetched(part, max_records - sum(map(len, found.values())))
            self.positions[part] = await self.position(part) + len(records)
            found[part] = records
        return {part: records for part, records in found.items() if records}

    def _fetched(self, part: Part, most: int) -> list[Record]:
        at = self.positions.get(part, 0)
        ahead = self.logs[part][at : at + most]
        if BAD in ahead:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "")
        if LOST in ahead:
            raise KafkaConnectionError
        return [FakeRecord(topic=part.topic, partition=part.partition, offset=at + n) for n in range(len(ahead))]


A, B = Part("a", 0), Part("b", 1)


async def read(consumer: FakeConsumer) -> Mapping[Part, Sequence[Record]]:
    return await read_around(consumer, consumer.getmany, lambda: float(NOW), timeout_ms=1000, max_records=500)


async def test_what_can_be_decoded_is_read_as_ever() -> None:
    consumer = FakeConsumer({A: [GOOD, GOOD], B: [GOOD]})
    assert {part: len(records) for part, records in (await read(consumer)).items()} == {A: 2, B: 1}


async def test_a_bad_record_is_replaced_and_nothing_before_or_beside_it_is_lost() -> None:
    consumer = FakeConsumer({A: [GOOD, GOOD, BAD, GOOD], B: [GOOD]})
    batches = await read(consumer)
    assert [each.offset for each in batches[A]] == [0, 1, 2]
    assert batches[A][2] == Unreadable(topic="a", partition=0, offset=2, timestamp=NOW * 1000)
    assert [each.offset for each in batches[B]] == [0]
    assert [each.offset for each in (await read(consumer))[A]] == [3]


async def test_bad_records_in_a_row_are_each_passed() -> None:
    consumer = FakeConsumer({A: [BAD, BAD, GOOD]})
    read_of = [[type(each) for each in (await read(consumer))[A]] for _ in range(3)]
    assert read_of == [[Unreadable], [Unreadable], [FakeRecord]]


async def test_an_error_on_the_way_loses_nothing_that_was_read_before_it() -> None:
    consumer = FakeConsumer({A: [GOOD, GOOD, BAD], B: [GOOD, LOST]})
    with pytest.raises(KafkaConnectionError):
        await read(consumer)
    assert (await consumer.position(A), await consumer.position(B)) == (0, 0)


async def test_what_was_drained_before_another_partition_failed_is_read_again() -> None:
    consumer = FakeConsumer({A: [GOOD, GOOD, GOOD], B: [LOST]})
    with pytest.raises(KafkaConnectionError):
        await read(consumer)
    consumer.logs[B] = [GOOD]
    assert [each.offset for each in (await read(consumer))[A]] == [0, 1, 2]


async def test_a_bad_record_beside_a_full_partition_is_passed_in_batches_of_the_usual_size() -> None:
    consumer = FakeConsumer({A: [GOOD] * 700, B: [BAD, GOOD]})
    seen: list[tuple[str, int]] = []
    for _ in range(4):
        batch = await read_batch(consumer, consumer.getmany, lambda: float(NOW), timeout_ms=1000, max_records=500)
        assert sum(map(len, batch.values())) <= 500
        seen += [(each.topic, each.offset) for records in batch.values() for each in records]
    assert sorted(seen) == [("a", n) for n in range(700)] + [("b", 0), ("b", 1)]
