"""Commits beside the work: of what was handled only, soon, many as one, and before partitions are given away."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError

from contracts.bus import commits
from contracts.bus.commits import Commits
from contracts.envelope import Record
from tests.contracts.builders import FakeRecord

A, B = TopicPartition("a", 0), TopicPartition("b", 1)


def record(part: TopicPartition, offset: int) -> Record:
    return FakeRecord(topic=part.topic, partition=part.partition, offset=offset)


class FakeConsumer:
    """Remembers what was committed; fails or hangs if told to."""

    def __init__(self) -> None:
        self.ours = {A, B}
        self.committed: list[Mapping[TopicPartition, int]] = []
        self.failure: Exception | None = None
        self.hangs = False
        self.came = asyncio.Event()

    def assignment(self) -> frozenset[Any]:
        return frozenset(self.ours)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure
        self.committed.append(offsets)
        self.came.set()

    async def next(self) -> None:
        async with asyncio.timeout(5):
            await self.came.wait()
        self.came.clear()


def over(consumer: FakeConsumer) -> Commits:
    return Commits(consumer, consumer.commit)


async def test_batches_that_end_shortly_after_each_other_are_committed_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "SOON_S", 0.0)
    consumer = FakeConsumer()
    offsets = over(consumer)
    committing = asyncio.create_task(offsets.run())
    offsets.ended([record(A, 4), record(A, 5)])
    offsets.ended([record(A, 6), record(B, 1)])
    await consumer.next()
    offsets.ended([record(B, 2)])
    await consumer.next()
    committing.cancel()
    assert consumer.committed == [{A: 7, B: 2}, {B: 3}]


async def test_what_could_not_be_committed_is_committed_with_what_comes_next() -> None:
    consumer = FakeConsumer()
    offsets = over(consumer)
    offsets.ended([record(A, 4), record(B, 1)])
    consumer.failure = CommitFailedError()
    await offsets.now()
    consumer.failure = None
    offsets.ended([record(A, 5)])
    await offsets.now()
    assert consumer.committed == [{A: 6, B: 2}]


async def test_what_could_not_be_committed_is_tried_again_though_nothing_more_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commits, "SOON_S", 0.0)
    monkeypatch.setattr(commits, "AGAIN_S", 0.01)
    consumer = FakeConsumer()
    offsets = over(consumer)
    consumer.failure = OSError("half closed")
    committing = asyncio.create_task(offsets.run())
    offsets.ended([record(A, 4)])
    await asyncio.sleep(0.05)
    consumer.failure = None
    await consumer.next()
    committing.cancel()
    assert consumer.committed == [{A: 5}]


async def test_nothing_is_committed_of_a_partition_that_is_not_ours() -> None:
    consumer = FakeConsumer()
    offsets = over(consumer)
    offsets.ended([record(A, 4), record(B, 1)])
    consumer.ours = {B}
    await offsets.now()
    assert consumer.committed == [{B: 2}]


async def test_a_broker_that_is_silent_holds_up_nobody_who_gives_partitions_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commits, "LAST_WITHIN_S", 0.01)
    consumer = FakeConsumer()
    offsets = over(consumer)
    offsets.ended([record(A, 4)])
    consumer.hangs = True
    await offsets.last()
    consumer.hangs = False
    await offsets.now()
    assert consumer.committed == []  # another may have them by now
