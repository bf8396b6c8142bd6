"""What is promised of collect, preview and probe, and of commands that cannot be taken up."""

import json
from base64 import b64decode
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest

from contracts.command import Operation, SliceIdentifier
from contracts.identifiers import Identifier, IdentifierKind
from contracts.keys import SealingKey
from contracts.parts import SealedNotes
from contracts.results import (
    Absent,
    Deferred,
    Failed,
    Found,
    Ground,
    NotFound,
    Rejected,
    Rejection,
    Residual,
    Retained,
)
from contracts.sealing import open_sealed
from custodians.sdk import Custodian, DataClass, Record, Retain, Subject, TryLater
from tests.custodians.bench import (
    LETTERS,
    LINK_KEY,
    NOTES,
    NOW,
    REPLY_KEY,
    REQUEST,
    WHO,
    Bench,
    a_command,
    a_declaration,
)

KEEP = Retain(Ground.LEGALLY_REQUIRED, date(2030, 12, 31))
CUSTOMER = Identifier(IdentifierKind.CUSTOMER_ID, "c-7")


async def said(bench: Bench, operation: Operation) -> dict[str, object]:
    async with bench.life() as life:
        await life.take(a_command(operation))
    return {each.data_class: each.results for each in bench.answers[-1].classes}


async def test_a_preview_counts_what_would_go_and_what_would_stay(bench: Bench) -> None:
    bench.shelf.put(3)
    bench.shelf.put(2, fate=KEEP, first=3)
    assert await said(bench, Operation.PREVIEW) == {
        LETTERS: (Found(count=3), Retained(count=2, ground=KEEP.ground, until=KEEP.until)),
        NOTES: (NotFound(),),
    }


async def test_an_access_also_holds_what_an_erasure_would_leave(bench: Bench) -> None:
    bench.shelf.put(3)
    bench.shelf.put(2, fate=KEEP, first=3)
    assert await said(bench, Operation.COLLECT) == {LETTERS: (Found(count=5),), NOTES: (NotFound(),)}
    assert len(bench.store.parts[0].data.splitlines()) == 5


async def test_a_probe_minds_only_what_could_have_been_erased(bench: Bench) -> None:
    bench.shelf.put(2, fate=KEEP)
    bench.shelf.put(1, NOTES)
    assert await said(bench, Operation.PROBE) == {LETTERS: (Absent(),), NOTES: (Residual(count=1),)}


async def test_retained_records_of_one_ground_are_kept_until_the_last_date(bench: Bench) -> None:
    bench.shelf.put(1, fate=KEEP)
    bench.shelf.put(1, fate=replace(KEEP, until=date(2028, 12, 31)), first=1)
    results = await said(bench, Operation.PREVIEW)
    assert results[LETTERS] == (Retained(count=2, ground=KEEP.ground, until=KEEP.until),)


async def test_what_was_found_goes_out_sealed_as_a_claim_and_is_not_searched_for(bench: Bench) -> None:
    bench.shelf.known = {CUSTOMER, WHO}
    await said(bench, Operation.PREVIEW)
    (sealed,) = bench.answers[0].found
    plain = open_sealed(sealed, key=LINK_KEY, apv=str(REQUEST))
    found = SliceIdentifier.model_validate_json(plain)
    assert (found.kind, found.value) == (CUSTOMER.kind, CUSTOMER.value)
    assert bench.shelf.asked == [Subject((WHO,))]


async def test_a_kind_that_the_manifest_does_not_provide_is_no_answer(bench: Bench) -> None:
    bench.shelf.known = {Identifier(IdentifierKind.DEVICE_ID, "d-1")}
    await said(bench, Operation.PREVIEW)
    assert bench.answers[0].outcome == Failed(retryable=False, error="UndeclaredKind")


async def test_the_key_of_the_parts_is_sealed_to_the_reply_key(bench: Bench) -> None:
    bench.shelf.put(1)
    await said(bench, Operation.COLLECT)
    sealed = bench.answers[0].sealed
    assert sealed is not None
    notes = SealedNotes.model_validate_json(open_sealed(sealed, key=REPLY_KEY, apv=str(REQUEST)))
    assert notes.content_key is not None
    assert b64decode(notes.content_key) == b"c" * 32


async def test_nothing_found_sends_no_part_and_no_key(bench: Bench) -> None:
    await said(bench, Operation.COLLECT)
    assert bench.answers[0].parts == ()
    assert bench.answers[0].sealed is None


async def test_a_read_runs_again_for_a_new_issue_and_not_for_the_same(bench: Bench) -> None:
    bench.shelf.put(1)
    first = a_command(Operation.COLLECT)
    async with bench.life() as life:
        await life.take(first)
        await life.take(first)
        assert len(bench.shelf.asked) == 1
        await life.take(a_command(Operation.COLLECT, issue=2))
    assert len(bench.shelf.asked) == 2
    assert [each.issue_no for each in bench.answers] == [1, 1, 2]


async def test_a_slice_for_a_key_that_is_gone_is_answered_and_asked_for_again(bench: Bench) -> None:
    async with bench.life() as life:
        await life.take(a_command(Operation.COLLECT, seal_to=SealingKey.generate(b"o" * 32)))
    assert bench.answers[0].outcome == Rejected(reason=Rejection.UNKNOWN_KEY)
    assert bench.dead == 0


