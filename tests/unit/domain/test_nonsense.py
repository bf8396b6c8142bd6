"""Answers that cannot be answers to what was asked: they fail their task and are never taken for an end."""

from collections.abc import Callable
from itertools import product

import pytest

from contracts.command import Operation
from contracts.results import Absent, ClassResult, Drifted, Found, Halted, NotFound, Residual, TaskOutcome
from orchestrator.domain.events import Event
from orchestrator.domain.request import Blocked, State
from orchestrator.domain.task import TaskState
from tests.unit.domain.builders import a_manifest
from tests.unit.domain.play import Play, access, erased, erasing_now, erasure, probing

COLLECT, PREVIEW, ERASE, PROBE = Operation.COLLECT, Operation.PREVIEW, Operation.ERASE, Operation.PROBE
NONSENSE: list[tuple[Operation, ClassResult]] = [
    (COLLECT, erased(1)),
    (COLLECT, Absent()),
    (PREVIEW, erased(1)),
    (PREVIEW, Residual(count=1)),
    (ERASE, Found(count=1)),
    (ERASE, Absent()),
    (PROBE, Found(count=1)),
    (PROBE, NotFound()),
]


def asked(operation: Operation) -> Play:
    begin: dict[Operation, Callable[[], Play]] = {
        COLLECT: access,
        PREVIEW: erasure,
        ERASE: erasing_now,
        PROBE: probing,
    }
    return begin[operation]()


@pytest.mark.parametrize(("operation", "result"), NONSENSE)
def test_a_result_that_cannot_answer_what_was_asked_fails_its_task(operation: Operation, result: ClassResult) -> None:
    play = asked(operation)
    before = play.case.lines
    play.answer("crm", operation, profile=result)
    assert Event.ANSWER_NONSENSE in play.events()
    assert (play.task("crm", operation).state, play.case.lines) == (TaskState.FAILED, before)


@pytest.mark.parametrize(("operation", "outcome"), list(product([COLLECT, PREVIEW, PROBE], [Drifted(), Halted()])))
def test_only_an_erase_can_drift_or_be_halted(operation: Operation, outcome: TaskOutcome) -> None:
    play = asked(operation)
    play.answer("crm", operation, outcome=outcome)
    assert play.task("crm", operation).state is TaskState.FAILED
    assert play.state is {COLLECT: State.REVIEWING, PREVIEW: State.SEARCHING, PROBE: State.PROBING}[operation]


@pytest.mark.parametrize("operation", [COLLECT, PREVIEW, ERASE, PROBE])
def test_a_class_that_the_plan_does_not_know_is_nonsense_and_its_name_is_not_logged(operation: Operation) -> None:
    results: dict[Operation, ClassResult] = {
        COLLECT: Found(count=1),
        PREVIEW: Found(count=1),
        ERASE: erased(1),
        PROBE: Absent(),
    }
    play = asked(operation)
    play.answer("crm", operation, profile=results[operation], alice=results[operation])
    assert play.task("crm", operation).state is TaskState.FAILED
    assert "alice" not in str([entry.facts for entry in play.entries])


def test_a_preview_that_leaves_a_class_out_does_not_let_anything_be_erased() -> None:
    play = erasure(a_manifest(classes=("profile", "orders")))
    play.answer("crm", PREVIEW, profile=Found(count=1))
    assert (play.state, play.request.blocked_by) == (State.SEARCHING, Blocked.SEARCH_FAILED)
