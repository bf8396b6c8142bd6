"""What shares a batch, over a consumer that fetches like the client library: nothing behind what lies unread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
from aiokafka.errors import KafkaConnectionError

from contracts.bus.batches import REST_MS, read_batch
from contracts.envelope import Record
from tests.contracts.builders import NOW, FakeRecord


class Part(NamedTuple):
    topic: str
    partition: int


A, B = Part("a", 0), Part("b", 1)


def record(part: Part, offset: int) -> Record:
    return FakeRecord(topic=part.topic, partition=part.partition, offset=offset)


@dataclass
class FakeConsumer:
    """Gives one fetch after the other; a fetch may fail, and an empty one is waited for."""

    fetches: list[Mapping[Part, Sequence[Record]] | Exception]
    waited: list[int] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)
    sought: dict[Part, int] = field(default_factory=dict)
    positions: dict[Part, int] = field(default_factory=dict)

    def assignment(self) -> frozenset[Part]:
        return frozenset({A, B})

    async def position(self, part: object) -> int:
        assert isinstance(part, Part)
        return self.positions.get(part, 0)

    def highwater(self, _: object) -> int:
        raise AssertionError

    def seek(self, part: object, offset: int) -> None:
        assert isinstance(part, Part)
        self.sought[part] = self.positions[part] = offset

    async def getmany(self, *, timeout_ms: int, max_records: int) -> Mapping[Part, Sequence[Record]]:
        self.waited.append(timeout_ms)
        self.wanted.append(max_records)
        fetched = self.fetches.pop(0)
        if isinstance(fetched, Exception):
            raise fetched
        self.positions |= {part: records[-1].offset + 1 for part, records in fetched.items()}
        return fetched

    async def read(self, most: int = 500) -> Mapping[Part, list[int]]:
        found = await read_batch(self, self.getmany, lambda: float(NOW), timeout_ms=1000, max_records=most)
        return {part: [each.offset for each in records] for part, records in found.items()}


async def test_what_comes_to_an_idle_reader_is_given_at_once() -> None:
    consumer = FakeConsumer([{}, {A: [record(A, 7)]}])
    assert await consumer.read() == {A: [7]}
    assert consumer.waited == [0, 1000]


async def test_what_lay_ready_is_given_together_with_what_lay_behind_it() -> None:
    consumer = FakeConsumer([{A: [record(A, 7)]}, {A: [record(A, 8), record(A, 9)], B: [record(B, 1)]}])
    assert await consumer.read() == {A: [7, 8, 9], B: [1]}
    assert consumer.waited == [0, REST_MS]


async def test_a_batch_is_never_larger_than_was_asked_for() -> None:
    consumer = FakeConsumer([{A: [record(A, 7), record(A, 8)]}, {A: [record(A, 9)]}])
    assert await consumer.read(3) == {A: [7, 8, 9]}
    assert consumer.wanted == [3, 1]
    assert await FakeConsumer([{A: [record(A, 7), record(A, 8)]}]).read(2) == {A: [7, 8]}


async def test_what_was_read_before_an_error_is_read_again() -> None:
    consumer = FakeConsumer([{A: [record(A, 7), record(A, 8)]}, KafkaConnectionError()])
    with pytest.raises(KafkaConnectionError):
        await consumer.read()
    assert consumer.sought == {A: 7}
