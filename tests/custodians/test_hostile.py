"""Whatever a custodian's code does wrong, its task ends in a typed answer, and the worker goes on."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest

from contracts.answer import Answer
from contracts.command import Operation
from contracts.identifiers import Identifier, IdentifierKind
from contracts.results import Deferred, Erased, Failed, Found, Ground, TaskOutcome, Unsupported
from custodians.runner import attempt
from custodians.sdk import Custodian, DataClass, GiveUp, Holding, Record, Retain, Subject, TryLater
from tests.custodians.bench import LETTERS, NOTES, NOW, Bench, a_command, a_declaration, a_task

READS = (Operation.COLLECT, Operation.PREVIEW, Operation.PROBE)
EVERY = (*READS, Operation.ERASE)
BAD = Failed(retryable=False, error="BadPlugin")


def a_record(n: int = 1, data_class: DataClass = LETTERS) -> Record:
    return Record(data_class=data_class, key=n, fields={"n": n})


class Hostile(Custodian):
    """Runs what a test gives it in the place of each method."""

    def __init__(self, **does: Callable[..., Any]) -> None:
        self.does = does

    async def resolve(self, subject: Subject) -> Collection[Identifier]:
        return cast("Collection[Identifier]", await self.does["resolve"](subject)) if "resolve" in self.does else ()

    def collect(self, subject: Subject) -> AsyncIterator[Record]:
        return cast("AsyncIterator[Record]", self.does["collect"](subject))

    async def erase(self, holdings: Sequence[Holding]) -> None:
        if "erase" in self.does:
            await self.does["erase"](holdings)


async def one(_: Subject) -> AsyncIterator[Record]:
    yield a_record()


def raising(error: BaseException) -> Callable[[Subject], AsyncIterator[Record]]:
    async def collect(_: Subject) -> AsyncIterator[Record]:
        raise error
        yield

    return collect


def hostile(bench: Bench, *, limit_s: int = 30, **does: Callable[..., Any]) -> Bench:
    limits = tuple(each.model_copy(update={"time_limit_s": limit_s}) for each in a_declaration().operations)
    return replace(bench, custodian=Hostile(**does), declaration=a_declaration(operations=limits))


async def answered(bench: Bench, operation: Operation) -> Answer:
    """Ask, and ask somebody else's task after it: the worker must still be there."""
    preview = {LETTERS: 1_000}
    async with bench.life() as life:
        await life.take(a_command(operation, preview=preview))
        (answer,) = bench.answers
        assert not life.jobs()
        life.worker._work._custodian = Hostile(collect=one)
        await life.take(a_command(Operation.PROBE, task=a_task(2)))
    assert bench.answers[-1].task_id == a_task(2)
    assert bench.answers[-1].outcome is None
    return answer


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
    assert said.outcome == BAD
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


def not_async(_: object) -> list[Record]:
    return [a_record()]


async def no_stream(_: object) -> list[Record]:
    return [a_record()]


async def of_mixed_things(_: Subject) -> AsyncIterator[object]:
    yield Holding(data_class=LETTERS, key=1)
    yield {"data_class": LETTERS}


async def unhashable_class(_: Subject) -> AsyncIterator[object]:
    yield replace(a_record(), data_class=cast("DataClass", ["letters"]))


async def a_time_for_a_date(_: Subject) -> AsyncIterator[Record]:
    yield replace(a_record(), fate=Retain(Ground.ARCHIVING, datetime(2030, 1, 1, 12, tzinfo=UTC)))


async def four_grounds(_: Subject) -> AsyncIterator[Record]:
    for n, ground in enumerate(list(Ground)[:4]):
        yield replace(a_record(n), fate=Retain(ground, date(2030, 1, 1)))


async def self_containing(_: Subject) -> AsyncIterator[Record]:
    ring: list[object] = []
    ring.append(ring)
    yield replace(a_record(), fields={"ring": ring})


async def half_a_character(_: Subject) -> AsyncIterator[Record]:
    yield replace(a_record(), key="\ud800", fields={"text": "\ud800"})


@pytest.mark.parametrize("operation", EVERY)
@pytest.mark.parametrize(
    "collect", [not_async, no_stream, of_mixed_things, unhashable_class, a_time_for_a_date, four_grounds]
)
async def test_nonsense_ends_every_operation_in_a_permanent_failure(
    bench: Bench, operation: Operation, collect: Callable[..., Any]
) -> None:
    if collect is four_grounds and operation in (Operation.COLLECT, Operation.PROBE):
        return  # says how many there are, not why they stay
    said = await answered(hostile(bench, collect=collect), operation)
    assert isinstance(said.outcome, Failed)
    assert not said.outcome.retryable


