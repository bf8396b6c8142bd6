"""Running roles: one process may run several, each with the keys and the login of its own."""

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

import structlog

from contracts.bus.connection import reached
from contracts.bus.letters import DeadLetters
from contracts.bus.reader import Reader
from contracts.bus.sender import Sender
from contracts.command import Lane
from contracts.ids import CommandId
from contracts.topics import Channel
from orchestrator.entrypoints import health, serving
from orchestrator.entrypoints import reporter as reporting
from orchestrator.entrypoints.answers import Answers
from orchestrator.entrypoints.api.app import app
from orchestrator.entrypoints.api.deps import Deps
from orchestrator.entrypoints.api.metrics import Metrics
from orchestrator.entrypoints.dispatcher import Dispatcher
from orchestrator.entrypoints.letterbox import KafkaLetterBox, broker_answers
from orchestrator.entrypoints.notary import Notary
from orchestrator.entrypoints.reporter import Reporter
from orchestrator.entrypoints.vitals import LONG_S, Vitals
from orchestrator.entrypoints.waking import Wakeups
from orchestrator.entrypoints.watch import Watch
from orchestrator.entrypoints.working import Work
from orchestrator.flow import clock as passing
from orchestrator.settings import Role, Settings
from orchestrator.store import schema
from orchestrator.store.letters import BRAKE
from orchestrator.store.session import Transactions
from orchestrator.wiring import Database, Wiring

log = structlog.get_logger()

STOP_WITHIN_S = 15.0


async def run(roles: Sequence[Role], wiring: Wiring) -> None:
    """Run *roles* until SIGTERM or SIGINT; what was begun is finished first.

    Raises `RecoveryNeeded` before any of them begins, or as soon as it shows, if the database fell back to a backup.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    vitals = Vitals(clock=time.time)
    async with _database(wiring, roles[0], vitals, pool_size=1) as database:
        watch = Watch(transaction=database.transactions, home=wiring.settings.root, turned=vitals.work("watch"))
        tasks = [asyncio.create_task(watch.until(stopping), name="watch")]
        if wiring.settings.health_port is not None:
            tasks.append(asyncio.create_task(_health(wiring.settings, stopping, vitals), name="health"))
        stop = asyncio.create_task(stopping.wait())
        begun = asyncio.create_task(watch.begun())
        await asyncio.wait([stop, begun, *tasks], return_when=asyncio.FIRST_COMPLETED)
        if begun.done() and not stopping.is_set():
            wired = replace(wiring, standing=begun.result())
            tasks += [asyncio.create_task(_run(role, wired, stopping, vitals), name=role) for role in roles]
            await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stopping.set()
        begun.cancel()
        log.info("roles.stopping", count=len(roles))
        await _end(tasks)


async def _end(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Let them finish, end what does not, and raise the first error of any."""
    await asyncio.wait(tasks, timeout=STOP_WITHIN_S)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for error in results:
        if isinstance(error, Exception):
            raise error


async def _health(settings: Settings, stopping: asyncio.Event, vitals: Vitals) -> None:
    door = health.app(health.Health(vitals=vitals, schema_head=schema.head()))
    port = settings.health_port or 0
    await serving.serve(door, host=settings.health_host, port=port, stopping=stopping)


async def _run(role: Role, wiring: Wiring, stopping: asyncio.Event, vitals: Vitals) -> None:
    match role:
        case Role.API:
            await _api(wiring, stopping, vitals)
        case Role.ENGINE:
            await _engine(wiring, stopping, vitals)
        case Role.DISPATCHER_ACCESS | Role.DISPATCHER_ERASURE:
            await _dispatcher(role, wiring, stopping, vitals)
        case Role.REPORTER:
            await _reporter(wiring, stopping, vitals)
        case Role.NOTARY:
            await _notary(wiring, stopping, vitals)


@asynccontextmanager
async def _database(wiring: Wiring, role: Role, vitals: Vitals, *, pool_size: int = 5) -> AsyncIterator[Database]:
    database = wiring.database(role, pool_size=pool_size)
    vitals.databases.append(database.transactions)
    try:
        yield database
    finally:
        await database.engine.dispose()


async def _api(wiring: Wiring, stopping: asyncio.Event, vitals: Vitals) -> None:
    connection = wiring.connection(Role.API)
    async with _database(wiring, Role.API, vitals, pool_size=10) as database:
        deps = Deps(
            transactions=database.transactions,
            policy=wiring.policy,
            controller=wiring.settings.controller,
            trust=wiring.trust,
            link_kms=wiring.link_kms,
            reply_kms=wiring.reply_kms,
            blind_key=wiring.blind_key,
            blobs=wiring.blobs,
            letters=KafkaLetterBox(connection),
            schema_head=schema.head(),
            broker_answers=partial(broker_answers, connection),
            new_id=uuid4,
            new_secret=partial(secrets.token_bytes, 32),
            clock=partial(datetime.now, UTC),  # noqa: TID251 - an entrypoint
            metrics=Metrics(registry=vitals.registry),
        )
        await serving.serve(app(deps), host=wiring.settings.api_host, port=wiring.settings.api_port, stopping=stopping)


