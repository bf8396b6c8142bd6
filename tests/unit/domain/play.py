"""One request played through: the domain with a store, an outbox, a bus and a clock that do no more than is needed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from contracts.answer import ClassAnswer
from contracts.command import Operation
from contracts.ids import CommandId, CustodianId, TaskId
from contracts.manifest import Manifest
from contracts.results import Absent, ClassResult, Erased, Found, Halted, Level, TaskOutcome
from orchestrator.domain import erasing, search
from orchestrator.domain.admission import Claim, Known
from orchestrator.domain.approval import Approval, TrustList, genuine
from orchestrator.domain.case import Case, Intent, Policy, Said, Step
from orchestrator.domain.draft import Draft
from orchestrator.domain.events import Detail, Entry, Event
from orchestrator.domain.hearing import hear
from orchestrator.domain.issuing import Sending, issue
from orchestrator.domain.request import Blocked, Kind, Outcome, Request, State
from orchestrator.domain.stops import Stops
from orchestrator.domain.task import Task, TaskState, newest
from orchestrator.domain.ticking import tick
from tests.unit.domain.builders import NOW, POLICY, TRUST, a_case, a_request, a_signature, an_answer, said, says

WHY = Detail(text="changed my mind", salt=b"salt", sealed="sealed")


class Play:
    """Applies every step as the store does, and refuses what the store would refuse."""

    def __init__(self, case: Case, *, policy: Policy = POLICY, trust: TrustList = TRUST) -> None:
        self.case, self.policy, self.trust, self.at = case, policy, trust, NOW
        self.outbox: list[Intent] = []
        self.sent: list[Sending] = []
        self.entries: list[Entry] = []
        self.approvals: dict[int, Approval] = {}
        self.stops = Stops()
        self.heard: dict[CustodianId, datetime] = {}
        self._commands = 0

    @property
    def request(self) -> Request:
        return self.case.request

    @property
    def state(self) -> State:
        return self.case.request.state

    @property
    def blocked_by(self) -> Blocked | None:
        return self.case.request.blocked_by

    def events(self) -> list[Event]:
        return [entry.event for entry in self.entries]

    def apply(self, step: Step | None) -> Step | None:
        if step is None:
            return None
        assert step.was == self.request.version
        assert step.entries, "a change without its entry"
        assert [entry.version for entry in step.entries] == list(range(step.was + 1, step.request.version + 1))
        if step.approval is not None:
            self.approvals[step.approval.asking] = step.approval
        self.case = replace(
            self.case,
            request=step.request,
            tasks=tuple(({t.id: t for t in self.case.tasks} | {t.id: t for t in step.tasks}).values()),
            lines=tuple(({(e.custodian, e.data_class): e for e in (*self.case.lines, *step.lines)}).values()),
            identifiers=tuple(({k.n: k for k in self.case.identifiers} | {k.n: k for k in step.identifiers}).values()),
            approval=self.approvals.get(step.request.asking),
        )
        self.outbox.extend(step.intents)
        self.entries.extend(step.entries)
        return step

    def do(self, act: Callable[[Draft], None], *, actor: str = "staff") -> Step:
        draft = Draft(self.case, at=self.at, policy=self.policy, actor=actor)
        act(draft)
        step = self.apply(draft.step())
        assert step is not None
        return step

    def open(self) -> "Play":
        """Opened, and verified by somebody else: the search begins."""
        self.do(lambda draft: draft.note(Event.OPENED, facts={"kind": self.request.kind}))
        self.do(_verify)
        return self

    def dispatch(self, *, confirm: bool = True) -> list[Sending]:
        intents, self.outbox = self.outbox, []
        commands = [self._command() for _ in intents]
        step, sendings = issue(
            self.case, intents, commands=commands, bearer=_bearer, trust=self.trust, at=self.at, policy=self.policy
        )
        self.apply(step)
        self.sent.extend(sendings)
        if confirm:
            self.confirm(sendings)
        return sendings

    def _command(self) -> CommandId:
        self._commands += 1
        return CommandId(UUID(int=self._commands))

    def confirm(self, sendings: list[Sending]) -> None:
        """The second transaction of the dispatcher: no step, no decision."""
        sent = {(task.id, task.issue_no): each.command for each in sendings for task in each.tasks}
        for task in self.case.tasks:
            issues = tuple(
                replace(each, sent_at=self.at, digest=sha256(each.command.bytes).hexdigest())
                if (task.id, each.no) in sent
                else each
                for each in task.issues
            )
            if issues != task.issues:
                look = self.at + timedelta(minutes=5) if task.wake_at is not None else None
                self._set(replace(task, issues=issues, wake_at=look))

    def _set(self, task: Task) -> None:
        self.case = replace(self.case, tasks=tuple(task if each.id == task.id else each for each in self.case.tasks))

    def task(self, custodian: str, operation: Operation) -> Task:
        return newest(self.case.tasks, operation)[CustodianId(custodian)]

    def hear(self, *answers: Said) -> Step:
        step = self.apply(hear(self.case, answers, at=self.at, policy=self.policy))
        assert step is not None
        return step

    def answer(
        self,
        custodian: str,
        operation: Operation,
        *claims: Claim,
        outcome: TaskOutcome | None = None,
        **classes: ClassResult | tuple[ClassResult, ...],
    ) -> Step:
        """The newest asking's newest issue is answered."""
        answer = an_answer(self.task(custodian, operation), says(**classes), outcome=outcome)
        assert self.case.expects(answer)
        return self.hear(said(answer, claims=claims))

    def answer_all(self, operation: Operation, *results: ClassResult) -> None:
        """Everybody who owes an answer to this operation gives the same, for each of their classes."""
        self.dispatch()
        for task in self.open_tasks():
            if task.operation is operation and task.issues:
                lines = [line for line in self.case.lines if line.custodian == task.custodian]
                classes = tuple(ClassAnswer(data_class=line.data_class, results=results) for line in lines)
                self.hear(said(an_answer(task, classes)))

    def open_tasks(self) -> list[Task]:
        return [task for task in self.case.tasks if task.is_open]

    def pass_time(self, by: timedelta = timedelta()) -> Step | None:
        self.at += by
        return self.apply(tick(self.case, heard=self.heard, stops=self.stops, at=self.at, policy=self.policy))

    def approve(self, staff: str) -> Step:
        signature = a_signature(staff, self.request, at=self.at)
        assert self.request.plan_hash is not None
        plan_hash = self.request.plan_hash
        assert genuine(signature, self.trust, environment="test", request=self.request.id, plan_hash=plan_hash)
        return self.do(lambda draft: erasing.approve(draft, signature), actor=staff)

    def approved(self) -> "Play":
        self.approve("A")
        self.approve("B")
        return self

    def withdraw(self) -> Step:
        return self.do(lambda draft: erasing.withdraw(draft, reason=WHY))

    def cancel(self) -> Step:
        return self.do(lambda draft: draft.note(Event.CANCELLED, outcome=Outcome.CANCELLED))


