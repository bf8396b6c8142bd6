"""What is promised of a worker as a whole: flat memory, bounded work at once, an orderly stop, and no forged orders."""

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from aiokafka.errors import KafkaError

from contracts.answer import PartRef
from contracts.bus.sender import NotWritten
from contracts.command import LANE_OF, Command, Operation, UploadGrant
from contracts.envelope import close_envelope
from contracts.ids import RequestId, TaskId
from contracts.keys import SealingKey
from contracts.manifest import Claims
from contracts.results import Absent, Erased, Found, NotFound, Rejected, Rejection
from custodians.runner.ledger import State
from custodians.runner.packing import Part
from custodians.sdk import Custodian, Holding, Record, Subject
from tests.custodians.bench import (
    LANES,
    LETTERS,
    NOTES,
    Bench,
    OnBus,
    a_command,
    a_declaration,
    a_task,
    on_bus,
)
from tests.custodians.bus import Topic
from tests.custodians.receivers import Store

MANY = 100_000
WATCHED = 20_000  # the last so many records are traced: if they were kept, they would be over either bound
FLAT_BYTES = {Operation.COLLECT: 20 << 20, Operation.ERASE: 2 << 20}  # a part and its copies on the way; a page of keys


class Crowded(Custodian):
    """One person with a great many records, none of them kept in memory."""

    def __init__(self) -> None:
        self.pages: list[int] = []

    async def collect(self, _: Subject) -> AsyncIterator[Record]:
        for n in range(MANY):
            if n == MANY - WATCHED:
                tracemalloc.start()
            yield Record(data_class=LETTERS, key=n, fields={"n": n, "text": f"{n:0500}"})

    async def erase(self, holdings: Sequence[Holding]) -> None:
        self.pages.append(len(holdings))


class Away(Store):
    """Takes parts and keeps none."""

    async def put(self, grant: UploadGrant, part: Part, *, task: TaskId, issue_no: int, key: bytes) -> PartRef:
        reference = await super().put(grant, part, task=task, issue_no=issue_no, key=key)
        self.parts.clear()
        return reference


@pytest.mark.parametrize("operation", FLAT_BYTES)
async def test_a_hundred_thousand_records_take_no_more_memory_than_a_few(bench: Bench, operation: Operation) -> None:
    crowded = Crowded()
    big = replace(bench, custodian=crowded, store=Away())
    async with big.life() as life:
        try:
            await life.take(a_command(operation, preview={LETTERS: MANY}))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    (answer,) = big.answers
    assert getattr(answer.classes[0].results[0], "count", None) == MANY
    assert 0 < peak < FLAT_BYTES[operation]
    assert sum(crowded.pages) == (MANY if operation is Operation.ERASE else 0)
    assert max(crowded.pages, default=0) <= 1_000


async def test_a_person_nobody_knows_is_an_answer_of_every_operation(bench: Bench) -> None:
    async with bench.life() as life:
        for n, operation in enumerate((Operation.COLLECT, Operation.PREVIEW, Operation.PROBE, Operation.ERASE)):
            await life.take(a_command(operation, task=a_task(n), identifiers=()))
    said = [{result for each in answer.classes for result in each.results} for answer in bench.answers]
    assert said == [{NotFound()}, {NotFound()}, {Absent()}, {NotFound()}]
    assert not bench.shelf.erased


async def test_no_more_runs_at_once_than_the_manifest_allows(bench: Bench) -> None:
    claims = (Claims(operation=Operation.PREVIEW, max_in_flight=3),)
    narrow = replace(bench, declaration=a_declaration(operations=claims))
    narrow.shelf.gate.clear()
    async with narrow.life() as life:
        await life.inbox.take([a_command(Operation.PREVIEW, task=a_task(n)) for n in range(10)])
        await narrow.shelf.began.wait()
        await asyncio.sleep(0)
        assert len(narrow.shelf.asked) == 3
        assert len(life.worker.progress) == 3
        narrow.shelf.gate.set()
        await life.settle()
    assert len(narrow.answers) == 10


async def test_a_stop_lets_what_runs_end_and_keeps_what_waits(bench: Bench) -> None:
    claims = (Claims(operation=Operation.PREVIEW, max_in_flight=1),)
    narrow = replace(bench, declaration=a_declaration(operations=claims))
    narrow.shelf.put(1)
    narrow.shelf.gate.clear()
    async with narrow.life() as life:
        await life.inbox.take([a_command(Operation.PREVIEW, task=a_task(n)) for n in range(2)])
        await narrow.shelf.began.wait()
        draining = asyncio.create_task(life.worker.drain(10))
        await asyncio.sleep(0)
        narrow.shelf.gate.set()
        await draining
        await life.replies.flush()
        assert [each.task_id for each in narrow.answers] == [a_task(0)]
    async with narrow.life() as life:
        await life.resume()
    assert [each.task_id for each in narrow.answers] == [a_task(0), a_task(1)]


async def test_a_stop_puts_down_what_does_not_end_and_the_next_life_takes_it_up(bench: Bench) -> None:
    bench.shelf.put(1)
    bench.shelf.gate.clear()
    async with bench.life() as life:
        await life.inbox.take([a_command(Operation.ERASE, preview={LETTERS: 1})])
        await bench.shelf.began.wait()
        await life.worker.drain(0.01)
    assert not bench.answers
    bench.shelf.gate.set()
    async with bench.life() as life:
        await life.resume()
    assert isinstance(bench.answers[0].classes[0].results[0], Erased)