async def _engine(wiring: Wiring, stopping: asyncio.Event, vitals: Vitals) -> None:
    connection = wiring.connection(Role.ENGINE)
    if not await reached(connection, stopping):
        return
    async with (
        _database(wiring, Role.ENGINE, vitals) as database,
        Sender(connection) as sender,
        Wakeups(database.url, [BRAKE, "clock"]) as wakeups,
    ):
        letters = DeadLetters(sender, reader="engine", environment=wiring.policy.environment, clock=time.time)
        answers = Answers(
            transaction=database.transactions,
            policy=wiring.policy,
            link_kms=wiring.link_kms,
            blind_key=wiring.blind_key,
            dead_letters=letters,
            clock=time.time,
            prefix=wiring.settings.topic_prefix,
        )
        reader = Reader(
            connection,
            answers.handle,
            channels=[Channel.ANSWERS],
            group=wiring.engine_group,
            worker=f"engine-{wiring.settings.instance}",
            clock=time.time,
        )
        async with reader:
            vitals.reader("answers", reader, brake_pulled=lambda: letters.brake.pulled is not None)
            tick = partial(_tick, database.transactions, wiring)
            idle = partial(wakeups.wait, "clock")
            clock = Work(name="clock", once=tick, idle=idle, turned=vitals.work("clock"), most=passing.MOST)
            letting = asyncio.create_task(_let_pass(letters, wakeups))
            await clock.until(stopping)
            letting.cancel()


async def _let_pass(letters: DeadLetters, wakeups: Wakeups) -> None:
    """Release the brake when a person says so; before it is pulled there is nothing to release."""
    while True:
        if await wakeups.wait(BRAKE, LONG_S) and letters.brake.pulled is not None:
            log.warning("bus.brake_released", refusal=letters.brake.pulled.value)
            letters.brake.release()


async def _tick(transaction: Transactions, wiring: Wiring) -> int:
    async with transaction() as tx:
        return await passing.pass_time(tx, policy=wiring.policy)


async def _dispatcher(role: Role, wiring: Wiring, stopping: asyncio.Event, vitals: Vitals) -> None:
    lane = Lane.ACCESS if role is Role.DISPATCHER_ACCESS else Lane.ERASURE
    channel, connection = f"dispatcher-{lane}", wiring.connection(role)
    if not await reached(connection, stopping):
        return
    async with (
        _database(wiring, role, vitals) as database,
        Sender(connection) as sender,
        Wakeups(database.url, [channel]) as wakeups,
    ):
        dispatcher = Dispatcher(
            lane=lane,
            transaction=database.transactions,
            policy=wiring.policy,
            trust=wiring.trust,
            signer=wiring.command_key(lane),
            link_kms=wiring.link_kms,
            blind_key=wiring.blind_key,
            sender=sender,
            upload_url=wiring.settings.upload_url(),
            new_command=_command_id,
            new_bearer=_bearer,
        )
        idle = partial(wakeups.wait, channel)
        turned = vitals.work(role)
        most = dispatcher.limit
        await Work(name=role, once=dispatcher.once, idle=idle, turned=turned, most=most, drains=True).until(stopping)


def _command_id() -> CommandId:
    return CommandId(uuid4())


def _bearer() -> str:
    return f"dsu_{secrets.token_urlsafe(32)}"


async def _reporter(wiring: Wiring, stopping: asyncio.Event, vitals: Vitals) -> None:
    async with (
        _database(wiring, Role.REPORTER, vitals, pool_size=2) as database,
        Wakeups(database.url, ["reporter"]) as wakeups,
    ):
        reporter = Reporter(
            transaction=database.transactions,
            policy=wiring.policy,
            link_kms=wiring.link_kms,
            reply_kms=wiring.reply_kms,
            blobs=wiring.blobs,
            controller=wiring.settings.controller,
            new_secret=partial(secrets.token_bytes, 32),
        )
        turned = vitals.work("reporter", stuck_after_s=LONG_S)
        idle = partial(wakeups.wait, "reporter")
        await Work(name="reporter", once=reporter.once, idle=idle, turned=turned, most=reporting.MOST).until(stopping)


async def _notary(wiring: Wiring, stopping: asyncio.Event, vitals: Vitals) -> None:
    async with (
        _database(wiring, Role.NOTARY, vitals, pool_size=1) as database,
        Wakeups(database.url, ["notary"]) as wakeups,
    ):
        notary = Notary(transaction=database.transactions, home=wiring.settings.root)
        idle = partial(wakeups.wait, "notary")
        await Work(name="notary", once=notary.once, idle=idle, turned=vitals.work("notary"), most=1).until(stopping)
