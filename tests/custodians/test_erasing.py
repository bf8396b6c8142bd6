"""What the ledger promises of an erasure: one effect, one answer, and no start after a halt or an expiry."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from contracts.command import Operation
from contracts.keys import CLOCK_TOLERANCE_S
from contracts.results import Drifted, Erased, Failed, Ground, Level, NotFound, Rejected, Rejection, Retained
from custodians.sdk import GiveUp, Retain, TryLater
from tests.custodians.bench import LETTERS, NOTES, NOW, Bench, a_command, a_declaration, a_task
from tests.custodians.erasures import an_erase, erased, the_results

TODAY = datetime.fromtimestamp(NOW, UTC).date()


async def test_an_erasure_says_how_many_how_deep_and_by_when(bench: Bench) -> None:
    bench.shelf.put(3)
    bench.shelf.put(2, fate=Retain(Ground.LEGALLY_REQUIRED, date(2030, 12, 31)), first=3)
    async with bench.life() as life:
        await life.take(an_erase())
    (answer,) = bench.answers
    assert the_results(answer.classes) == {
        LETTERS: (
            Erased(
                count=3,
                level=Level.INVISIBLE,
                physical_by=TODAY + timedelta(days=7),
                backups_by=TODAY + timedelta(days=30),
            ),
            Retained(count=2, ground=Ground.LEGALLY_REQUIRED, until=date(2030, 12, 31)),
        ),
        NOTES: (NotFound(),),
    }
    assert len(bench.shelf.held) == 2


async def test_the_same_command_twice_is_one_effect_and_the_same_bytes(bench: Bench) -> None:
    bench.shelf.put(3)
    async with bench.life() as life:
        await life.take(erase := an_erase(), erase)
        bench.shelf.put(1)
        bench.clock.now += 5
        await life.take(erase)
    assert len(bench.shelf.erased) == 1
    first, again = bench.sent.envelopes
    assert first == again


async def test_a_new_issue_of_a_done_erasure_gets_the_answer_that_is_remembered(bench: Bench) -> None:
    bench.shelf.put(3)
    async with bench.life() as life:
        await life.take(an_erase())
    async with bench.life() as life:
        await life.take(an_erase(issue=2))
    assert len(bench.shelf.erased) == 1
    assert bench.sent.envelopes[0] == bench.sent.envelopes[1]


async def test_an_answer_is_stored_before_it_is_sent(bench: Bench) -> None:
    bench.shelf.put(3)
    bench.sent.down = True
    async with bench.life() as life:
        await life.take(an_erase())
    bench.sent.down = False
    async with bench.life() as life:
        await life.resume()
    assert [erased(each) for each in bench.answers] == [3]


async def test_a_kill_after_the_work_list_was_written_ends_in_the_same_counts(bench: Bench) -> None:
    bench.shelf.put(2500)
    bench.shelf.fail_on_page = 1
    bench.shelf.failure = None
    async with bench.life() as life:
        await life.inbox.take([an_erase(preview=2500)])
        await bench.shelf.stuck.wait()
    assert 0 < len(bench.shelf.held) < 2500
    assert not bench.answers
    bench.shelf.fail_on_page = None
    async with bench.life() as life:
        await life.resume()
    assert erased(bench.answers[0]) == 2500
    assert not bench.shelf.held


async def test_a_failure_half_way_keeps_the_work_list_for_the_next_issue(bench: Bench) -> None:
    bench.shelf.put(2)
    bench.shelf.fail_on_page = 0
    bench.shelf.failure = TryLater()
    async with bench.life() as life:
        await life.take(an_erase())
        assert bench.answers[0].outcome == Failed(retryable=True, error="TryLater")
        bench.shelf.fail_on_page = None
        await life.take(an_erase(issue=2))
    assert erased(bench.answers[1]) == 2


async def test_a_failure_is_not_remembered_as_the_answer_of_a_newer_issue(bench: Bench) -> None:
    bench.shelf.put(2)
    bench.shelf.fail_on_page = 0
    async with bench.life() as life:
        await life.take(an_erase())
        await life.take(an_erase(issue=2))
    assert [each.issue_no for each in bench.answers] == [1, 2]
    assert all(each.outcome == Failed(retryable=True, error="RuntimeError") for each in bench.answers)


async def test_whatever_fails_half_way_goes_on_with_its_own_list_and_counts_all_of_it(bench: Bench) -> None:
    bench.shelf.put(2500)
    bench.shelf.fail_on_page, bench.shelf.failure = 1, GiveUp()
    async with bench.life() as life:
        await life.take(an_erase(preview=2500))
        assert bench.answers[0].outcome == Failed(retryable=True, error="GiveUp")
        assert len(bench.shelf.held) == 1000  # of the second page, half
        bench.shelf.fail_on_page = None
        await life.take(an_erase(issue=2, preview=2500))
    assert erased(bench.answers[1]) == 2500


async def test_an_older_issue_does_not_run_after_a_newer_one_was_answered(bench: Bench) -> None:
    bench.shelf.put(2)
    bench.shelf.fail_on_page = 0
    async with bench.life() as life:
        await life.take(an_erase(issue=2))
        bench.shelf.fail_on_page = None
        await life.take(an_erase(issue=1))
    assert not bench.shelf.erased
    assert len(bench.answers) == 1


async def test_issues_may_come_in_any_order(bench: Bench) -> None:
    bench.shelf.put(3)
    async with bench.life() as life:
        await life.take(an_erase(issue=2), an_erase(issue=1))
    assert len(bench.shelf.erased) == 1
    assert [each.issue_no for each in bench.answers] == [2]


async def test_an_accepted_erasure_that_has_expired_does_not_start(bench: Bench) -> None:
    bench.shelf.put(3)
    bench.shelf.gate.clear()
    async with bench.life() as life:
        await life.inbox.take([an_erase()])
        await bench.shelf.began.wait()
    bench.clock.now += 900 + CLOCK_TOLERANCE_S + 1
    bench.shelf.gate.set()
    async with bench.life() as life:
        await life.resume()
    assert not bench.shelf.erased
    assert [each.outcome for each in bench.answers] == [Rejected(reason=Rejection.EXPIRED)]


async def test_the_expiry_is_looked_at_again_when_the_work_list_stands(bench: Bench) -> None:
    bench.shelf.put(3)
    bench.shelf.gate.clear()
    async with bench.life() as life:
        await life.inbox.take([an_erase()])
        await bench.shelf.began.wait()
        bench.clock.now += 900 + CLOCK_TOLERANCE_S + 1
        bench.shelf.gate.set()
        await life.settle()
    assert not bench.shelf.erased
    assert [each.outcome for each in bench.answers] == [Rejected(reason=Rejection.EXPIRED)]


@pytest.mark.parametrize(("held", "touched"), [(2 * 10 + 50, True), (2 * 10 + 51, False)])
async def test_much_more_than_was_previewed_is_drift_and_is_not_touched(bench: Bench, held: int, touched: bool) -> None:
    bench.shelf.put(held)
    async with bench.life() as life:
        await life.take(an_erase(preview=10))
    assert bool(bench.shelf.erased) is touched
    assert (bench.answers[0].outcome == Drifted()) is not touched


async def test_a_class_that_was_not_previewed_is_drift(bench: Bench) -> None:
    bench.shelf.put(3)
    bench.shelf.put(1, NOTES)
    async with bench.life() as life:
        await life.take(an_erase())
    assert not bench.shelf.erased
    assert bench.answers[0].outcome == Drifted()


async def test_drift_ends_the_task_for_every_later_issue(bench: Bench) -> None:
    bench.shelf.put(100)
    async with bench.life() as life:
        await life.take(an_erase(preview=1))
        bench.shelf.held.clear()
        await life.take(an_erase(preview=1, issue=2))
    assert [(each.issue_no, each.outcome) for each in bench.answers] == [(1, Drifted()), (2, Drifted())]


async def test_only_the_classes_asked_for_are_erased(bench: Bench) -> None:
    bench.shelf.put(3)
    bench.shelf.put(3, NOTES)
    async with bench.life() as life:
        await life.take(a_command(Operation.ERASE, preview={LETTERS: 3}, classes=[LETTERS]))
    assert {data_class for data_class, _ in bench.shelf.held} == {NOTES}
    assert [each.data_class for each in bench.answers[0].classes] == [LETTERS]


async def test_another_plan_under_a_known_task_is_refused(bench: Bench) -> None:
    bench.shelf.put(3)
    async with bench.life() as life:
        await life.take(an_erase(plan_hash="a"))
        await life.take(an_erase(plan_hash="b", issue=2))
    assert bench.answers[1].outcome == Rejected(reason=Rejection.CONFLICT)


async def test_the_work_list_is_unreadable_on_disk_and_gone_when_it_is_done(bench: Bench) -> None:
    bench.shelf.put(3)
    bench.shelf.fail_on_page = 0
    async with bench.life() as life:
        await life.take(an_erase())
        files = b"".join(path.read_bytes() for path in bench.folder.iterdir())
        assert b"letters-1" not in files
        assert b"someone@example.com" not in files
        bench.shelf.fail_on_page = None
        await life.take(an_erase(issue=2))
        with pytest.raises(TypeError):
            await life.ledger.page(a_task(), 0)


async def test_an_unclaimed_operation_is_unsupported(bench: Bench) -> None:
    claims = a_declaration().operations
    reads = tuple(each for each in claims if each.operation is not Operation.ERASE)
    unable = replace(bench, declaration=a_declaration(operations=reads))
    async with unable.life() as life:
        await life.take(an_erase())
    assert {result.kind for each in unable.answers[0].classes for result in each.results} == {"unsupported"}