async def test_a_slice_that_was_moved_is_a_dead_letter(bench: Bench) -> None:
    good, other = a_command(Operation.COLLECT), a_command(Operation.COLLECT, issue=2)
    jwe = json.loads(other.value)["slices"][0]["jwe"]
    moved = json.loads(good.value)
    moved["slices"][0]["jwe"] = jwe
    async with bench.life() as life:
        await life.take(replace(good, value=json.dumps(moved).encode()))
    assert bench.dead == 1
    assert not bench.answers


async def test_one_bad_record_does_not_fail_its_batch(bench: Bench) -> None:
    good = a_command(Operation.PREVIEW)
    async with bench.life() as life:
        await life.take(replace(good, value=b"\xff"), good)
    assert bench.dead == 1
    assert len(bench.answers) == 1


async def test_a_read_that_waited_past_its_expiry_is_rejected(bench: Bench) -> None:
    async with bench.life() as life:
        life.worker.draining = True
        await life.take(a_command(Operation.COLLECT))
    bench.clock.now += 10_000
    async with bench.life() as life:
        await life.resume()
    assert bench.answers[0].outcome == Rejected(reason=Rejection.EXPIRED)


async def test_a_custodian_that_hangs_is_stopped_at_its_time_limit(bench: Bench) -> None:
    limits = tuple(each.model_copy(update={"time_limit_s": 1}) for each in a_declaration().operations)
    slow = replace(bench, declaration=a_declaration(operations=limits))
    slow.shelf.gate.clear()
    await said(slow, Operation.PREVIEW)
    assert slow.answers[0].outcome == Failed(retryable=True, error="TimedOut")


async def test_a_wait_of_days_is_a_date(bench: Bench) -> None:
    class Closed(Custodian):
        async def collect(self, _: Subject) -> AsyncIterator[Record]:
            raise TryLater("until Monday", after=timedelta(days=3))
            yield

    shut = replace(bench, custodian=Closed())
    await said(shut, Operation.PREVIEW)
    assert shut.answers[0].outcome == Deferred(until=datetime.fromtimestamp(NOW, UTC).date() + timedelta(days=3))


class Odd(Custodian):
    """Yields whatever it is given."""

    def __init__(self, *given: object) -> None:
        self.given = cast("Sequence[Record]", given)

    async def collect(self, _: Subject) -> AsyncIterator[Record]:
        for each in self.given:
            yield each


def a_record(data_class: DataClass = LETTERS, key: object = "1", value: object = "v") -> Record:
    return Record(data_class=data_class, key=cast("Any", key), fields={"name": value})


NONSENSE: dict[str, tuple[list[object], str]] = {
    "no record": (["text"], "BadPlugin"),
    "a key that is a fraction": ([a_record(key=1.5)], "BadPlugin"),
    "an unknown fate": ([replace(a_record(), fate=cast("Any", "erase"))], "BadPlugin"),
    "a value beyond JSON": ([a_record(value=object())], "BadPlugin"),
    "not a number": ([a_record(value=float("nan"))], "BadPlugin"),
    "an undeclared class": ([a_record(DataClass("secrets"))], "UndeclaredClass"),
    "classes mixed": ([a_record(), a_record(NOTES), a_record()], "ClassesInterleaved"),
    "a record over a part": ([a_record(value="x" * (5 << 20))], "RecordTooLarge"),
}


@pytest.mark.parametrize("case", NONSENSE)
async def test_nonsense_is_a_failure_that_names_its_kind(bench: Bench, case: str) -> None:
    given, error = NONSENSE[case]
    odd = replace(bench, custodian=Odd(*given))
    await said(odd, Operation.COLLECT)
    assert odd.answers[0].outcome == Failed(retryable=False, error=error)


async def test_a_collect_that_forgot_to_yield_is_nonsense(bench: Bench) -> None:
    async def a_list(*_: object) -> list[Record]:
        return []

    odd = Odd()
    vars(odd)["collect"] = a_list
    forgetful = replace(bench, custodian=odd)
    await said(forgetful, Operation.COLLECT)
    assert forgetful.answers[0].outcome == Failed(retryable=False, error="BadPlugin")


async def test_the_text_of_an_error_reaches_neither_answer_nor_log(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.shelf.put(1)
    bench.shelf.fail_on_page = 0
    bench.shelf.failure = RuntimeError("someone@example.com")
    async with bench.life() as life:
        await life.take(a_command(Operation.ERASE, preview={LETTERS: 1}))
    assert b"someone" not in b"".join(each.value for each in bench.sent.envelopes)
    assert "someone" not in "".join(capsys.readouterr())


async def test_large_collections_are_cut_into_parts_of_one_class(bench: Bench) -> None:
    text = "x" * (1 << 20)
    many = [a_record(LETTERS, n, text) for n in range(9)] + [a_record(NOTES, 1)]
    big = replace(bench, custodian=Odd(*many))
    assert await said(big, Operation.COLLECT) == {LETTERS: (Found(count=9),), NOTES: (Found(count=1),)}
    parts = big.answers[0].parts
    assert [(each.n, each.data_class) for each in parts] == [(0, LETTERS), (1, LETTERS), (2, LETTERS), (3, NOTES)]
    assert [part.last for part in big.store.parts.values()] == [False, False, False, True]
