"""A worker may be killed at any step of an erasure: the next life ends it with one effect and the right counts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from typing import TypeVar

import pytest

from contracts.answer import Answer
from contracts.command import Operation
from contracts.results import Erased, Failed, Halted
from custodians.sdk import TryLater
from tests.custodians.bench import LETTERS, NOTES, Bench, Life, OnBus, a_command
from tests.custodians.bus import Topic
from tests.custodians.freezing import POINTS

T = TypeVar("T")

HELD = 5
OTHERS = 3


class Lot:
    """Draws by lot, the same at every run."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._drawn = 0

    def choice(self, *among: T) -> T:
        self._drawn += 1
        drawn = sha256(f"{self._seed}.{self._drawn}".encode()).digest()
        return among[int.from_bytes(drawn[:4], "big") % len(among)]

    def rarely(self) -> bool:
        return self.choice(True, False, False, False)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custodians.runner.work.PAGE_KEYS", 2)


def an_erase(issue: int = 1) -> OnBus:
    return a_command(Operation.ERASE, issue=issue, preview={LETTERS: HELD}, classes=[LETTERS])


def a_halt(issue: int) -> OnBus:
    return a_command(Operation.HALT, issue=issue, classes=[LETTERS])


def counts(answer: Answer) -> list[int]:
    return [result.count for each in answer.classes for result in each.results if isinstance(result, Erased)]


def filled(bench: Bench) -> Bench:
    bench.shelf.put(HELD)
    bench.shelf.put(OTHERS, NOTES)
    return bench


@asynccontextmanager
async def killed(bench: Bench, topic: Topic, at: tuple[str, str]) -> AsyncIterator[Life]:
    """A life that ends at one point of the ledger, or, if it never gets there, when it has nothing to do."""
    async with replace(bench, freezes=at).life() as life:
        yield life
        frozen = asyncio.create_task(life.ledger.frozen.wait())
        lived = asyncio.create_task(one_life(life, topic))
        await asyncio.wait({frozen, lived}, return_when=asyncio.FIRST_COMPLETED)
        for each in (frozen, lived):
            each.cancel()


async def one_life(life: Life, topic: Topic) -> None:
    await life.worker.resume()
    await topic.deliver(life)
    await life.settle()


async def the_rest(bench: Bench, topic: Topic) -> None:
    async with bench.life() as life:
        await one_life(life, topic)


def assert_erased_once(bench: Bench) -> None:
    assert {data_class for data_class, _ in bench.shelf.held} == {NOTES}
    assert len(bench.shelf.held) == OTHERS
    assert [counts(each) for each in bench.answers] == [[HELD]] * len(bench.answers)
    assert bench.answers
    assert len({each.value for each in bench.sent.envelopes}) == 1


@pytest.mark.parametrize("first", POINTS, ids=" ".join)
async def test_two_kills_anywhere_leave_one_effect_one_answer_and_its_counts(
    bench: Bench, first: tuple[str, str]
) -> None:
    for n, second in enumerate(POINTS[POINTS.index(first) % 5 :: 5]):
        run = filled(Bench(folder=bench.folder / str(n)))
        run.folder.mkdir()
        topic = Topic()
        topic.publish(an_erase())
        for point in (first, second):
            async with killed(run, topic, point):
                pass
        await the_rest(run, topic)
        assert_erased_once(run)


async def test_a_batch_is_committed_only_when_it_is_in_the_ledger(bench: Bench) -> None:
    filled(bench)
    topic = Topic()
    topic.publish(an_erase())
    async with killed(bench, topic, ("before", "accept")):
        pass
    assert topic.committed == 0
    async with killed(bench, topic, ("after", "accept")):
        pass
    assert topic.committed == 0
    await the_rest(bench, topic)
    assert topic.committed == 1
    assert_erased_once(bench)


async def test_a_topic_read_again_from_its_start_changes_nothing(bench: Bench) -> None:
    filled(bench)
    topic = Topic()
    topic.publish(an_erase(), an_erase(2), a_command(Operation.PREVIEW), an_erase(2))
    await the_rest(bench, topic)
    pages, said = len(bench.shelf.erased), {each.value for each in bench.sent.envelopes}
    topic.replay()
    await the_rest(bench, topic)
    assert len(bench.shelf.erased) == pages
    assert {each.value for each in bench.sent.envelopes} == said


async def test_a_halt_in_mid_erasure_is_answered_by_the_erasure(bench: Bench) -> None:
    filled(bench)
    topic = Topic()
    topic.publish(an_erase())
    async with killed(bench, topic, ("before", "page_erased")):
        pass
    topic.publish(a_halt(2))
    await the_rest(bench, topic)
    assert_erased_once(bench)


async def test_a_store_that_fails_half_way_and_a_kill_still_add_up(bench: Bench) -> None:
    filled(bench)
    bench.shelf.fail_on_page, bench.shelf.failure = 1, TryLater()
    topic = Topic()
    topic.publish(an_erase())
    async with killed(bench, topic, ("after", "finish")):
        pass
    bench.shelf.fail_on_page = None
    topic.publish(an_erase(2))
    await the_rest(bench, topic)
    assert [each.outcome for each in bench.answers if each.outcome] in ([], [Failed(retryable=True, error="TryLater")])
    assert counts(bench.answers[-1]) == [HELD]


@pytest.mark.parametrize("seed", range(24))
async def test_any_order_of_issues_halts_kills_and_failures_ends_in_one_truth(bench: Bench, seed: int) -> None:
    lot = Lot(seed)
    filled(bench)
    topic = Topic()
    last = lot.choice(2, 3, 4, 5)
    for issue in range(1, last + 1):
        topic.publish(lot.choice(an_erase, an_erase, a_halt)(issue))
        if lot.rarely():
            topic.publish(lot.choice(*topic.records))
        if lot.rarely():
            topic.replay()
        bench.shelf.failure = lot.choice(TryLater(), RuntimeError())
        bench.shelf.fail_on_page = lot.choice(None, 0, 1)
        bench.sent.down = lot.rarely()
        async with killed(bench, topic, lot.choice(*POINTS)):
            pass
    bench.shelf.fail_on_page, bench.sent.down = None, False
    topic.publish(an_erase(last + 1))
    topic.replay()
    await the_rest(bench, topic)
    check_truth(bench)


def check_truth(bench: Bench) -> None:
    """What was said of the erasure agrees with itself and with the store."""
    left = sum(data_class == LETTERS for data_class, _ in bench.shelf.held)
    said = {type(each.outcome) for each in bench.answers if each.outcome is not None}
    final = bench.answers[-1]
    assert len(bench.shelf.held) - left == OTHERS
    if any(counts(each) for each in bench.answers):
        assert left == 0
        assert [counts(each) for each in bench.answers if not each.outcome] == [[HELD]] * sum(
            not each.outcome for each in bench.answers
        )
        assert len({each.value for each in bench.sent.envelopes if b'"outcome"' not in each.value}) == 1
        assert Halted not in said
    else:
        assert final.outcome is not None
        assert Halted not in said or left == HELD
