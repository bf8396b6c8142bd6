"""What each kind of fault does to the world. Every deed returns once what it broke is whole again."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import asyncpg

from contracts.topics import Channel
from orchestrator.embedded.process import polled
from tests.crash import bus
from tests.crash.child import Child
from tests.crash.dice import Dice
from tests.crash.options import Kind
from tests.crash.proxy import Proxy
from tests.crash.schedule import Fault
from tests.crash.slipping import slip_in
from tests.crash.world import World

DELAY_S: Final = 0.15
REWOUND_WITHIN_S: Final = 25.0
WRITTEN_WITHIN_S: Final = 30.0
CUT_AT_ONCE: Final = 3
CUT_WITHIN_S: Final = 10.0
END_BACKENDS: Final = "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid()"
CHANNELS: Final = {"access": Channel.ACCESS, "erasure": Channel.ERASURE, "answers": Channel.ANSWERS}
COMMANDS: Final = (Channel.ACCESS, Channel.ERASURE)


class NotPossible(Exception):
    """This machine, or the state of things, does not allow this fault. The message says why."""


Deed = Callable[[World, Fault], Awaitable[None]]


async def _kill(world: World, fault: Fault) -> None:
    world.children[fault.target].kill()


async def _end(world: World, fault: Fault) -> None:
    world.children[fault.target].send(signal.SIGTERM)


async def _freeze(world: World, fault: Fault) -> None:
    child = world.children[fault.target]
    child.freeze()
    try:
        await asyncio.sleep(fault.length)
    finally:
        child.thaw()


async def _kill_all(world: World, _: Fault) -> None:
    """Frozen first, so that all die between the same two instructions."""
    for child in world.children.values():
        child.freeze()
    for child in world.children.values():
        child.kill()


async def _broker_away(world: World, fault: Fault) -> None:
    await _away(world.bus.child, fault.length, signal.SIGKILL)


async def _database_killed(world: World, fault: Fault) -> None:
    await _away(world.database.child, fault.length, signal.SIGKILL)


async def _database_stopped(world: World, fault: Fault) -> None:
    await _away(world.database.child, fault.length, signal.SIGQUIT)


async def _away(child: Child, length: float, first: signal.Signals) -> None:
    """Keep it down for a while. Healed means: it answers again."""
    child.hold()
    try:
        if first is signal.SIGKILL:
            child.kill(tree=True)
        else:
            child.send(first)
        await child.down()
        await asyncio.sleep(length)
    finally:
        child.release()
    await child.ready()


async def _backends_ended(world: World, _: Fault) -> None:
    connection = await asyncpg.connect(world.database.direct_url, timeout=5.0)
    try:
        await connection.fetchval(END_BACKENDS)
    finally:
        await connection.close()


def _slow(which: Callable[[World], Proxy]) -> Deed:
    async def deed(world: World, fault: Fault) -> None:
        proxy = which(world)
        proxy.delay_s = DELAY_S
        try:
            await asyncio.sleep(fault.length)
        finally:
            proxy.delay_s = 0.0

    return deed


def _silent(which: Callable[[World], Proxy]) -> Deed:
    async def deed(world: World, fault: Fault) -> None:
        proxy = which(world)
        proxy.silence()
        try:
            await asyncio.sleep(fault.length)
        finally:
            proxy.speak()

    return deed


def _reset(which: Callable[[World], Proxy]) -> Deed:
    async def deed(world: World, _: Fault) -> None:
        which(world).reset()

    return deed


def _unanswered(which: Callable[[World], Proxy]) -> Deed:
    async def deed(world: World, _: Fault) -> None:
        proxy = which(world)
        before, proxy.cut = proxy.cuts, CUT_AT_ONCE

        async def all_cut() -> bool:
            return proxy.cuts >= before + CUT_AT_ONCE

        try:
            async with asyncio.timeout(CUT_WITHIN_S):
                await polled(all_cut)
        except TimeoutError:
            if proxy.cuts == before:
                raise NotPossible("there was nothing to cut off") from None
        finally:
            proxy.cut = 0

    return deed


async def _rewound(world: World, fault: Fault) -> None:
    """The group has to be empty: all of its processes are kept down until its offsets are changed."""
    engines = [child for name, child in world.roles.items() if name.startswith("engine")]
    is_engine = fault.target == "engine"
    members = engines if is_engine else [world.keepers[fault.target]]
    group = "dsar-engine" if is_engine else fault.target
    for child in members:
        child.hold()
        child.kill()
    try:
        async with asyncio.timeout(REWOUND_WITHIN_S):
            await asyncio.gather(*(child.down() for child in members))
            channels: Sequence[Channel] = (Channel.ANSWERS,) if is_engine else COMMANDS
            await bus.rewind(world.bus.connection("crash-rewind"), group, channels)
    finally:
        for child in members:
            child.release()


async def _replayed(world: World, fault: Fault) -> None:
    async with asyncio.timeout(WRITTEN_WITHIN_S):
        await bus.replay(world.bus.connection("crash-replay"), CHANNELS[fault.target])


async def _shuffled(world: World, fault: Fault) -> None:
    dice = Dice(world.options.seed, f"shuffle {fault.n}")
    async with asyncio.timeout(WRITTEN_WITHIN_S):
        await bus.shuffle(world.bus.connection("crash-shuffle"), CHANNELS[fault.target], dice)


async def _spoiled(world: World, fault: Fault) -> None:
    dice = Dice(world.options.seed, f"spoil {fault.n}")
    async with asyncio.timeout(WRITTEN_WITHIN_S):
        places = await bus.spoil(world.bus.connection("crash-spoil"), CHANNELS[fault.target], dice)
    if CHANNELS[fault.target] is Channel.ANSWERS:  # a custodian may pass over what is not addressed to it
        world.spoiled += places


async def _slipped_in(world: World, _: Fault) -> None:
    if not await slip_in(world):
        raise NotPossible("nobody was in grace")


async def _disk_full(world: World, fault: Fault) -> None:
    if world.no_disk is not None:
        raise NotPossible(world.no_disk)
    await asyncio.to_thread(world.database.fill_disk)
    try:
        await asyncio.sleep(fault.length)
    finally:
        world.database.free_disk()
    await world.database.child.ready()


def _database(world: World) -> Proxy:
    return world.database.proxy


def _broker(world: World) -> Proxy:
    return world.bus.proxy


DEEDS: Final[Mapping[Kind, Deed]] = MappingProxyType(
    {
        Kind.KILL_ROLE: _kill,
        Kind.KILL_CUSTODIAN: _kill,
        Kind.KILL_ALL: _kill_all,
        Kind.FREEZE_ROLE: _freeze,
        Kind.FREEZE_CUSTODIAN: _freeze,
        Kind.TERM_ROLE: _end,
        Kind.TERM_CUSTODIAN: _end,
        Kind.BROKER_KILL: _broker_away,
        Kind.BROKER_DOWN: _broker_away,
        Kind.DATABASE_KILL: _database_killed,
        Kind.DATABASE_STOP: _database_stopped,
        Kind.BACKENDS_ENDED: _backends_ended,
        Kind.DATABASE_SLOW: _slow(_database),
        Kind.DATABASE_SILENT: _silent(_database),
        Kind.DATABASE_RESET: _reset(_database),
        Kind.COMMIT_UNANSWERED: _unanswered(_database),
        Kind.BUS_SLOW: _slow(_broker),
        Kind.BUS_SILENT: _silent(_broker),
        Kind.BUS_RESET: _reset(_broker),
        Kind.PRODUCE_UNANSWERED: _unanswered(_broker),
        Kind.OFFSETS_REWOUND: _rewound,
        Kind.TOPIC_REPLAYED: _replayed,
        Kind.TOPIC_SHUFFLED: _shuffled,
        Kind.RECORDS_SPOILED: _spoiled,
        Kind.IDENTIFIER_SLIPPED_IN: _slipped_in,
        Kind.DISK_FULL: _disk_full,
    }
)