def _verify(draft: Draft) -> None:
    draft.note(Event.IDENTITY_CONFIRMED)
    draft.request = replace(draft.request, verified_by="verifier")
    search.begin(draft)


def _bearer(task: TaskId, no: int) -> bytes:
    return sha256(task.bytes + bytes([no])).digest()


def access(*members: Manifest, identifiers: tuple[Known, ...] | None = None, policy: Policy = POLICY) -> Play:
    """An access request whose search has begun, and whose commands are out."""
    return _begun(Kind.ACCESS, members, identifiers, policy)


def erasure(*members: Manifest, identifiers: tuple[Known, ...] | None = None, policy: Policy = POLICY) -> Play:
    """An erasure whose search has begun, and whose commands are out."""
    return _begun(Kind.ERASURE, members, identifiers, policy)


def _begun(kind: Kind, members: tuple[Manifest, ...], identifiers: tuple[Known, ...] | None, policy: Policy) -> Play:
    play = Play(a_case(*members, request=a_request(kind), identifiers=identifiers), policy=policy).open()
    play.dispatch()
    return play


def awaiting(*members: Manifest, policy: Policy = POLICY) -> Play:
    """An erasure that was previewed everywhere, with something found, and waits for two people."""
    play = erasure(*members, policy=policy)
    play.answer_all(Operation.PREVIEW, Found(count=3))
    assert play.state is State.AWAITING_APPROVAL
    return play


def erasing_now(*members: Manifest, policy: Policy = POLICY, dispatch: bool = True) -> Play:
    """An erasure past the point of no return."""
    play = awaiting(*members, policy=policy).approved()
    play.pass_time(policy.grace)
    assert play.state is State.ERASING
    if dispatch:
        play.dispatch()
    return play


def probing(*members: Manifest, policy: Policy = POLICY) -> Play:
    """An erasure that everybody has answered; the probes are out."""
    play = erasing_now(*members, policy=policy)
    play.answer_all(Operation.ERASE, erased(3))
    assert play.state is State.PROBING
    play.dispatch()
    return play


def watching(*members: Manifest, policy: Policy = POLICY) -> Play:
    """An erasure whose first probes found nothing."""
    play = probing(*members, policy=policy)
    play.answer_all(Operation.PROBE, Absent())
    return play


def erased(count: int, level: int = 1) -> Erased:
    return Erased(count=count, level=Level(level))


def answer_halts(play: Play) -> None:
    """Every halt that is ordered arrives before the erase."""
    play.dispatch()
    for task in play.open_tasks():
        if task.state is TaskState.HALT_REQUESTED:
            play.hear(said(an_answer(task, outcome=Halted())))
