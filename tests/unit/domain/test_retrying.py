"""Asking again for what has failed: a new round, never an old id."""

import pytest

from contracts.command import Operation
from contracts.results import Absent, Failed, Found, NotFound
from orchestrator.domain.errors import Conflict
from orchestrator.domain.events import Event
from orchestrator.domain.request import Blocked, Kind, State
from orchestrator.domain.retrying import retry
from orchestrator.domain.task import TaskState
from tests.unit.domain.builders import CRM, SHOP, a_manifest, an_answer, said
from tests.unit.domain.play import Play, access, erased, erasing_now, erasure, probing

COLLECT, ERASE, PREVIEW, PROBE = Operation.COLLECT, Operation.ERASE, Operation.PREVIEW, Operation.PROBE
TWO = (a_manifest("crm"), a_manifest("shop"))
BROKEN = Failed(retryable=False, error="StoreGone")


def fail(play: Play, custodian: str, operation: Operation) -> None:
    play.dispatch()
    play.hear(said(an_answer(play.task(custodian, operation), outcome=BROKEN)))


def test_nothing_is_tried_again_that_has_not_failed() -> None:
    with pytest.raises(Conflict):
        access(*TWO).do(retry)


def test_a_failed_search_is_asked_again_under_a_new_id_and_the_erasure_goes_on() -> None:
    play = erasure(*TWO)
    play.answer("shop", PREVIEW, profile=Found(count=2))
    fail(play, "crm", PREVIEW)
    old = play.task("crm", PREVIEW)
    assert play.blocked_by is Blocked.SEARCH_FAILED
    play.do(retry)
    assert play.blocked_by is None
    assert play.task("crm", PREVIEW).id != old.id
    assert [task.custodian for task in play.open_tasks()] == [CRM]
    play.dispatch()
    play.answer("crm", PREVIEW, profile=NotFound())
    assert (play.state, play.request.kind) == (State.AWAITING_APPROVAL, Kind.ERASURE)


def test_a_failed_erase_is_asked_again_of_whom_it_failed_at_alone() -> None:
    play = erasing_now(*TWO)
    play.answer("shop", ERASE, profile=erased(2))
    fail(play, "crm", ERASE)
    assert play.blocked_by is Blocked.TASK_FAILED
    play.do(retry)
    assert [(task.custodian, task.asking) for task in play.open_tasks()] == [(CRM, play.request.asking)]
    play.dispatch()
    play.answer("crm", ERASE, profile=erased(1))
    assert play.state is State.PROBING
    assert play.task("shop", ERASE).state is TaskState.DONE


def test_a_failed_probe_is_asked_of_everybody_again_so_that_no_residual_is_forgotten() -> None:
    play = probing(*TWO)
    play.answer("shop", PROBE, profile=Absent())
    fail(play, "crm", PROBE)
    play.do(retry)
    assert {task.custodian for task in play.open_tasks()} == {CRM, SHOP}
    play.answer_all(PROBE, Absent())
    assert (play.state, play.events().count(Event.TASK_RETRIED)) == (State.WATCHING, 1)


def test_a_wasted_probe_takes_no_day_from_the_watch() -> None:
    play = probing(*TWO)
    play.answer("shop", PROBE, profile=Absent())
    fail(play, "crm", PROBE)
    play.do(retry)
    play.answer_all(PROBE, Absent())
    begun = play.at
    assert play.request.wake_at is not None
    assert (play.request.wake_at - begun).days == 1
