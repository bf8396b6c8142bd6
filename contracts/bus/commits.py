"""Offsets, committed beside the work and not between two batches: nobody waits for it.

What was handled and not yet committed when a process dies comes again, which a handler must cope with anyway.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog
from aiokafka import TopicPartition

from contracts.envelope import Record

log = structlog.get_logger()

SOON_S: Final = 0.05
"""How old what is not committed gets. Batches that end within it are committed as one."""

AGAIN_S: Final = 1.0
"""When a commit that failed is tried again, if nothing came meanwhile."""

LAST_WITHIN_S: Final = 3.0
"""How long a commit is waited for before partitions are given away; heartbeats go on meanwhile."""


class Committed(Protocol):
    """What is used of aiokafka's consumer."""

    def assignment(self) -> frozenset[Any]:
        """Return the partitions that are ours."""


class Commits:
    """The offsets of one consumer. Only what a handler has ended is ever told to it."""

    def __init__(
        self, consumer: Committed, commit: Callable[[Mapping[TopicPartition, int]], Awaitable[object]]
    ) -> None:
        self._consumer = consumer
        self._commit = commit
        self._ended: dict[TopicPartition, int] = {}
        self._one_at_a_time = asyncio.Lock()
        self._told = asyncio.Event()

    def ended(self, records: Sequence[Record]) -> None:
        """Note that these were handled, in their order; they are committed soon."""
        self._ended |= {TopicPartition(each.topic, each.partition): each.offset + 1 for each in records}
        self._told.set()

    async def run(self) -> None:
        """Commit for ever."""
        while True:
            if not self._ended:
                await self._told.wait()
            await asyncio.sleep(SOON_S if self._told.is_set() else AGAIN_S)
            self._told.clear()
            await self.now()

    async def now(self) -> None:
        """Commit what was handled; what cannot be committed stays, to be tried again."""
        async with self._one_at_a_time:
            ours = self._consumer.assignment()
            ended, self._ended = {part: at for part, at in self._ended.items() if part in ours}, {}
            try:
                if ended:
                    await self._commit(ended)
            except Exception as error:  # noqa: BLE001 - the outermost loop of committing: it goes on, whatever it was
                self._ended = ended | self._ended
                log.warning("bus.not_committed", error=type(error).__name__)

    async def last(self) -> None:
        """Commit before partitions are given away, or give up after a time; then forget them."""
        try:
            await asyncio.wait_for(self.now(), LAST_WITHIN_S)
        except TimeoutError:
            log.warning("bus.not_committed", error=TimeoutError.__name__)
        self._ended = {}
