"""Answers that lie, stray, stammer or make no sense: none moves what it should not, none stops the others."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError

from contracts.answer import Answer, ClassAnswer, PartRef
from contracts.command import Operation
from contracts.dead_letter import Refusal
from contracts.envelope import Envelope, close_envelope
from contracts.ids import DataClass, RequestId, TaskId
from contracts.results import Absent, Erased, Found, Halted, Level
from contracts.topics import Channel
from orchestrator.domain.request import Kind, Outcome, State
from orchestrator.entrypoints import answers as entrypoint
from orchestrator.flow.answers import Recorded
from orchestrator.store.session import transactions
from tests.integration.road.custodian import STUFF, FakeCustodian
from tests.integration.road.people import asked, ended, fetched, let_go, released, said_of, standing, state, the_usual
from tests.integration.road.world import World


async def an_answer(world: World, custodian: FakeCustodian) -> Answer:
    """What *custodian* would say to the one command that it has not read; the command stays unanswered."""
    (envelope,) = await world.answered_by(custodian)
    return Answer.model_validate_json(envelope.value)


async def waiting_for(world: World) -> tuple[RequestId, FakeCustodian, Answer]:
    """An access for which only the profiles are still asked, and their true answer."""
    profiles, _ = await the_usual(world)
    profiles.silent = True
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    return request, profiles, await an_answer(world, profiles)


async def said(world: World, *answers: Envelope) -> None:
    world.put(answers)
    await world.file()


def refusals(world: World) -> list[Refusal]:
    return [each.refusal for each in world.bus.letters()]


async def test_an_answer_to_another_custodians_task_is_a_dead_letter(world: World) -> None:
    request, _, true = await waiting_for(world)
    orders = world.custodians["orders"]
    lie = true.model_copy(update={"custodian": orders.id})
    await said(world, close_envelope(lie, signer=orders.signer))
    assert refusals(world) == [Refusal.UNKNOWN_TASK]
    assert await standing(world, request, Operation.COLLECT) == {"profiles": "issued"}


async def test_a_key_that_was_revoked_is_believed_for_a_minute_at_most(world: World) -> None:
    request, profiles, true = await waiting_for(world)
    await said(world, profiles.beat(int(world.now())))  # the key is known to the engine
    async with transactions(world.owner)() as tx:
        await tx.connection.execute(text("update custodian_key set revoked_at = now() where use = 'sign'"))
    world.ahead += timedelta(minutes=1)
    await said(world, close_envelope(true, signer=profiles.signer))
    assert refusals(world) == [Refusal.UNKNOWN_KEY]
    assert await standing(world, request, Operation.COLLECT) == {"profiles": "issued"}


async def test_an_answer_in_anothers_name_is_a_dead_letter(world: World) -> None:
    request, _, true = await waiting_for(world)
    await said(world, close_envelope(true, signer=world.custodians["orders"].signer))
    assert refusals(world) == [Refusal.WRONG_CUSTODIAN]
    assert await standing(world, request, Operation.COLLECT) == {"profiles": "issued"}


@pytest.mark.parametrize(
    "change",
    [
        {"task_id": TaskId(uuid4())},
        {"request_id": RequestId(uuid4())},
        {"command_id": uuid4()},
        {"command_digest": "0" * 64},
        {"issue_no": 9},
        {"operation": Operation.PREVIEW},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_an_answer_to_what_was_never_asked_is_a_dead_letter(world: World, change: dict[str, object]) -> None:
    request, profiles, true = await waiting_for(world)
    stray = true.model_copy(update=change)
    await said(world, close_envelope(stray, signer=profiles.signer))
    assert refusals(world) == [Refusal.UNKNOWN_TASK]
    assert await standing(world, request, Operation.COLLECT) == {"profiles": "issued"}


async def test_a_stray_answer_holds_up_no_other_of_its_batch(world: World) -> None:
    request, profiles, true = await waiting_for(world)
    stray = close_envelope(true.model_copy(update={"task_id": TaskId(uuid4())}), signer=profiles.signer)
    await said(world, stray, close_envelope(true, signer=profiles.signer), stray)
    assert refusals(world) == [Refusal.UNKNOWN_TASK] * 2
    assert await standing(world, request, Operation.COLLECT) == {"profiles": "done", "orders": "planned"}


async def test_an_answer_that_comes_again_changes_nothing(world: World) -> None:
    request, profiles, true = await waiting_for(world)
    envelope = close_envelope(true, signer=profiles.signer)
    await said(world, envelope, envelope)
    once = await world.case(request)
    await said(world, envelope)
    assert await world.case(request) == once
    assert (await world.events(request))[-2:] == ["answer.accepted", "search.round_begun"]


async def test_a_part_that_was_never_uploaded_is_asked_for_again(world: World) -> None:
    request, profiles, true = await waiting_for(world)
    lost = true.model_copy(update={"parts": (PartRef(n=0, data_class=STUFF, digest="0" * 64, size=9),)})
    await said(world, close_envelope(lost, signer=profiles.signer))
    assert (await world.events(request))[-1] == "task.rejected"
    assert await standing(world, request, Operation.COLLECT) == {"profiles": "planned"}
    profiles.silent = False
    await world.later(minutes=1, seconds=1)
    assert await state(world, request) is State.REVIEWING
    await released(world, request)
    await world.drive()
    await fetched(world, request)
    assert await ended(world, request) is Outcome.FULFILLED


def nonsense(true: Answer) -> Sequence[Answer]:
    other = (ClassAnswer(data_class=DataClass("other"), results=(Found(count=1),)),)
    absent = (ClassAnswer(data_class=STUFF, results=(Absent(),)),)
    return (
        true.model_copy(update={"classes": other}),
        true.model_copy(update={"classes": absent}),
        true.model_copy(update={"classes": (), "outcome": Halted(), "parts": (), "sealed": None}),
    )


@pytest.mark.parametrize("which", range(3), ids=["a class that was not asked", "a probe's result", "a halt of nothing"])
async def test_an_answer_that_makes_no_sense_fails_its_task_and_is_a_gap(world: World, which: int) -> None:
    request, profiles, true = await waiting_for(world)
    await said(world, close_envelope(nonsense(true)[which], signer=profiles.signer))
    assert refusals(world) == []
    assert "answer.nonsense" in await world.events(request)
    assert await standing(world, request, Operation.COLLECT) == {"profiles": "failed"}
    assert (await said_of(world, request))["profiles/stuff"] == []


async def test_an_identifier_that_cannot_be_opened_is_counted_and_nothing_else(world: World) -> None:
    request, profiles, true = await waiting_for(world)
    garbled = true.model_copy(update={"found": (true.found[0][:-8] + "AAAAAAAA",)})
    await said(world, close_envelope(garbled, signer=profiles.signer))
    await world.drive()
    (leaf,) = [each for each in await world.log() if each.event == "answer.accepted"]
    assert leaf.facts["unreadable"] == 1
    assert await state(world, request) is State.REVIEWING


async def test_a_custodian_that_changes_what_it_erased_raises_an_alarm_and_nothing_else(world: World) -> None:
    profiles, _ = await the_usual(world)
    request = await let_go(world)
    await world.dispatch()
    await world.hear()
    answers = [Answer.model_validate_json(each.value or b"") for each in world.bus.read(Channel.ANSWERS)]
    (first,) = [each for each in answers if each.operation is Operation.ERASE and each.custodian == profiles.id]
    before = await said_of(world, request)
    more = (ClassAnswer(data_class=STUFF, results=(Erased(count=5, level=Level.INVISIBLE),)),)
    await said(world, close_envelope(first.model_copy(update={"classes": more}), signer=profiles.signer))
    assert (await world.events(request))[-1] == "answer.conflicts"
    assert await said_of(world, request) == before


async def test_a_heartbeat_beside_an_answer_that_cannot_be_written_is_heard(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, profiles, true = await waiting_for(world)

    async def record(_: object, filed: Sequence[object], *__: object, **___: object) -> Recorded:
        if filed:
            raise DataError("insert", None, asyncpg.DataError("it does not fit"))
        return Recorded(fresh=0, repeated=0, strangers=())

    monkeypatch.setattr(entrypoint, "record", record)
    async with transactions(world.owner)() as tx:
        await tx.connection.execute(text("delete from heartbeat"))
    await said(world, close_envelope(true, signer=profiles.signer), profiles.beat(int(world.now())))
    async with transactions(world.owner)() as tx:
        heard = (await tx.connection.execute(text("select custodian from heartbeat"))).scalars().all()
    assert heard == [profiles.id]
    assert refusals(world) == [Refusal.BAD_SCHEMA]
