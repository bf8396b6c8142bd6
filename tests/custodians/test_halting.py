"""What the ledger promises of a halt: nothing starts after it, and what was done is not denied."""

from contracts.command import Operation
from contracts.results import Halted
from custodians.runner.ledger import HALTED_MIDWAY
from custodians.runner.orders import order_of
from custodians.sdk import TryLater
from tests.custodians.bench import ME, NOW, Bench, a_command, opened
from tests.custodians.erasures import an_erase


async def test_a_halt_before_the_start_leaves_nothing_that_could_start(bench: Bench) -> None:
    bench.shelf.put(3)
    async with bench.life() as life:
        await life.take(a_command(Operation.HALT, issue=2))
        await life.take(an_erase(issue=1))
        await life.take(an_erase(issue=3))
    assert not bench.shelf.erased
    assert [(each.issue_no, each.outcome) for each in bench.answers] == [(2, Halted()), (3, Halted())]


async def test_a_halt_in_the_same_batch_as_its_erasure_wins(bench: Bench) -> None:
    bench.shelf.put(3)
    async with bench.life() as life:
        await life.take(an_erase(issue=1), a_command(Operation.HALT, issue=2))
    assert not bench.shelf.erased
    assert [each.outcome for each in bench.answers] == [Halted()]


async def test_a_halt_while_the_work_list_is_made_stops_the_erasure(bench: Bench) -> None:
    bench.shelf.put(3)
    bench.shelf.gate.clear()
    async with bench.life() as life:
        await life.inbox.take([an_erase(issue=1)])
        await bench.shelf.began.wait()
        await life.inbox.take([a_command(Operation.HALT, issue=2)])
        bench.shelf.gate.set()
        await life.settle()
    assert not bench.shelf.erased
    assert [each.outcome for each in bench.answers] == [Halted()]


async def test_a_halt_after_the_erasure_gets_the_answer_of_the_erasure(bench: Bench) -> None:
    bench.shelf.put(3)
    async with bench.life() as life:
        await life.take(an_erase())
        await life.take(a_command(Operation.HALT, issue=2))
    assert bench.sent.envelopes[0] == bench.sent.envelopes[1]


async def test_a_halt_of_what_failed_half_way_is_not_answered_as_if_nothing_had_begun(bench: Bench) -> None:
    bench.shelf.put(2)
    bench.shelf.fail_on_page = 0
    bench.shelf.failure = TryLater()
    async with bench.life() as life:
        await life.take(an_erase())
        bench.shelf.fail_on_page = None
        await life.take(a_command(Operation.HALT, issue=2))
        await life.take(an_erase(issue=3))
    assert not bench.shelf.erased
    assert [(each.issue_no, each.outcome) for each in bench.answers[1:]] == [(2, HALTED_MIDWAY), (3, HALTED_MIDWAY)]


async def test_the_same_halt_twice_gets_the_same_bytes(bench: Bench) -> None:
    async with bench.life() as life:
        await life.take(halt := a_command(Operation.HALT))
        bench.clock.now += 5
        await life.take(halt)
    assert bench.sent.envelopes[0] == bench.sent.envelopes[1]


async def test_a_halt_that_was_not_told_before_a_kill_is_told_after_it(bench: Bench) -> None:
    async with bench.life() as life:
        order = order_of(opened(a_command(Operation.HALT)), ME)
        await life.ledger.accept([order], NOW)
    async with bench.life() as life:
        await life.resume()
    assert [each.outcome for each in bench.answers] == [Halted()]
