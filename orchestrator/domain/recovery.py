"""After a restored backup: what becomes of a request that fell back, and what a log kept outside still knows of it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from contracts.answer import Answer
from contracts.command import Operation
from contracts.framing import framed
from contracts.ids import CustodianId, EventId
from contracts.keys import CLOCK_TOLERANCE_S
from orchestrator.domain import erasing, plan, search
from orchestrator.domain.case import Case, Policy, Step
from orchestrator.domain.draft import Draft
from orchestrator.domain.events import Entry, Event
from orchestrator.domain.hearing import lost_facts
from orchestrator.domain.request import Blocked, Outcome, State
from orchestrator.domain.task import EXPIRIES, TaskState, newest

BY: Final = "recovery"
"""Who the log names: whoever owns the database did it, at a time when nobody could log in."""

FORGOTTEN: Final = "forgotten by a restored backup"
"""Why an open task ended: its id may have been used for more than the tables know, and is never used again."""

OVER: Final = frozenset({State.CLOSED, State.SHREDDED})
LOST_ANSWERS_FOR: Final = timedelta(days=8)
"""How long after a restore an answer to a task that nobody knows is taken for a forgotten one's: as long as the topics
keep commands, and a day. Later it is a stranger's again."""

ERASE_MAY_RUN_FOR: Final = EXPIRIES[Operation.ERASE] + timedelta(seconds=CLOCK_TOLERANCE_S + 1)
"""For how long an erase that left before the restore may still be begun: its life, the clocks' tolerance, and the rest
of the second that this ends in, as a custodian counts whole seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What a log kept outside the database tells of one request beyond what the tables know."""

    version: int  # the newest that it knows
    state: State | None = None  # where it was last seen, if it moved
    outcome: Outcome | None = None
    withdrawn: bool = False

    @property
    def ended(self) -> Outcome | None:
        """How it was closed, if it was."""
        return self.outcome if self.state in OVER else None


def take_up(case: Case, outside: Outside | None, *, restored: int, at: datetime, policy: Policy) -> Step:
    """Let go of all that the request did under an older generation, apply what *outside* knows, and go on from there.

    *restored* is the version that the backup held; the case's own version is beyond all that anybody has seen.
    """
    draft = Draft(case, at=at, policy=policy, actor=BY)
    draft.note(
        Event.RESTORED,
        facts={"state": case.request.state, "outcome": case.request.outcome, "version": restored},
    )
    if draft.request.state not in OVER:
        asked = _let_go(draft)
        draft.void_approval()
        _take_up(draft, outside, asked)
    return draft.step()


def _let_go(draft: Draft) -> frozenset[CustodianId]:
    """End every open task, and return who was owing something."""
    left = [task for task in draft.tasks if task.is_open]
    for task in left:
        draft.put(replace(task.to(TaskState.FAILED, at=draft.at), error=FORGOTTEN))
    return frozenset(task.custodian for task in left)


def _take_up(draft: Draft, outside: Outside | None, asked: frozenset[CustodianId]) -> None:
    if outside is not None and outside.ended is not None:
        draft.note(Event.CLOSED_AGAIN, outcome=outside.ended)
    elif outside is not None and outside.withdrawn:
        _withdraw(draft)
    else:
        _go_on(draft, asked)


def _withdraw(draft: Draft) -> None:
    """The person took it back after the backup. What was erased by then stays erased, and is answered as a fact."""
    match draft.request.state:
        case State.ERASING:
            draft.note(Event.WITHDRAWN)
            draft.request = replace(draft.request, withdrawn=True, wake_at=None)
            erasing.advance(draft)
        case State.PROBING | State.WATCHING:  # nothing is asked of anybody but whether it is gone
            draft.request = replace(draft.request, withdrawn=True)
        case _:
            draft.note(Event.WITHDRAWN, outcome=Outcome.WITHDRAWN)


def _go_on(draft: Draft, asked: frozenset[CustodianId]) -> None:
    """Ask anew, under ids of this generation; whatever was approved must be approved again."""
    match draft.request.state:
        case State.SEARCHING if asked:
            _search_again(draft, plan.find_operation(draft.request.kind), asked)
        case State.AWAITING_APPROVAL | State.GRACE:
            search.ask_for_approval(draft, Event.APPROVAL_VOIDED)
            _search_again(draft, Operation.PREVIEW, _unfinished(draft))
        case State.ERASING:
            erasing.end_approval(draft, Event.APPROVAL_VOIDED)
        case State.PROBING | State.WATCHING if asked:
            erasing.probe(draft)
        case _:
            pass  # it waits for a person of ours, for the reporter, or for a day that the clock knows


def _search_again(draft: Draft, operation: Operation, custodians: frozenset[CustodianId]) -> None:
    following = draft.request.search_round + 1
    draft.request = replace(draft.request, search_round=following)
    if draft.request.blocked_by is not Blocked.IDENTIFIERS:
        draft.block(None)
    draft.plan_tasks(operation, following, custodians)


def _unfinished(draft: Draft) -> frozenset[CustodianId]:
    """Who was previewed and has not erased: approvers see what lies there now, not what lay there at the backup."""
    done = {each.custodian for each in newest(draft.tasks, Operation.ERASE).values() if each.state is TaskState.DONE}
    return frozenset(newest(draft.tasks, Operation.PREVIEW)) - done


def is_forgotten(case: Case | None, answer: Answer, *, at: datetime, policy: Policy) -> bool:
    """Whether *answer* may be to a command that left between the backup and its restore: nobody here remembers it.

    Its signature is the custodian's own; what it says happened there.
    """
    if policy.recovered_at is None or at >= policy.recovered_at + LOST_ANSWERS_FOR:
        return False
    task = case.task(answer.task_id) if case else None
    return task is None or (task.custodian == answer.custodian and task.issue(answer.issue_no) is None)


def lost_entry(answer: Answer, digest: str, *, at: datetime) -> Entry:
    """What the log keeps of an answer whose request the tables do not know either. The same answer, the same id."""
    derived = bytearray(sha256(b"dsar-lost-answer-v1" + framed(answer.task_id.bytes, digest.encode())).digest()[:16])
    derived[6] = (derived[6] & 0x0F) | 0x80  # UUID version 8: RFC 9562, section 5.8
    derived[8] = (derived[8] & 0x3F) | 0x80
    return Entry(
        id=EventId(UUID(bytes=bytes(derived))),
        event=Event.ANSWER_OF_LOST_TASK,
        at=at,
        actor=answer.custodian,
        custodian=answer.custodian,
        facts={"request": str(answer.request_id), **lost_facts(answer, digest)},
    )
