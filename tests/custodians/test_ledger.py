"""The rules of the ledger, row by row: what stands once it stands, whoever comes late."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from contracts.command import Operation
from contracts.envelope import Draft
from contracts.results import Halted
from contracts.topics import Channel
from custodians.runner import ledger
from custodians.runner.ledger import Ending, Row, Start, State, Stored, Verdict, stored
from custodians.runner.ledger_sqlite import SqliteLedger
from custodians.runner.orders import Order, order_of
from custodians.runner.tally import Counted
from custodians.sdk import Holding
from tests.custodians.bench import LETTERS, ME, NOW, Bench, a_command, a_task, opened

TALLY = {LETTERS: Counted(erasable=2)}
DAY = 24 * 3600


def an_order(issue: int = 1, operation: Operation = Operation.ERASE) -> Order:
    return order_of(opened(a_command(operation, issue=issue)), ME)


def an_answer(order: Order, text: bytes = b"{}") -> Stored:
    return stored(order, Draft(environment="test", channel=Channel.ANSWERS, key=b"k", value=text, headers=()))


def a_row(state: State, **more: object) -> Row:
    order = an_order()
    return Row(task_id=order.task_id, operation=order.operation, state=state, order=order).model_copy(update=more)


def keys(*names: str) -> Sequence[Holding]:
    return [Holding(data_class=LETTERS, key=name) for name in names]


def open_ledger(folder: Path) -> SqliteLedger:
    return SqliteLedger(folder / "ledger.sqlite", b"k" * 32, now=lambda: NOW)


@pytest.mark.parametrize("state", [State.ENDED, State.DONE])
def test_what_has_ended_is_never_planned(state: State) -> None:
    row = a_row(state, outcome=Halted())
    assert ledger.plan(row, an_order(), TALLY, 1, NOW) == (row, Start.HALTED)


def test_what_is_planned_keeps_its_list_and_goes_on_after_its_expiry() -> None:
    row = a_row(State.PLANNED, tally=TALLY, pages=1)
    assert ledger.plan(row, an_order(2), {}, 9, NOW + DAY) == (row, Start.STARTED)


@pytest.mark.parametrize(
    ("state", "ending"),
    [
        (State.ENDED, Ending.DONE),
        (State.ENDED, Ending.OPEN),
        (State.DONE, Ending.OPEN),
        (State.ACCEPTED, Ending.DONE),  # counts without a list
        (State.PLANNED, Ending.ENDED),  # "not touched" of what was
    ],
)
def test_an_answer_that_the_row_contradicts_is_not_stored(state: State, ending: Ending) -> None:
    order = an_order()
    assert ledger.finish(a_row(state), order, ending, None, an_answer(order)) is None


def test_an_answer_of_an_older_issue_is_not_stored_over_a_newer_one() -> None:
    order = an_order(1)
    assert ledger.finish(a_row(State.PLANNED, answered=2), order, Ending.OPEN, None, an_answer(order)) is None


def test_every_state_meets_every_order_with_a_verdict() -> None:
    met = {
        (state, order.operation): ledger.accept(a_row(state, outcome=Halted()), order).verdict
        for state in State
        for order in (an_order(2), an_order(2, Operation.HALT))
    }
    assert met == {
        (State.ACCEPTED, Operation.ERASE): Verdict.RUN,
        (State.ACCEPTED, Operation.HALT): Verdict.TELL,
        (State.PLANNED, Operation.ERASE): Verdict.RUN,
        (State.PLANNED, Operation.HALT): Verdict.NOTHING,
        (State.DONE, Operation.ERASE): Verdict.RESEND,
        (State.DONE, Operation.HALT): Verdict.RESEND,
        (State.ENDED, Operation.ERASE): Verdict.TELL,
        (State.ENDED, Operation.HALT): Verdict.TELL,
    }


async def test_a_work_list_is_written_once(tmp_path: Path) -> None:
    order = an_order()
    async with open_ledger(tmp_path) as kept:
        await kept.accept([order], NOW)
        await kept.spool(a_task(), 0, keys("left", "over"))
        await kept.spool(a_task(), 1, keys("left over"))
        await kept.spool(a_task(), 0, keys("a", "b"))
        with pytest.raises(TypeError):
            await kept.page(a_task(), 1)
        assert (await kept.plan(order, TALLY, 1, NOW)).start is Start.STARTED
        await kept.spool(a_task(), 0, keys("late"))
        assert await kept.page(a_task(), 0) == keys("a", "b")
        row = await kept.row(a_task())
    assert row is not None
    assert (row.tally, row.pages) == (TALLY, 1)


async def test_only_the_answer_that_was_sent_is_marked_as_sent(tmp_path: Path) -> None:
    first, second = an_order(1), an_order(2)
    async with open_ledger(tmp_path) as kept:
        await kept.accept([first], NOW)
        await kept.finish(first, Ending.OPEN, None, an_answer(first))
        await kept.accept([second], NOW)
        await kept.finish(second, Ending.OPEN, None, an_answer(second))
        await kept.sent([an_answer(first)])
        assert await kept.unsent(10) == [an_answer(second)]
        await kept.sent([an_answer(second)])
        assert await kept.unsent(10) == []


async def test_pages_cannot_change_places(tmp_path: Path) -> None:
    order = an_order()
    async with open_ledger(tmp_path) as kept:
        await kept.accept([order], NOW)
        await kept.spool(a_task(), 0, keys("a"))
        await kept.spool(a_task(), 1, keys("b"))
        await kept._do(lambda connection: connection.execute("update page set n = n + 5").rowcount)
        with pytest.raises(InvalidTag):
            await kept.page(a_task(), 5)


async def test_what_is_closed_is_forgotten_after_its_time_and_what_is_owed_is_not(tmp_path: Path) -> None:
    order = an_order()
    async with open_ledger(tmp_path) as kept:
        await kept.accept([order], NOW)
        assert await kept.forget(NOW + DAY) == 0
        await kept.finish(order, Ending.OPEN, None, an_answer(order))
        assert await kept.forget(NOW + DAY) == 0
        await kept.sent([an_answer(order)])
        assert await kept.forget(NOW) == 0
        assert await kept.forget(NOW + DAY) == 1
        assert await kept.row(a_task()) is None


async def test_what_has_begun_is_ended_though_its_order_has_expired(bench: Bench) -> None:
    bench.shelf.put(3)
    async with replace(bench, freezes=("after", "plan")).life() as life:
        await life.inbox.take([a_command(Operation.ERASE, preview={LETTERS: 3})])
        await life.ledger.frozen.wait()
    bench.shelf.put(90, first=3)  # would have drifted, too
    bench.clock.now += DAY
    async with bench.life() as life:
        await life.resume()
    assert getattr(bench.answers[0].classes[0].results[0], "count", None) == 3
    assert len(bench.shelf.held) == 90
