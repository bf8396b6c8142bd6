"""The pulse: says every half minute that this worker lives, and what it is doing."""

import asyncio
from collections.abc import Callable, Collection
from importlib.metadata import version
from typing import Final, Protocol

import structlog
from aiokafka.errors import KafkaError

from contracts.bus.letters import Publishes
from contracts.envelope import close_envelope
from contracts.heartbeat import HEARTBEAT_SECONDS, Heartbeat
from contracts.wire import CONTRACT_VERSION
from custodians.runner.ledger import Ledger
from custodians.runner.reply import Identity
from custodians.runner.worker import Worker

log = structlog.get_logger()

SDK: Final = version("dsar-orchestrator")


class Reads(Protocol):
    """Whatever reads the bus."""

    @property
    def lag_seconds(self) -> float:
        """How old the oldest record is that waits to be handled."""


class Pulse:
    """Sends heartbeats. One that cannot be sent is left out: the next says more."""

    def __init__(
        self,
        sender: Publishes,
        ledger: Ledger,
        worker: Worker,
        identity: Identity,
        *,
        kids: Collection[str],
        clock: Callable[[], float],
        every_s: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._sender = sender
        self._ledger = ledger
        self._worker = worker
        self._identity = identity
        self._kids = tuple(kids)
        self._clock = clock
        self._every_s = every_s

    async def run(self, reader: Reads) -> None:
        """Beat at once, then for ever."""
        while True:
            await self.beat(reader)
            await asyncio.sleep(self._every_s)

    async def drain(self, reader: Reads, *, grace_s: float) -> None:
        """Let what runs end, and say from the first moment on that nothing more is begun here."""
        self._worker.draining = True
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.beat(reader))  # beside it: a broker that is away must not delay the end
            await self._worker.drain(grace_s)

    async def beat(self, reader: Reads) -> None:
        """Send one heartbeat."""
        draining = self._worker.draining
        beat = Heartbeat(
            environment=self._identity.environment,
            custodian=self._identity.custodian,
            worker=self._identity.worker,
            at=int(self._clock()),
            manifest_hash=self._identity.manifest_hash,
            contracts=(CONTRACT_VERSION, CONTRACT_VERSION),
            sdk=SDK,
            kids=self._kids,
            running=self._worker.progress,
            oldest_open=await self._ledger.oldest_open(),
            lag_seconds=int(reader.lag_seconds),
            accepting=not draining,
            draining=draining,
        )
        try:
            await self._sender.send([close_envelope(beat, signer=self._identity.signer)])
        except KafkaError as error:
            log.warning("heartbeat.unsent", error=type(error).__name__)
