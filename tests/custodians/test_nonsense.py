"""Nonsense from a custodian's code ends in a typed answer: it is never taken for a result."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, cast

import pytest

from contracts.command import Operation
from contracts.identifiers import Identifier, IdentifierKind
from contracts.results import Erased, Failed, Found, Ground, Unsupported
from custodians.sdk import Custodian, DataClass, Holding, Record, Retain, Subject
from tests.custodians.bench import LETTERS, NOTES, Bench, a_command
from tests.custodians.hostile import EVERY, a_record, answered, hostile, one


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
