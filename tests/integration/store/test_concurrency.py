"""Two at once: engines, dispatchers, clocks. What one of them does, the other sees, waits for, or leaves alone."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import permutations

import pytest

from contracts.answer import Answer
from contracts.command import Lane, Operation
from contracts.door import Opened, answers_door, open_envelopes
from contracts.envelope import Envelope
from contracts.ids import CustodianId, RequestId
from contracts.keys import KeyRing
from contracts.topics import Channel
from orchestrator.domain.request import Kind, State
from orchestrator.flow import answers as flow
from orchestrator.settings import Role
from orchestrator.store import outbox, registry
from tests.integration.road.custodian import FakeCustodian, Holding
from tests.integration.road.people import ANN, EMAIL, admitted, asked, confirmed, detail, opened, said_of, state
from tests.integration.road.world import World

WITHIN_S = 20.0


def equals(count: int = 2) -> list[FakeCustodian]:
    """Custodians that are all asked in the first round, and know no other identifiers."""
    return [
        FakeCustodian(id=CustodianId(f"store{n}"), needs=(EMAIL,), holdings=[Holding(key=f"r{n}", about=(ANN,))])
        for n in range(count)
    ]


async def answered(world: World, kind: Kind = Kind.ACCESS) -> tuple[RequestId, list[Envelope]]:
    """A request, and the answers that all custodians would give, not yet sent."""
    request = await asked(world, kind)
    await world.dispatch()
    return request, [answer for each in world.custodians.values() for answer in await world.answered_by(each)]


async def genuine(world: World, envelopes: Sequence[Envelope]) -> list[Opened[Answer]]:
    """The answers as they are filed: verified."""
    async with world.tx[Role.ENGINE]() as tx:
        ring = KeyRing(await registry.signing_keys(tx))
    records = [world.bus.put(each) for each in envelopes]
    batch = open_envelopes(records, answers_door(environment="test", ring=ring), int(world.now()))
    return [each.narrowed(Answer) for each in batch.opened]


async def test_the_last_two_answers_in_two_transactions_move_the_request_on_once(world: World) -> None:
    await admitted(world, *equals())
    request, envelopes = await answered(world)
    first, second = await genuine(world, envelopes)

    async def other() -> None:
        async with world.tx[Role.ENGINE]() as tx:
            await flow.record(tx, [second], {}, policy=world.policy)

    async with asyncio.timeout(WITHIN_S):
        async with world.tx[Role.ENGINE]() as tx:
            await flow.record(tx, [first], {}, policy=world.policy)
            waiting = asyncio.create_task(other())
            await until_somebody_waits(world)
        await waiting
    assert (await world.events(request)).count("search.ended") == 1
    assert await state(world, request) is State.REVIEWING


async def until_somebody_waits(world: World) -> None:
    """Return once a statement of another transaction waits for a lock."""
    asked_for = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    async with world.owner.connect() as connection:
        while True:
            waiting = (await connection.exec_driver_sql(asked_for)).scalar_one()
            await connection.rollback()
            if waiting:
                return


async def test_two_engines_that_file_opposite_batches_do_not_deadlock(world: World) -> None:
    await admitted(world, *equals())
    both = [await answered(world) for _ in range(6)]
    first = await genuine(world, [envelopes[0] for _, envelopes in both])
    second = await genuine(world, [envelopes[1] for _, envelopes in reversed(both)])

    async def file(batch: Sequence[Opened[Answer]]) -> None:
        async with world.tx[Role.ENGINE]() as tx:
            await flow.record(tx, batch, {}, policy=world.policy)

    async with asyncio.timeout(WITHIN_S):
        await asyncio.gather(file(first), file(second))
    assert {await state(world, request) for request, _ in both} == {State.REVIEWING}


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
@pytest.mark.parametrize("batches", [1, 3])
async def test_answers_in_any_order_and_any_batches_come_to_the_same(
    world: World, order: tuple[int, ...], batches: int
) -> None:
    await admitted(world, *equals(3))
    request, envelopes = await answered(world)
    shuffled = [envelopes[n] for n in order]
    for n in range(0, 3, 3 // batches):
        world.put([*shuffled[n : n + 3 // batches], shuffled[0]])  # and the first one again and again
        await world.file()
    assert await state(world, request) is State.REVIEWING
    assert await said_of(world, request) == {f"store{n}/stuff": ["found 1"] for n in range(3)}
    told = Counter(await world.events(request))
    assert (told["answer.accepted"], told["search.ended"]) == (3, 1)
    assert world.bus.letters() == []


async def test_the_same_answer_in_two_transactions_at_once_counts_once(world: World) -> None:
    await admitted(world, *equals(1))
    request, envelopes = await answered(world)
    batch = await genuine(world, envelopes)

    async def file() -> int:
        async with world.tx[Role.ENGINE]() as tx:
            return (await flow.record(tx, batch, {}, policy=world.policy)).fresh

    assert sorted(await asyncio.gather(*(file() for _ in range(4)))) == [0, 0, 0, 1]
    assert (await world.events(request)).count("answer.accepted") == 1


async def test_two_dispatchers_never_send_the_same_intent(world: World) -> None:
    await admitted(world, *equals(1))
    requests = {await asked(world, Kind.ACCESS) for _ in range(8)}
    two = [world.a_dispatcher(Lane.ACCESS) for _ in range(2)]
    await asyncio.gather(*(each.once() for each in two))
    (store,) = world.custodians.values()
    await world.answered_by(store)
    sent = Counter(each.request_id for each in store.asked(Operation.COLLECT))
    assert sent == dict.fromkeys(requests, 1)


async def test_what_one_dispatcher_is_claiming_another_does_not_wait_for(world: World) -> None:
    await admitted(world, *equals(1))
    requests = {await asked(world, Kind.ACCESS) for _ in range(4)}
    dispatcher = world.tx[Role.DISPATCHER_ACCESS]
    async with asyncio.timeout(WITHIN_S), dispatcher() as one, dispatcher() as other:
        first = await outbox.claim(one, Lane.ACCESS, limit=2)
        second = await outbox.claim(other, Lane.ACCESS, limit=9)
    assert (len(first), len(second)) == (2, 2)
    assert {each.request for each in (*first, *second)} == requests


async def test_an_intent_that_commits_late_is_sent_all_the_same(world: World) -> None:
    await admitted(world, *equals(1))
    late = await opened(world, Kind.ACCESS)
    evidence = await detail(world, late, "seen")
    async with world.tx[Role.API]() as tx:
        await confirmed(world, tx, late, evidence)
        early = await asked(world, Kind.ACCESS)  # begun after, committed before
        await world.dispatch()
    await world.dispatch()
    assert {await state(world, each) for each in (early, late)} == {State.SEARCHING}
    (store,) = world.custodians.values()
    await world.answered_by(store)
    assert [each.request_id for each in store.asked(Operation.COLLECT)] == [early, late]


async def test_two_clocks_replan_a_lost_sending_once(world: World) -> None:
    await admitted(world, *equals(1))
    request, _ = await answered(world)
    store = next(iter(world.custodians.values()))
    world.put([store.beat(int(world.now()))])
    await world.file()
    world.ahead += world.policy.grace
    await asyncio.gather(*(world.tick() for _ in range(4)))
    assert (await world.events(request)).count("task.replanned") == 1
    assert len(world.bus.read(Channel.ACCESS)) == 1
    await world.dispatch()
    assert len(world.bus.read(Channel.ACCESS)) == 2
