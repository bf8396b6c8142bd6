"""Whatever a custodian's code does wrong, its task ends in a typed answer, and the worker goes on."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from contracts.command import Operation
from contracts.results import Deferred, Erased, Failed, TaskOutcome
from custodians.runner import attempt
from custodians.sdk import GiveUp, Record, Subject, TryLater
from tests.custodians.bench import LETTERS, NOW, Bench, a_command, a_task
from tests.custodians.hostile import BAD, EVERY, Hostile, a_record, answered, hostile, one, raising

NEXT_YEAR = datetime.fromtimestamp(NOW, UTC).date() + timedelta(days=366)
RAISED: dict[str, tuple[BaseException, TaskOutcome]] = {
    "try later": (TryLater("x"), Failed(retryable=True, error="TryLater")),
    "give up": (GiveUp("x"), Failed(retryable=False, error="GiveUp")),
    "any error": (RuntimeError("x"), Failed(retryable=False, error="RuntimeError")),
    "a time-out of its own": (TimeoutError(), Failed(retryable=False, error="TimeoutError")),
    "a group": (ExceptionGroup("x", [ValueError()]), Failed(retryable=False, error="ExceptionGroup")),
    "a cancel": (asyncio.CancelledError(), BAD),
    "an exit": (SystemExit(3), BAD),
    "an interrupt": (KeyboardInterrupt(), BAD),
    "a generator's end": (GeneratorExit(), BAD),
    "a wait that is no time": (TryLater(after=cast("timedelta", "soon")), Failed(retryable=True, error="TryLater")),
    "a wait for ever": (TryLater(after=timedelta.max), Deferred(until=NEXT_YEAR)),
    "a name beyond letters": (type("Ünlesbar", (Exception,), {})(), Failed(retryable=False, error="Unnamed")),
}


@pytest.mark.parametrize("operation", EVERY)
@pytest.mark.parametrize("case", RAISED)
async def test_whatever_is_raised_is_a_typed_answer(bench: Bench, operation: Operation, case: str) -> None:
    error, outcome = RAISED[case]
    said = await answered(hostile(bench, collect=raising(error)), operation)
    assert said.outcome == outcome


async def test_what_erase_raises_is_typed_too_and_the_list_stays(bench: Bench) -> None:
    async def leave(_: object) -> None:
        sys.exit("bye")

    said = await answered(hostile(bench, collect=one, erase=leave), Operation.ERASE)
    assert said.outcome == Failed(retryable=True, error="BadPlugin")
    async with replace(bench, custodian=Hostile(collect=one)).life() as life:
        await life.take(a_command(Operation.ERASE, issue=2, preview={LETTERS: 1}))
    assert isinstance(bench.answers[-1].classes[0].results[0], Erased)


@pytest.fixture
async def released(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Event]:
    """What ignores being cancelled waits for this, and is let go at the end of the test."""
    monkeypatch.setattr(attempt, "LET_GO_S", 0.05)
    event = asyncio.Event()
    waited_for.set(event)
    yield event
    event.set()
    if attempt._abandoned:
        await asyncio.wait(attempt._abandoned)


waited_for: ContextVar[asyncio.Event] = ContextVar("waited_for")


async def stubborn(_: object) -> None:
    """Ignores being cancelled."""
    while not waited_for.get().is_set():
        with suppress(asyncio.CancelledError):
            await waited_for.get().wait()


async def stubborn_stream(subject: Subject) -> AsyncIterator[Record]:
    await stubborn(subject)
    yield a_record()


async def refuses_to_close(_: Subject) -> AsyncIterator[Record]:
    try:
        yield a_record()
        await asyncio.sleep(30)
    finally:
        await stubborn(None)


async def without_a_pause(_: Subject) -> AsyncIterator[Record]:
    n = 0
    while True:
        n += 1
        yield a_record(n)


NEVER_ENDING: dict[str, tuple[Operation, dict[str, Callable[..., Any]]]] = {
    "collect": (Operation.PREVIEW, {"collect": stubborn_stream}),
    "its own end": (Operation.PREVIEW, {"collect": refuses_to_close}),
    "resolve": (Operation.PREVIEW, {"collect": one, "resolve": stubborn}),
    "erase": (Operation.ERASE, {"collect": one, "erase": stubborn}),
    "an endless stream": (Operation.PROBE, {"collect": without_a_pause}),
    "an endless list": (Operation.ERASE, {"collect": without_a_pause}),
}


@pytest.mark.usefixtures("released")
async def test_what_will_not_stop_is_answered_at_its_limit(bench: Bench) -> None:

    async def outcome(case: str) -> TaskOutcome | None:
        operation, does = NEVER_ENDING[case]
        alone = Bench(folder=bench.folder / case)
        alone.folder.mkdir()
        return (await answered(hostile(alone, limit_s=1, **does), operation)).outcome

    said = dict(zip(NEVER_ENDING, await asyncio.gather(*map(outcome, NEVER_ENDING)), strict=True))
    assert said == dict.fromkeys(NEVER_ENDING, Failed(retryable=True, error="TimedOut"))


async def test_one_that_comes_back_after_it_was_given_up_touches_nothing(bench: Bench, released: asyncio.Event) -> None:
    async def late(subject: Subject) -> AsyncIterator[Record]:
        await stubborn(subject)
        yield a_record(1)
        yield a_record(2)

    slow = hostile(bench, limit_s=1, collect=late)
    async with slow.life() as life:
        await life.take(a_command(Operation.ERASE, preview={LETTERS: 2}))
        (zombie,) = attempt._abandoned
        released.set()
        await asyncio.wait({zombie})
        row = await life.ledger.row(a_task())
        assert row is not None
        assert row.tally is None
        with pytest.raises(TypeError):
            await life.ledger.page(a_task(), 0)
    assert isinstance(zombie.exception(), attempt.GivenUp)
