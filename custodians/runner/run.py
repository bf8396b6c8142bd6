"""A worker from start to stop: what was left is resumed, what comes is taken, what cannot be ended is put down."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import httpx2
import structlog

from contracts.bus.connection import Connection
from contracts.bus.letters import DeadLetters
from contracts.bus.reader import Reader
from contracts.bus.sender import Sender
from contracts.command import Lane
from contracts.door import commands_door
from contracts.keys import KeyRing
from contracts.manifest import Manifest
from contracts.topics import channel_of
from custodians.runner.heartbeat import Pulse
from custodians.runner.inbox import Inbox
from custodians.runner.keys import WorkerKeys, command_ring
from custodians.runner.ledger_sqlite import SqliteLedger
from custodians.runner.reply import Identity, Replies
from custodians.runner.settings import WorkerSettings
from custodians.runner.upload import HttpUploads
from custodians.runner.work import Work
from custodians.runner.worker import Worker
from custodians.sdk import Custodian, Declaration

log = structlog.get_logger()

LEDGER_FILE: Final = "ledger.sqlite"
REMEMBERED_S: Final = 60 * 24 * 3600
"""How long a closed row stays: far beyond the week for which the bus could bring its command again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entropy:
    """The two things that only an entry point may read."""

    clock: Callable[[], float]
    secret: Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    worker: Worker
    replies: Replies
    inbox: Inbox
    pulse: Pulse


async def serve(
    settings: WorkerSettings,
    custodian: Custodian,
    declaration: Declaration,
    *,
    keys: WorkerKeys,
    entropy: Entropy,
    stopping: asyncio.Event,
) -> None:
    """Work until *stopping* is set. Raises `KafkaError` if the broker cannot be reached at the start."""
    manifest = declaration.manifest(keys.declared)
    structlog.contextvars.bind_contextvars(custodian=manifest.id, worker=settings.worker)
    connection = Connection(
        bootstrap=settings.kafka,
        client_id=settings.worker,
        prefix=settings.kafka_prefix,
        security=settings.security,
    )
    async with (
        Sender(connection) as sender,
        SqliteLedger(settings.home / LEDGER_FILE, keys.ledger, now=entropy.clock) as ledger,
        httpx2.AsyncClient(follow_redirects=True) as client,
        asyncio.TaskGroup() as tasks,
    ):
        await ledger.forget(int(entropy.clock()) - REMEMBERED_S)
        work = Work(
            custodian,
            manifest=manifest,
            held={each.name: each for each in declaration.classes},
            ledger=ledger,
            uploads=HttpUploads(client),
            clock=entropy.clock,
            secret=entropy.secret,
        )
        parts = _assembled(
            settings=settings,
            manifest=manifest,
            keys=keys,
            ring=command_ring(settings.command_keys),
            work=work,
            ledger=ledger,
            sender=sender,
            tasks=tasks,
            clock=entropy.clock,
        )
        await _live(
            settings=settings,
            manifest=manifest,
            connection=connection,
            parts=parts,
            tasks=tasks,
            stopping=stopping,
            clock=entropy.clock,
        )


def _assembled(
    *,
    settings: WorkerSettings,
    manifest: Manifest,
    keys: WorkerKeys,
    ring: KeyRing,
    work: Work,
    ledger: SqliteLedger,
    sender: Sender,
    tasks: asyncio.TaskGroup,
    clock: Callable[[], float],
) -> _Parts:
    identity = Identity(
        environment=settings.environment,
        custodian=manifest.id,
        worker=settings.worker,
        manifest_hash=manifest.hash,
        signer=keys.signer,
    )
    replies = Replies(ledger, sender, identity, clock=clock)
    worker = Worker(work, replies, ledger, manifest=manifest, keys=keys.sealers, tasks=tasks, clock=clock)
    inbox = Inbox(
        door=commands_door(
            environment=settings.environment, ring=ring, audience=manifest.id, prefix=settings.kafka_prefix
        ),
        custodian=manifest.id,
        keys=keys.sealers,
        letters=DeadLetters(sender, reader=manifest.id, environment=settings.environment, clock=clock),
        ledger=ledger,
        replies=replies,
        worker=worker,
        clock=clock,
    )
    pulse = Pulse(sender, ledger, worker, identity, kids=keys.kids, clock=clock, every_s=settings.heartbeat_s)
    return _Parts(worker=worker, replies=replies, inbox=inbox, pulse=pulse)


async def _live(
    *,
    settings: WorkerSettings,
    manifest: Manifest,
    connection: Connection,
    parts: _Parts,
    tasks: asyncio.TaskGroup,
    stopping: asyncio.Event,
    clock: Callable[[], float],
) -> None:
    reader = Reader(
        connection,
        parts.inbox.take,
        channels=[channel_of(lane) for lane in Lane],
        group=manifest.id,
        worker=settings.worker,
        clock=clock,
    )
    sending = tasks.create_task(parts.replies.run())
    await parts.worker.resume()
    async with reader:
        beating = tasks.create_task(parts.pulse.run(reader))
        log.info("worker.started")
        await stopping.wait()
        beating.cancel()
    await parts.worker.drain(settings.grace_s)
    sending.cancel()
    await parts.replies.flush()
    await parts.pulse.beat(reader)
    log.info("worker.stopped")


@asynccontextmanager
async def stop_signals() -> AsyncIterator[asyncio.Event]:
    """Yield an event that SIGTERM and SIGINT set."""
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopping.set)
    yield stopping
