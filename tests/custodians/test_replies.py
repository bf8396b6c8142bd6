"""How answers leave: together when they are ready together, alone without waiting, and always in the bytes stored."""

import asyncio
from base64 import b64decode
from collections.abc import Sequence

import pytest

from contracts.bus.resting import LONGEST_REST_S
from contracts.command import Operation
from contracts.envelope import Envelope
from contracts.keys import SealingKey
from contracts.results import Rejected, Rejection
from custodians.runner import reply
from custodians.runner.ledger import Stored
from custodians.runner.reply import REST_EACH_S
from tests.custodians.bench import MY_SEAL, Bench, OnBus, a_command, a_task

OTHERS_SEAL = SealingKey.generate(b"o" * 32)


def signature_of(envelope: Envelope) -> str:
    return dict(envelope.headers)["sig"].decode()


def signature_over_all(envelope: Envelope) -> bytes:
    scheme, _, text = signature_of(envelope).partition(":")
    assert scheme == "tree"
    return b64decode(text)[8:72]


def a_preview(n: int, *, seal_to: SealingKey = MY_SEAL) -> OnBus:
    return a_command(Operation.PREVIEW, task=a_task(n), seal_to=seal_to)


async def test_an_answer_that_is_ready_alone_is_signed_alone(bench: Bench) -> None:
    async with bench.life() as life:
        await life.take(a_preview(1))
    (envelope,) = bench.sent.envelopes
    assert signature_of(envelope).startswith("ed25519:")


async def test_answers_that_are_ready_together_leave_under_one_signature(bench: Bench) -> None:
    async with bench.life() as life:
        await life.take(*(a_preview(n) for n in range(5)))
    assert {each.task_id for each in bench.answers} == {a_task(n) for n in range(5)}
    assert len({signature_over_all(each) for each in bench.sent.envelopes}) == 1


async def test_an_answer_that_leaves_again_with_others_says_the_same_bytes(bench: Bench) -> None:
    async with bench.life() as life:
        await life.take(first := a_preview(1))
        await life.take(first, a_preview(2))
    alone, again, other = bench.sent.envelopes
    assert again.value == alone.value
    assert signature_over_all(again) == signature_over_all(other)
    assert [each.task_id for each in bench.answers] == [a_task(1), a_task(1), a_task(2)]


async def test_answers_that_were_left_behind_by_a_kill_leave_together_in_the_next_life(bench: Bench) -> None:
    bench.sent.down = True
    async with bench.life() as life:
        await life.take(*(a_preview(n) for n in range(3)))
    bench.sent.down = False
    async with bench.life() as life:
        await life.resume()
    assert len(bench.answers) == 3
    assert len({signature_over_all(each) for each in bench.sent.envelopes}) == 1


async def test_refusals_of_one_batch_leave_together(bench: Bench) -> None:
    async with bench.life() as life:
        await life.take(*(a_preview(n, seal_to=OTHERS_SEAL) for n in range(3)))
    assert [each.outcome for each in bench.answers] == [Rejected(reason=Rejection.UNKNOWN_KEY)] * 3
    assert len({signature_over_all(each) for each in bench.sent.envelopes}) == 1


async def test_an_answer_that_was_just_stored_leaves_without_being_read_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.life() as life:
        await life.take(a_preview(1))

        async def unsent(_: int) -> Sequence[Stored]:
            raise AssertionError

        monkeypatch.setattr(life.ledger, "unsent", unsent)
        await life.take(a_preview(2))
    assert [each.task_id for each in bench.answers] == [a_task(1), a_task(2)]


async def test_answers_that_are_too_many_to_keep_at_hand_leave_all_the_same_and_once_each(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply, "MOST_READY", 2)
    async with bench.life() as life:
        await life.take(a_preview(1))
        await life.take(*(a_preview(n) for n in range(2, 8)))
    assert sorted(each.task_id for each in bench.answers) == [a_task(n) for n in range(1, 8)]


async def test_what_was_being_sent_when_the_worker_was_told_to_stop_is_sent_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.sent.down = True
    async with bench.life() as life:
        await life.take(a_preview(1))
    bench.sent.down = False
    async with bench.life() as life:
        reached = asyncio.Event()

        async def silent(_: Sequence[Envelope]) -> tuple[bool, ...]:
            reached.set()
            await asyncio.Event().wait()
            return ()

        with monkeypatch.context() as patched:
            patched.setattr(bench.sent, "send", silent)
            sending = asyncio.create_task(life.replies.run())
            await reached.wait()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        await life.replies.flush()
    assert [each.task_id for each in bench.answers] == [a_task(1)]


async def test_after_answers_have_left_the_next_ones_gather_and_one_alone_leaves_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: asyncio.Queue[float] = asyncio.Queue()
    over = asyncio.Semaphore(0)

    async def sleep(seconds: float) -> None:
        rests.put_nowait(seconds)
        await over.acquire()

    async with bench.life() as life:
        await life.take(a_preview(1))
        monkeypatch.setattr(asyncio, "sleep", sleep)
        sending = asyncio.create_task(life.replies.run())
        assert await rests.get() == 0.0  # nothing was left behind
        over.release()
        await life.inbox.take([a_preview(2)])
        assert await rests.get() == REST_EACH_S
        await life.inbox.take([a_preview(n) for n in range(3, 11)])
        await asyncio.wait(life.jobs())
        assert len(bench.answers) == 2
        over.release()
        assert await rests.get() == LONGEST_REST_S
        sending.cancel()
    assert len(bench.answers) == 10