@pytest.mark.parametrize("collect", [self_containing, half_a_character])
async def test_records_that_no_file_can_hold_are_a_permanent_failure(bench: Bench, collect: Callable[..., Any]) -> None:
    said = await answered(hostile(bench, collect=collect), Operation.COLLECT)
    assert isinstance(said.outcome, Failed)
    assert not said.outcome.retryable


async def test_a_key_given_twice_is_erased_and_answered(bench: Bench) -> None:
    async def doubled(_: Subject) -> AsyncIterator[Record]:
        yield a_record(1)
        yield a_record(1)

    said = await answered(hostile(bench, collect=doubled), Operation.ERASE)
    assert isinstance(said.classes[0].results[0], Erased)


async def test_erase_that_was_claimed_and_never_written_is_unsupported_before_anything_is_planned(bench: Bench) -> None:
    class Reader(Custodian):
        def collect(self, subject: Subject) -> AsyncIterator[Record]:
            return one(subject)

    reader = replace(bench, custodian=Reader())
    async with reader.life() as life:
        await life.take(a_command(Operation.ERASE, preview={LETTERS: 1}))
    assert {result for each in bench.answers[0].classes for result in each.results} == {Unsupported()}


@pytest.mark.parametrize("operation", EVERY)
async def test_a_class_that_is_no_longer_declared_is_not_said_to_be_empty(bench: Bench, operation: Operation) -> None:
    gone = DataClass("gone")
    one_of_two = hostile(bench, collect=one)
    async with one_of_two.life() as life:
        await life.take(a_command(operation, classes=[LETTERS, gone], preview={LETTERS: 1}))
    last = bench.answers[0].classes[-1]
    assert (last.data_class, last.results) == (gone, (Unsupported(),))
    assert bench.answers[0].classes[0].results != (Unsupported(),)


FOUND = {
    "text": "someone@example.com",
    "nothing": None,
    "a list of texts": ["c-1"],
    "a kind that is a text": [Identifier(cast("IdentifierKind", "customer_id"), "c-1")],
    "a value that is a number": [Identifier(IdentifierKind.CUSTOMER_ID, cast("str", 7))],
    "a kind that is not provided": [Identifier(IdentifierKind.PHONE, "+441")],
    "more than an answer holds": [Identifier(IdentifierKind.CUSTOMER_ID, f"c-{n}") for n in range(65)],
    "a value over a seal": [Identifier(IdentifierKind.CUSTOMER_ID, "c" * 100_000)],
    "half a character": [Identifier(IdentifierKind.CUSTOMER_ID, "\ud800")],
}


@pytest.mark.parametrize("case", FOUND)
@pytest.mark.parametrize("operation", [Operation.COLLECT, Operation.PREVIEW])
async def test_nonsense_from_resolve_is_a_permanent_failure(bench: Bench, operation: Operation, case: str) -> None:
    async def resolve(_: Subject) -> object:
        return FOUND[case]

    said = await answered(hostile(bench, collect=one, resolve=resolve), operation)
    assert isinstance(said.outcome, Failed)
    assert not said.outcome.retryable
    assert said.found == ()


async def test_an_answer_that_no_message_holds_is_a_failure(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contracts.envelope.MAX_MESSAGE_BYTES", 2_500)
    monkeypatch.setattr("custodians.runner.packing.PART_BYTES", 100)

    async def many(_: Subject) -> AsyncIterator[Record]:
        for n in range(30):
            yield a_record(n)

    said = await answered(hostile(bench, collect=many), Operation.COLLECT)
    assert said.outcome == Failed(retryable=False, error="UnsayableAnswer")


async def test_found_identifiers_are_folded_before_they_are_compared_with_what_was_asked(bench: Bench) -> None:
    async def resolve(_: Subject) -> list[Identifier]:
        return [Identifier(IdentifierKind.EMAIL, "SomeOne@Example.com")]

    said = await answered(hostile(bench, collect=one, resolve=resolve), Operation.PREVIEW)
    assert said.found == ()
    assert said.classes[0].results == (Found(count=1),)
    assert said.classes[1].data_class == NOTES
