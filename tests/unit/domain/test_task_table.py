"""Every pair of task states, and when a task is looked at again."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from contracts.command import Operation
from orchestrator.domain.errors import IllegalTransition
from orchestrator.domain.task import HALTABLE, MOVES, OPEN, TaskState, backoff, lease, newest
from tests.unit.domain.builders import NOW, SHOP, a_task

TABLE = """
planned: issued done planned failed drifted waiting halt_requested halted waived
issued: planned done failed drifted waiting halt_requested halted waived
waiting: planned done failed drifted waiting halt_requested halted waived
halt_requested: halt_requested halted done drifted failed waived
halted: done waived
drifted: done waived
failed: done waived
waived: done
done: superseded
superseded:
"""


def moves() -> set[tuple[TaskState, TaskState]]:
    table = set()
    for line in TABLE.strip().splitlines():
        state, targets = line.split(":")
        table |= {(TaskState(state), TaskState(target)) for target in targets.split()}
    return table


def test_a_task_moves_by_its_rows_and_refuses_everything_else() -> None:
    allowed = moves()
    for before, after in product(TaskState, TaskState):
        task = a_task(state=before)
        if (before, after) in allowed:
            assert task.to(after, at=NOW).state is after
        else:
            with pytest.raises(IllegalTransition):
                task.to(after, at=NOW)


def test_the_truth_wins_over_every_end_but_done_itself() -> None:
    assert {state for state in TaskState if TaskState.DONE in MOVES[state]} == set(TaskState) - {
        TaskState.DONE,
        TaskState.SUPERSEDED,
    }


def test_everything_open_but_a_halt_can_be_halted() -> None:
    assert {TaskState.HALT_REQUESTED} == OPEN - HALTABLE
    assert all({TaskState.HALT_REQUESTED, TaskState.HALTED} <= MOVES[state] for state in HALTABLE)


def test_a_move_forgets_the_old_alarm_and_remembers_when() -> None:
    moved = a_task().to(TaskState.WAITING, at=NOW, wake_at=NOW + timedelta(hours=1))
    assert (moved.since, moved.wake_at) == (NOW, NOW + timedelta(hours=1))
    assert moved.to(TaskState.PLANNED, at=NOW).wake_at is None


def test_back_off_doubles_from_a_minute_to_an_hour() -> None:
    assert [backoff(no) // timedelta(minutes=1) for no in range(1, 10)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_lease_grows_with_the_back_off_but_never_below_its_own_length() -> None:
    assert lease(Operation.COLLECT, 1) == timedelta(minutes=10)
    assert lease(Operation.COLLECT, 2) == timedelta(minutes=10)
    assert lease(Operation.COLLECT, 6) == timedelta(minutes=32)
    assert lease(Operation.PREVIEW, 1) == timedelta(minutes=2)


def test_the_newest_asking_is_the_highest_round_whatever_the_order_of_rows() -> None:
    older = a_task()
    newer = replace(older, round=2)
    other = a_task(custodian=SHOP)
    found = newest([newer, other, older], Operation.ERASE)
    assert found == {newer.custodian: newer, SHOP: other}
    assert newest([newer], Operation.PROBE) == {}