def signed(command: Command, operation: Operation) -> OnBus:
    return on_bus(close_envelope(command, signer=LANES[LANE_OF[operation]]))


async def test_a_slice_moved_into_another_genuine_command_is_a_dead_letter(bench: Bench) -> None:
    bench.shelf.put(1)
    good = Command.model_validate_json(a_command(Operation.ERASE, preview={LETTERS: 1}).value)
    other = Command.model_validate_json(a_command(Operation.ERASE, issue=2, preview={LETTERS: 1}).value)
    moved = good.model_copy(update={"slices": (good.slices[0].model_copy(update={"jwe": other.slices[0].jwe}),)})
    async with bench.life() as life:
        await life.take(signed(moved, Operation.ERASE))
    assert bench.dead == 1
    assert not bench.answers
    assert not bench.shelf.erased


async def test_an_order_signed_with_the_key_of_another_lane_is_a_dead_letter(bench: Bench) -> None:
    bench.shelf.put(1)
    erase = Command.model_validate_json(a_command(Operation.ERASE, preview={LETTERS: 1}).value)
    async with bench.life() as life:
        await life.take(signed(erase, Operation.COLLECT))
    assert bench.dead == 1
    assert not bench.shelf.erased


async def test_another_operation_under_a_known_task_is_refused(bench: Bench) -> None:
    bench.shelf.put(1)
    async with bench.life() as life:
        life.worker.draining = True
        await life.take(a_command(Operation.ERASE, preview={LETTERS: 1}))
        await life.take(a_command(Operation.PROBE, issue=9))
    assert [each.outcome for each in bench.answers] == [Rejected(reason=Rejection.CONFLICT)]
    async with bench.life() as life:
        await life.resume()
    assert isinstance(bench.answers[1].classes[0].results[0], Erased)


async def test_keys_that_nobody_can_seal_to_do_not_stop_the_worker(bench: Bench) -> None:
    bench.shelf.put(1)
    bad = Command.model_validate_json(a_command(Operation.COLLECT).value).model_copy(update={"reply_key": "short"})
    async with bench.life() as life:
        await life.take(signed(bad, Operation.COLLECT))
        await life.take(a_command(Operation.PREVIEW, task=a_task(2)))
    assert bench.answers[0].outcome is not None
    assert bench.answers[1].classes[0].results == (Found(count=1),)


async def test_a_batch_of_poison_and_good_records_answers_all_the_good_ones(bench: Bench) -> None:
    bench.shelf.put(1)
    good = [a_command(Operation.PREVIEW, task=a_task(n)) for n in range(5)]
    foreign = replace(good[0], key=str(RequestId(UUID(int=9))).encode())
    old_key = a_command(Operation.PREVIEW, task=a_task(7), seal_to=SealingKey.generate(b"o" * 32))
    nested = replace(good[0], value=b"[" * 100_000)
    unsigned = replace(good[0], headers=())
    topic = Topic()
    topic.publish(good[0], foreign, good[1], nested, good[2], unsigned, good[3], old_key, good[4])
    async with bench.life() as life:
        await topic.deliver(life)
        await life.settle()
    assert bench.dead == 3
    assert {each.task_id for each in bench.answers} == {a_task(n) for n in (0, 1, 2, 3, 4, 7)}
    assert topic.committed == len(topic.records)


async def test_what_was_accepted_runs_though_a_refusal_beside_it_could_not_be_sent(bench: Bench) -> None:
    bench.shelf.put(3)
    planned = a_command(Operation.ERASE, task=a_task(1), preview={LETTERS: 3}, plan_hash="a")
    conflicting = a_command(Operation.ERASE, task=a_task(1), preview={LETTERS: 3}, plan_hash="b", issue=2)
    batch = [a_command(Operation.PREVIEW, task=a_task(2)), conflicting]
    async with bench.life() as life:
        await life.take(planned)
        bench.sent.down = True
        with pytest.raises((NotWritten, KafkaError)):
            await life.inbox.take(batch)
        bench.sent.down = False
        await life.take(*batch)
    assert {each.task_id for each in bench.answers} == {a_task(1), a_task(2)}


async def test_what_is_logged_names_nobody(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.shelf.put(2)
    async with bench.life() as life:
        await life.take(a_command(Operation.COLLECT), replace(a_command(Operation.COLLECT), value=b"someone@example"))
        await life.take(a_command(Operation.ERASE, preview={LETTERS: 2}, task=a_task(2)))
    told = "".join(capsys.readouterr()) + json.dumps([str(each.headers) for each in bench.sent.envelopes])
    assert "answer.stored" in told
    assert not any(word in told for word in ("someone", LETTERS + "-", NOTES + "-", "dear"))


def an_erase(n: int) -> OnBus:
    return a_command(Operation.ERASE, task=a_task(n), preview={LETTERS: 3})


async def test_a_hundred_orders_are_accepted_in_one_commit(bench: Bench) -> None:
    async with bench.life() as life:
        life.worker.draining = True
        await life.take(*[an_erase(n) for n in range(100)])
        rows = [await life.ledger.row(a_task(n)) for n in range(100)]
    assert all(row is not None and row.state is State.ACCEPTED for row in rows)


async def test_more_jobs_than_memory_keeps_are_all_done(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custodians.runner.worker.MOST_WAITING", 3)
    async with bench.life() as life:
        await life.take(*[an_erase(n) for n in range(40)])
        while len(bench.answers) < 40:
            await life.settle()
    assert {each.task_id for each in bench.answers} == {a_task(n) for n in range(40)}
