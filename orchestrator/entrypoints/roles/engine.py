"""The role `engine`: takes what custodians answer, and lets time pass."""

import asyncio
import time
from functools import partial

import structlog

from contracts.bus.connection import reached
from contracts.bus.letters import DeadLetters
from contracts.bus.reader import Reader
from contracts.bus.sender import Sender
from contracts.topics import Channel
from orchestrator.entrypoints.answers import Answers
from orchestrator.entrypoints.duty import Duty
from orchestrator.entrypoints.vitals import LONG_S
from orchestrator.entrypoints.waking import Wakeups
from orchestrator.entrypoints.working import Work
from orchestrator.flow import clock as passing
from orchestrator.store.letters import BRAKE
from orchestrator.store.session import Transactions
from orchestrator.wiring import Wiring

log = structlog.get_logger()


async def run(duty: Duty) -> None:
    """Read answers and turn the clock until told to stop."""
    wiring, connection = duty.wiring, duty.wiring.connection(duty.role)
    if not await reached(connection, duty.stopping):
        return
    async with (
        duty.database() as database,
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
            duty.vitals.reader("answers", reader, brake_pulled=lambda: letters.brake.pulled is not None)
            tick = partial(_tick, database.transactions, wiring)
            idle = partial(wakeups.wait, "clock")
            clock = Work(name="clock", once=tick, idle=idle, turned=duty.vitals.work("clock"), most=passing.MOST)
            letting = asyncio.create_task(_let_pass(letters, wakeups))
            await clock.until(duty.stopping)
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
