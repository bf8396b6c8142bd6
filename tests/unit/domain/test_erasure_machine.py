"""One erasure over two custodians, in any order of answers, time, approvals and trouble: what always holds."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contracts.answer import Answer
from contracts.command import Operation
from contracts.ids import TaskId
from contracts.manifest import Link
from contracts.results import (
    Absent,
    ClassResult,
    Deferred,
    Drifted,
    Failed,
    Found,
    Halted,
    Manual,
    NotFound,
    Rejected,
    Rejection,
    Residual,
    TaskOutcome,
    Unsupported,
)
from orchestrator.domain.admission import Claim
from orchestrator.domain.approval import genuine
from orchestrator.domain.errors import Conflict, DsarError, IllegalTransition
from orchestrator.domain.issuing import Sending
from orchestrator.domain.request import Kind, State
from orchestrator.domain.task import Task, TaskState, newest
from tests.unit.domain.builders import (
    CUSTOMER,
    EMAIL,
    NOW,
    TRUST,
    a_case,
    a_claim,
    a_manifest,
    a_request,
    an_answer,
    an_approval,
    said,
    says,
)
from tests.unit.domain.play import Play, erased

MEMBERS = (
    a_manifest("crm", provides={CUSTOMER: Link.EXACT}),
    a_manifest("shop", needs=(EMAIL, CUSTOMER)),
)
ERASE, PREVIEW, PROBE = Operation.ERASE, Operation.PREVIEW, Operation.PROBE
CALM: dict[Operation, ClassResult] = {PREVIEW: Found(count=1), ERASE: erased(1), PROBE: Absent()}
CLASS_RESULTS: dict[Operation, list[ClassResult]] = {
    PREVIEW: [Found(count=1), NotFound(), Unsupported()],
    ERASE: [erased(1), NotFound(), Absent()],
    PROBE: [Absent(), Residual(count=1)],
}
OUTCOMES: list[TaskOutcome] = [
    Failed(retryable=True, error="Busy"),
    Failed(retryable=False, error="Broken"),
    Rejected(reason=Rejection.UNKNOWN_KEY),
    Deferred(until=NOW.date()),
    Manual(ticket="T"),
    Drifted(),
    Halted(),
]
PAUSES = [timedelta(seconds=6), timedelta(minutes=10), timedelta(hours=5), timedelta(days=1), timedelta(days=3)]


class Erasure(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.play = Play(a_case(*MEMBERS, request=a_request(Kind.ERASURE))).open()
        self.halted: dict[TaskId, int] = {}
        self.heard: list[Answer] = []

    @initialize(stage=st.sampled_from(["search", "approval", "erase", "erase", "probe", "watch"]))
    def begin(self, stage: str) -> None:
        """So that trouble starts anywhere between search and watch."""
        if stage == "approval":
            self.play.answer_all(PREVIEW, Found(count=1))
        for _ in range({"erase": 1, "probe": 2, "watch": 3}.get(stage, 0)):
            self._calm_day()

    @rule(confirm=st.booleans())
    def dispatch(self, confirm: bool) -> None:
        for sending in self.play.dispatch(confirm=confirm):
            self._check(sending)

    def _check(self, sending: Sending) -> None:
        assert not {task.id for task in sending.tasks} & set(self.halted), "a halted task was sent again"
        if sending.operation is not ERASE:
            return
        request, approval = self.play.request, self.play.case.approval
        assert approval is not None
        assert approval.second is not None
        assert (approval.void, approval.asking) == (False, request.asking)
        assert request.plan_hash == approval.plan_hash
        assert len({approval.first.staff, approval.second.staff, "opener", "verifier"}) == 4
        assert all(
            genuine(each, TRUST, environment="test", request=request.id, plan_hash=approval.plan_hash)
            for each in (approval.first, approval.second)
        )
        assert request.grace_until is not None
        assert request.grace_until <= self.play.at < request.grace_until + timedelta(days=1)
        previews = newest(self.play.case.tasks, PREVIEW).values()
        assert all(task.state is TaskState.DONE for task in previews), "not all found before any erased"

    def owed(self) -> list[Task]:
        return [task for task in self.play.open_tasks() if task.issues]

    def asked(self) -> list[Task]:
        return [task for task in self.play.case.tasks if task.issues]

    @precondition(lambda self: self.owed())
    @rule(data=st.data())
    def result(self, data: st.DataObject) -> None:
        self._result(data, data.draw(st.sampled_from(self.owed())))

    @precondition(lambda self: self.asked())
    @rule(data=st.data())
    def result_of_any_asking(self, data: st.DataObject) -> None:
        self._result(data, data.draw(st.sampled_from(self.asked())))

    def _result(self, data: st.DataObject, task: Task) -> None:
        result = data.draw(st.sampled_from(CLASS_RESULTS[task.operation]))
        number = data.draw(st.sampled_from([each.no for each in task.issues]))
        claims = data.draw(st.sampled_from([(), (a_claim(),), (a_claim(EMAIL, "e"),)]))
        self._hear(an_answer(task, says(profile=result), issue_no=number, duration_ms=len(self.heard)), *claims)

    @precondition(lambda self: self.owed())
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES))
    def outcome(self, data: st.DataObject, outcome: TaskOutcome) -> None:
        task = data.draw(st.sampled_from(self.owed()))
        number = data.draw(st.sampled_from([each.no for each in reversed(task.issues)]))
        self._hear(an_answer(task, outcome=outcome, issue_no=number, duration_ms=len(self.heard)))

    @precondition(lambda self: any(task.operation is ERASE for task in self.owed()))
    @rule(data=st.data())
    def drift(self, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from([task for task in self.owed() if task.operation is ERASE]))
        self._hear(an_answer(task, outcome=Drifted(), duration_ms=len(self.heard)))

    @rule()
    def a_calm_day(self) -> None:
        self._calm_day()

    @precondition(lambda self: self.heard)
    @rule(data=st.data())
    def said_again(self, data: st.DataObject) -> None:
        self._hear(data.draw(st.sampled_from(self.heard)).model_copy(update={"duration_ms": len(self.heard)}))

    def _hear(self, answer: Answer, *claims: Claim) -> None:
        assert self.play.case.expects(answer)
        self.heard.append(answer)
        self.play.hear(said(answer, claims=claims))

    @rule(pause=st.sampled_from(PAUSES), alive=st.booleans())
    def time_passes(self, pause: timedelta, alive: bool) -> None:
        self.play.at += pause
        if alive:
            self.play.heard = dict.fromkeys(self.play.case.members, self.play.at)
        self.play.pass_time()
        wake_at = self.play.request.wake_at
        assert wake_at is None or wake_at > self.play.at, "due for ever"

    @rule(staff=st.sampled_from("ABC"))
    def approve(self, staff: str) -> None:
        if self.play.request.plan_hash is not None:
            try:
                self.play.approve(staff)
            except DsarError:
                return

    @precondition(lambda self: self.play.state in (State.GRACE, State.ERASING))
    @rule(people=st.sampled_from([("A", "A"), ("A", "D"), ("D", "B")]))
    def somebody_writes_rows(self, people: tuple[str, str]) -> None:
        forged = an_approval(self.play.request, *people, at=self.play.at)
        self.play.approvals[forged.asking] = forged
        self.play.case = replace(self.play.case, approval=forged)

    @precondition(lambda self: len(self.play.entries) > 20)
    @rule()
    def withdraw(self) -> None:
        try:
            self.play.withdraw()
        except IllegalTransition:
            assert self.play.state in (State.PROBING, State.WATCHING, State.CLOSED)

    @precondition(lambda self: self.play.request.begun or len(self.play.entries) > 20)
    @rule()
    def cancel(self) -> None:
        begun = self.play.request.begun
        try:
            self.play.cancel()
        except IllegalTransition:
            return
        assert not begun, "cancelled after erasing had begun"

    @invariant()
    def a_task_shown_halted_gets_no_other_issue(self) -> None:
        for task in self.play.case.tasks:
            if task.state is TaskState.HALTED:
                self.halted.setdefault(task.id, task.issue_no)
            assert self.halted.get(task.id, task.issue_no) == task.issue_no

    @invariant()
    def closed_has_an_outcome_and_open_has_none(self) -> None:
        assert (self.play.state is State.CLOSED) == (self.play.request.outcome is not None)

    @invariant()
    def entries_are_dense(self) -> None:
        assert [entry.version for entry in self.play.entries] == list(range(1, self.play.request.version + 1))

    @invariant()
    def nothing_is_approved_that_ended(self) -> None:
        if self.play.state is State.AWAITING_APPROVAL and self.play.case.approval is not None:
            assert not self.play.case.approval.void

    def teardown(self) -> None:
        for _ in range(60):
            if self.play.state is State.CLOSED:
                return
            self._calm_day()
        assert self.play.blocked_by is not None, f"stuck in {self.play.state} without an owner"

    def _calm_day(self) -> None:
        """Custodians live and answer, approvers sign what they are asked for, the clock goes on."""
        self.dispatch(confirm=True)
        for task in self.play.open_tasks():
            if task.issues:
                self.play.hear(said(an_answer(task, says(profile=CALM[task.operation]))))
        self.play.heard = dict.fromkeys(self.play.case.members, self.play.at + timedelta(seconds=1))
        for staff in "ABC":
            if self.play.state is State.AWAITING_APPROVAL:
                self._sign(staff)
        self.play.pass_time(self.play.policy.grace if self.play.state is State.GRACE else timedelta(hours=1))
        if self.play.state is State.WATCHING and self.play.request.wake_at is not None:
            self.play.pass_time(self.play.request.wake_at - self.play.at)

    def _sign(self, staff: str) -> None:
        try:
            self.play.approve(staff)
        except (Conflict, DsarError):
            return


TestErasure = Erasure.TestCase
TestErasure.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
pytestmark = pytest.mark.timeout(120)
