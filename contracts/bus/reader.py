"""The reader: batches of raw records, handled whole or not at all, in the one shape that was seen to lose nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import structlog
from faststream import BaseMiddleware, ContextRepo
from faststream.message import StreamMessage

from contracts.bus.client import Client
from contracts.bus.connection import Connection
from contracts.bus.resting import rest_s
from contracts.envelope import Record
from contracts.topics import MAX_BATCH, Channel

log = structlog.get_logger()

Handler = Callable[[Sequence[Record]], Awaitable[None]]
Clock = Callable[[], float]

MUTE_AFTER_S: Final = 12.0
"""After so long without a word from the broker the client is replaced: it says something twice a second."""

_LOOKS: Final = 6
_LEAVE_WITHIN_S, _REPLACE_WITHIN_S = 20.0, 5.0  # a handler that runs may end; a client that is broken need not
_REVOKE_WAITS_S: Final = 3.0  # half a session: the broker must not think that we died


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long a failed batch waits before it is read again."""

    first_s: float = 0.2
    most_s: float = 30.0

    def delays(self) -> Iterator[float]:
        """Yield the waits, each twice the one before."""
        delay = self.first_s
        while True:
            yield min(delay, self.most_s)
            delay *= 2


class Reader:
    """One consumer in one group. Enter it to start, leave it to stop; a process has one.

    The handler gets a batch of records from any of the *channels*, unread. Once it returns, the batch is committed,
    soon and beside the next one. When it raises, the batch is rewound and given again after a wait, for ever: so it
    raises only when our own services fail, and must cope with records that it has seen, also at the same time in
    another process.
    """

    def __init__(
        self,
        connection: Connection,
        handle: Handler,
        *,
        channels: Collection[Channel],
        group: str,
        worker: str,
        clock: Clock,
        backoff: Backoff | None = None,
        max_records: int = MAX_BATCH,
        mute_after_s: float = MUTE_AFTER_S,
    ) -> None:
        self._handle = handle
        self._clock = clock
        self._backoff = Backoff() if backoff is None else backoff
        self._delays = self._backoff.delays()
        self._stopping = asyncio.Event()
        self._in_flight = asyncio.Lock()
        self._most, self._rest_s = max_records, 0.0
        self._oldest_ms: int | None = None
        self._handled_at = self._free_at = clock()
        self.in_hand = False
        self._made = partial(
            Client,
            connection,
            self._on_records,
            topics=[connection.topic(channel) for channel in channels],
            group=group,
            worker=worker,
            max_records=max_records,
            middleware=partial(_WaitThenRewind, reader=self),
            listener=_Rebalances(self),
            clock=clock,
        )
        self._client = self._made()
        self._mute_after_s = mute_after_s
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._client.start()
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._client.stop(within_s=_LEAVE_WITHIN_S)

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest record that is in hand and not yet handled; 0 when nothing is."""
        return 0.0 if self._oldest_ms is None else max(0.0, self._clock() - self._oldest_ms / 1000)

    @property
    def last_progress(self) -> float:
        """When this reader last got anywhere: finished a batch, or heard from the broker that there is none.

        A consumer can live and read nothing; a growing distance between this and now is the sign.
        """
        if self._oldest_ms is not None:
            return self._handled_at
        return max(self._handled_at, min((at for at in self._client.heard() if at), default=0.0))

    async def _watch(self) -> None:
        """Replace a client that reads nothing: its own tasks may have died, or wait for what a firewall forgot."""
        mute = 0
        while True:
            await asyncio.sleep(self._mute_after_s / _LOOKS)
            mute = mute + 1 if self._is_mute() else 0
            if self._client.broken or mute > 1:  # seen twice: a process that was frozen has read nothing either
                await self._replace()

    def _is_mute(self) -> bool:
        if self.in_hand:
            return False  # it has read, and reads on when that is through
        if self._client.started_at is None:
            return True
        heard = self._client.heard()
        since = max(*heard, self._client.started_at, self._free_at, 0.0)
        return bool(heard) and self._clock() - since > self._mute_after_s

    async def _replace(self) -> None:
        if self._client.started_at is not None:  # else the last one did not come as far as that
            log.warning("bus.reader_replaced")
        await self._client.stop(within_s=_REPLACE_WITHIN_S)
        self._client = self._made()
        try:
            await self._client.start()
        except Exception as error:  # noqa: BLE001 - whatever kept it: the next look makes another
            log.warning("bus.reader_waits", error=type(error).__name__)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """A batch is in hand, until it is through or has waited to be read again."""
        self.in_hand = True
        try:
            yield
        finally:
            self.in_hand, self._free_at = False, self._clock()

    async def _on_records(self, records: Sequence[Record]) -> None:
        self._oldest_ms = min(record.timestamp for record in records)
        began = asyncio.get_running_loop().time()
        async with self._in_flight:
            await self._handle(records)
        took = asyncio.get_running_loop().time() - began
        self._rest_s = rest_s(took, found=len(records), most=self._most)

    async def settle(self, *, failed: BaseException | None) -> None:
        """Note how a batch went; after a failure, return only when it is time to try again, or to stop."""
        if failed is None:
            self._delays = self._backoff.delays()
            self._oldest_ms, self._handled_at = None, self._clock()
            await asyncio.sleep(self._rest_s)
            return
        delay = next(self._delays)
        log.warning("bus.batch_failed", error=type(failed).__name__, again_in_s=delay)
        try:
            await asyncio.wait_for(self._stopping.wait(), delay)
        except TimeoutError:
            return

    async def let_go(self) -> None:
        """Wait, for a bounded time, until the running handler is through: its peer would run the same records."""
        try:
            await asyncio.wait_for(self._in_flight.acquire(), _REVOKE_WAITS_S)
        except TimeoutError:
            log.warning("bus.revoked_in_flight")
            return
        self._in_flight.release()
        self._oldest_ms = None


class _WaitThenRewind(BaseMiddleware[Any, Any]):
    """A batch fails only when our own services do: wait, then `NACK_ON_ERROR` rewinds every partition of it."""

    def __init__(self, records: object, /, *, context: ContextRepo, reader: Reader) -> None:
        super().__init__(records, context=context)
        self._reader = reader

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[object]], msg: StreamMessage[Any]) -> object:
        with self._reader.holding():
            try:
                result = await call_next(msg)
            except Exception as error:
                await self._reader.settle(failed=error)
                raise
            await self._reader.settle(failed=None)
        return result


class _Rebalances:
    """What aiokafka calls when partitions move."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def on_partitions_revoked(self, revoked: Collection[object]) -> None:
        if revoked:
            await self._reader.let_go()

    async def on_partitions_assigned(self, assigned: Collection[object]) -> None:
        log.info("bus.assigned", partitions=len(assigned))
