"""A worker from start to stop: what was left is resumed, what comes is taken, what cannot be ended is put down."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import httpx2
import structlog

from contracts.bus.connection import Connection, Login, reached
from contracts.bus.letters import DeadLetters
from contracts.bus.reader import Reader
from contracts.bus.sender import Sender
from contracts.command import Command, Lane
from contracts.door import Door, commands_door
from contracts.keys import KeyRing
from contracts.manifest import Manifest
from contracts.topics import channel_of
from custodians.runner.health import Health
from custodians.runner.heartbeat import Pulse
from custodians.runner.inbox import Inbox
from custodians.runner.keys import WorkerKeys
from custodians.runner.ledger_sqlite import SqliteLedger
from custodians.runner.putting import Lines
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

FORGETS_EVERY_S: Final = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Entropy:
    """The two things that only an entry point may read."""

    clock: Callable[[], float]
    secret: Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What a worker is made of, before it is connected to anything."""

    settings: WorkerSettings
    custodian: Custodian
    declaration: Declaration
    manifest: Manifest
    keys: WorkerKeys
    ring: KeyRing
    entropy: Entropy

    @property
    def connection(self) -> Connection:
        return Connection(
            bootstrap=self.settings.kafka,
            client_id=self.settings.worker,
            prefix=self.settings.kafka_prefix,
            login=self.login,
        )

    @property
    def login(self) -> Login | None:
        """How to log in to Kafka; None if anybody may."""
        username, password = self.settings.kafka_username, self.settings.kafka_password
        if username is None or password is None:
            return None
        return Login(username=username, password=password.get_secret_value(), tls=self.settings.kafka_tls)

    @property
    def identity(self) -> Identity:
        return Identity(
            environment=self.settings.environment,
            custodian=self.manifest.id,
            worker=self.settings.worker,
            manifest_hash=self.manifest.hash,
            signer=self.keys.signer,
        )

    def work(self, ledger: SqliteLedger, uploads: HttpUploads) -> Work:
        return Work(
            self.custodian,
            manifest=self.manifest,
            held={each.name: each for each in self.declaration.classes},
            ledger=ledger,
            uploads=uploads,
            clock=self.entropy.clock,
            secret=self.entropy.secret,
        )

    def door(self) -> Door[Command]:
        return commands_door(
            environment=self.settings.environment,
            ring=self.ring,
            audience=self.manifest.id,
            prefix=self.settings.kafka_prefix,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    worker: Worker
    replies: Replies
    letters: DeadLetters
    inbox: Inbox
    pulse: Pulse


async def serve(
    settings: WorkerSettings,
    custodian: Custodian,
    declaration: Declaration,
    *,
    keys: WorkerKeys,
    ring: KeyRing,
    entropy: Entropy,
    stopping: asyncio.Event,
) -> None:
    """Work until *stopping* is set. Raises `KafkaError` if the broker cannot be reached for a minute at the start."""
    given = _Given(
        settings=settings,
        custodian=custodian,
        declaration=declaration,
        manifest=declaration.manifest(keys.declared),
        keys=keys,
        ring=ring,
        entropy=entropy,
    )
    structlog.contextvars.bind_contextvars(custodian=given.manifest.id, worker=settings.worker)
    if not await reached(given.connection, stopping):
        return
    async with (
        Sender(given.connection) as sender,
        SqliteLedger(settings.home / LEDGER_FILE, keys.ledger, now=entropy.clock) as ledger,
        httpx2.AsyncClient(follow_redirects=True) as client,
        Lines() as lines,
        asyncio.TaskGroup() as tasks,
    ):
        parts = _assembled(
            given, work=given.work(ledger, HttpUploads(client, lines)), ledger=ledger, sender=sender, tasks=tasks
        )
        forgetting = tasks.create_task(_forget(ledger, entropy.clock))
        await _live(given, parts, tasks=tasks, stopping=stopping)
        forgetting.cancel()


async def _forget(ledger: SqliteLedger, clock: Callable[[], float]) -> None:
    """Drop once a day what the bus can no longer bring."""
    while True:
        await ledger.forget(int(clock()) - REMEMBERED_S)
        await asyncio.sleep(FORGETS_EVERY_S)


def _assembled(given: _Given, *, work: Work, ledger: SqliteLedger, sender: Sender, tasks: asyncio.TaskGroup) -> _Parts:
    settings, manifest, keys, clock = given.settings, given.manifest, given.keys, given.entropy.clock
    replies = Replies(ledger, sender, given.identity, clock=clock)
    letters = DeadLetters(sender, reader=manifest.id, environment=settings.environment, clock=clock)
    worker = Worker(work, replies, ledger, manifest=manifest, keys=keys.sealers, tasks=tasks, clock=clock)
    inbox = Inbox(
        door=given.door(),
        custodian=manifest.id,
        keys=keys.sealers,
        letters=letters,
        ledger=ledger,
        replies=replies,
        worker=worker,
        clock=clock,
    )
    pulse = Pulse(sender, ledger, worker, given.identity, kids=keys.kids, clock=clock, every_s=settings.heartbeat_s)
    return _Parts(worker=worker, replies=replies, letters=letters, inbox=inbox, pulse=pulse)


async def _live(given: _Given, parts: _Parts, *, tasks: asyncio.TaskGroup, stopping: asyncio.Event) -> None:
    reader = Reader(
        given.connection,
        parts.inbox.take,
        channels=[channel_of(lane) for lane in Lane],
        group=given.manifest.id,
        worker=given.settings.worker,
        clock=given.entropy.clock,
    )
    sending = tasks.create_task(parts.replies.run())
    await parts.worker.resume()
    async with reader:
        beating = tasks.create_task(parts.pulse.run(reader))
        watched = tasks.create_task(_watched(given, parts, reader))
        log.info("worker.started")
        await stopping.wait()
    await parts.pulse.drain(reader, grace_s=given.settings.grace_s)
    beating.cancel()
    sending.cancel()
    watched.cancel()
    await parts.replies.flush()
    await parts.pulse.beat(reader)
    log.info("worker.stopped")


async def _watched(given: _Given, parts: _Parts, reader: Reader) -> None:
    """Open the door for probes and scrapers, if one is wanted."""
    if given.settings.health_port is not None:
        door = Health(reader=reader, worker=parts.worker, brake=parts.letters.brake, clock=given.entropy.clock)
        await door.serve(given.settings.health_host, given.settings.health_port)


@asynccontextmanager
async def stop_signals() -> AsyncIterator[asyncio.Event]:
    """Yield an event that SIGTERM and SIGINT set."""
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopping.set)
    yield stopping
