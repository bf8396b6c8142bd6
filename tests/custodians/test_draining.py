"""A worker that is taken down says so while it still works, so that nobody takes its silence for a failure."""

import asyncio
from dataclasses import dataclass

from contracts.command import Operation
from contracts.door import answers_door, open_envelopes
from contracts.heartbeat import Heartbeat
from contracts.ids import WorkerId
from contracts.keys import KeyRing, PublicSigningKey
from contracts.topics import Channel
from custodians.runner.heartbeat import Pulse
from custodians.runner.reply import Identity
from tests.custodians.bench import ENVIRONMENT, ME, MY_SIGNER, NOW, Bench, Life, a_command, on_bus

WITHIN_S = 10


@dataclass
class Reader:
    lag_seconds: float = 0.0


def pulse(bench: Bench, life: Life) -> Pulse:
    identity = Identity(
        environment=ENVIRONMENT, custodian=ME, worker=WorkerId("shelf-1"), manifest_hash="0" * 64, signer=MY_SIGNER
    )
    return Pulse(bench.sent, life.ledger, life.worker, identity, kids=(), clock=bench.clock)


def heartbeats(bench: Bench) -> list[Heartbeat]:
    ring = KeyRing([PublicSigningKey.of_custodian(ME, MY_SIGNER.public)])
    records = [on_bus(each) for each in bench.sent.envelopes if each.channel is Channel.ANSWERS]
    batch = open_envelopes(records, answers_door(environment=ENVIRONMENT, ring=ring), NOW)
    return [each.message for each in batch.opened if isinstance(each.message, Heartbeat)]


async def test_a_worker_says_that_it_drains_before_what_runs_has_ended(bench: Bench) -> None:
    bench.shelf.put(1)
    bench.shelf.gate.clear()
    async with bench.life() as life, asyncio.timeout(WITHIN_S):
        await pulse(bench, life).beat(Reader())
        await life.inbox.take([a_command(Operation.PREVIEW)])
        await bench.shelf.began.wait()
        draining = asyncio.create_task(pulse(bench, life).drain(Reader(), grace_s=WITHIN_S))
        while len(heartbeats(bench)) == 1:
            await asyncio.wait([draining], timeout=0.01)
        before, after = heartbeats(bench)
        assert (before.draining, before.accepting) == (False, True)
        assert (after.draining, after.accepting, len(after.running)) == (True, False, 1)
        assert not draining.done()
        bench.shelf.gate.set()
        await draining
        await life.replies.flush()
    assert len(bench.answers) == 1
