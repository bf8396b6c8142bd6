"""A case while facts are worked into it: changes gather here, and leave as one step."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from contracts.command import Operation
from contracts.ids import CustodianId, TaskId, task_id
from orchestrator.domain.admission import Known, Standing
from orchestrator.domain.approval import Approval
from orchestrator.domain.case import Case, Intent, Policy, Step
from orchestrator.domain.events import FACTS, SYSTEM, Detail, Entry, Event, Fact, Facts, event_id
from orchestrator.domain.guards import may_issue
from orchestrator.domain.plan import Line
from orchestrator.domain.request import Blocked, Outcome, State
from orchestrator.domain.task import Issue, Task, TaskState, newest


class Draft:
    """The only mutable thing of the domain. Lives within one call; `note` is the only way to move the request."""

    def __init__(self, case: Case, *, at: datetime, policy: Policy, actor: str = SYSTEM) -> None:
        self.case, self.at, self.policy, self.actor = case, at, policy, actor
        self.request = case.request
        self.members = case.members
        self.approval = case.approval
        self._tasks = {task.id: task for task in case.tasks}
        self._lines = {(line.custodian, line.data_class): line for line in case.lines}
        self._known = {known.n: known for known in case.identifiers}
        self._changed_tasks: dict[TaskId, Task] = {}
        self._changed_lines: dict[tuple[str, str], Line] = {}
        self._changed_known: dict[int, Known] = {}
        self._issues: list[Issue] = []
        self._entries: list[Entry] = []
        self._intents: list[Intent] = []

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All tasks, as they stand now."""
        return tuple(self._tasks.values())

    @property
    def lines(self) -> tuple[Line, ...]:
        """The plan, as it stands now."""
        return tuple(self._lines.values())

    @property
    def known(self) -> tuple[Known, ...]:
        """All identifiers, as they stand now."""
        return tuple(self._known.values())

    @property
    def admitted(self) -> tuple[Known, ...]:
        """The identifiers that may be used."""
        return tuple(each for each in self.known if each.standing is Standing.ADMITTED)

    def ended(self, operation: Operation) -> bool:
        """Whether a task of this operation came to an end within this draft."""
        return any(each.operation is operation and not each.is_open for each in self._changed_tasks.values())

    def lines_of(self, custodian: CustodianId) -> tuple[Line, ...]:
        """The plan's lines of one custodian."""
        return tuple(line for line in self.lines if line.custodian == custodian)

    def note(
        self,
        event: Event,
        *,
        custodian: CustodianId | None = None,
        outcome: Outcome | None = None,
        detail: Detail | None = None,
        facts: Facts | None = None,
    ) -> None:
        """Record that *event* happened: it moves the request by its table, and is one entry of the log."""
        before = self.request
        blocked_by = before.blocked_by if event in FACTS else None
        self.request = replace(before.on(event, outcome=outcome), blocked_by=blocked_by)
        told: dict[str, Fact] = dict(facts or {})
        if self.request.state is not before.state:
            told["state"] = self.request.state
            self._rest()
        if outcome is not None:
            told["outcome"] = outcome
        entry = Entry(
            id=event_id(before.id, self.request.version),
            event=event,
            at=self.at,
            actor=custodian or self.actor,
            request=before.id,
            version=self.request.version,
            custodian=custodian,
            facts=told,
            causes=(event_id(before.id, before.version),) if before.version else (),
            detail=detail,
        )
        self._entries.append(entry)

    def block(self, reason: Blocked | None) -> None:
        """Say that the request waits for a person of ours, or (None) no longer does."""
        self.request = replace(self.request, blocked_by=reason)

    def _rest(self) -> None:
        """Let go of alarms that mean nothing in this state: the clock would find them due for ever."""
        if self.request.state is State.CLOSED:
            self.request = replace(self.request, wake_at=None)
        for task in self.tasks:
            if task.wake_at is not None and not may_issue(self.request, task.operation):
                self.put(replace(task, wake_at=None))

    def put(self, task: Task) -> None:
        """Keep *task* as it now is."""
        self._tasks[task.id] = self._changed_tasks[task.id] = task

    def put_line(self, line: Line) -> None:
        """Keep *line* as it now is."""
        key = (line.custodian, line.data_class)
        self._lines[key] = self._changed_lines[key] = line

    def put_known(self, identifiers: Iterable[Known]) -> None:
        """Keep *identifiers* as they now are."""
        for each in identifiers:
            self._known[each.n] = self._changed_known[each.n] = each

    def put_issue(self, issue: Issue) -> None:
        """Add an issue to its task."""
        self._issues.append(issue)
        task = self._tasks[issue.task]
        self.put(replace(task, issues=(*task.issues, issue)))

    def put_approval(self, approval: Approval) -> None:
        """Keep *approval* as it now is."""
        self.approval = approval

    def void_approval(self) -> None:
        """End the approval, if there is one, whatever it is worth."""
        if self.approval is not None:
            self.approval = replace(self.approval, void=True)

    def plan_tasks(self, operation: Operation, round_: int, custodians: Iterable[CustodianId]) -> None:
        """Ask *custodians* for *operation*: new tasks, one intent. What they were asked before is superseded."""
        earlier = newest(self.tasks, operation)
        planned = [self._task(operation, round_, custodian) for custodian in sorted(custodians)]
        for task in planned:
            before = earlier.get(task.custodian)
            if before is not None and before.state is TaskState.DONE:
                self.put(before.to(TaskState.SUPERSEDED, at=self.at))
            self.put(task)
        if planned:
            self.intend(operation, round_, [task.id for task in planned])

    def _task(self, operation: Operation, round_: int, custodian: CustodianId) -> Task:
        derived = task_id(
            environment=self.policy.environment,
            generation=self.policy.generation,
            request=self.request.id,
            custodian=custodian,
            operation=operation,
            round_=round_,
        )
        asking = self.request.asking if operation is Operation.ERASE else None
        return Task(
            id=derived,
            request=self.request.id,
            custodian=custodian,
            operation=operation,
            round=round_,
            asking=asking,
            since=self.at,
        )

    def intend(self, operation: Operation, round_: int, tasks: Iterable[TaskId]) -> None:
        """Leave word for the dispatcher."""
        intent = Intent(
            request=self.request.id, operation=operation, round=round_, tasks=tuple(tasks), due=self.request.due
        )
        self._intents.append(intent)

    def step(self) -> Step:
        """All that changed."""
        return Step(
            request=self.request,
            was=self.case.request.version,
            entries=tuple(self._entries),
            tasks=tuple(self._changed_tasks.values()),
            issues=tuple(self._issues),
            lines=tuple(self._changed_lines.values()),
            identifiers=tuple(self._changed_known.values()),
            intents=tuple(self._intents),
            approval=self.approval if self.approval != self.case.approval else None,
        )
