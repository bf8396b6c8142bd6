"""The rules of the ledger, and what keeps it must promise. A row decides; whoever stores rows only reads and writes.

accepted → planned → done, or ended by a halt or a drift before anything was touched. Between two rows of one task
nothing but these functions decides, and each is one compare-and-set of the store.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Final, NamedTuple, Protocol, assert_never

from contracts.command import Operation
from contracts.envelope import Draft
from contracts.ids import DataClass, TaskId
from contracts.keys import CLOCK_TOLERANCE_S
from contracts.results import Failed, Halted, TaskOutcome
from contracts.topics import Channel
from contracts.wire import Count, Wire
from custodians.runner.orders import Order
from custodians.runner.tally import Counted, Tally
from custodians.sdk import Holding

HALTED_MIDWAY: Final = Failed(retryable=False, error="HaltedMidway")
"""A halt met an erasure that had failed half way. It will not go on, but "halted" would claim that it never began."""


class State(StrEnum):
    """How far a task has come."""

    ACCEPTED = "accepted"  # durable; nothing touched
    PLANNED = "planned"  # the work list stands: past the point of no return
    DONE = "done"  # erased; the answer is remembered for ever
    ENDED = "ended"  # will never run: halted or drifted


class Stored(Wire):
    """An answer as it will be signed when it leaves. It is sent in these bytes, however often."""

    task_id: TaskId
    digest: str  # of the command that it answers
    issue_no: int
    key: str
    value: str
    headers: tuple[tuple[str, str], ...]

    def draft(self, environment: str) -> Draft:
        return Draft(
            environment=environment,
            channel=Channel.ANSWERS,
            key=self.key.encode(),
            value=self.value.encode(),
            headers=tuple((name, content.encode()) for name, content in self.headers),
        )


def stored(order: Order, draft: Draft) -> Stored:
    return Stored(
        task_id=order.task_id,
        digest=order.digest,
        issue_no=order.issue_no,
        key=draft.key.decode(),
        value=draft.value.decode(),
        headers=tuple((name, content.decode()) for name, content in draft.headers),
    )


class Row(Wire):
    """All that is remembered of one task, its work list apart."""

    task_id: TaskId
    operation: Operation
    state: State = State.ACCEPTED
    order: Order | None = None  # the newest issue; none if only a halt was ever seen
    answered: int = 0  # the highest issue answered: neither it nor an older one runs
    plan_hash: str | None = None
    outcome: TaskOutcome | None = None  # why it ended
    owed: Order | None = None  # what still has to be told that it ended
    tally: Mapping[DataClass, Counted] | None = None
    pages: Count = 0
    erased_pages: Count = 0
    answer: Stored | None = None
    unsent: bool = False

    @property
    def due(self) -> bool:
        """Whether an issue waits to be run."""
        is_open = self.state in (State.ACCEPTED, State.PLANNED)
        return is_open and self.order is not None and self.order.issue_no > self.answered


class Verdict(StrEnum):
    """What to do about an order."""

    RUN = auto()
    RESEND = auto()  # the answer that is remembered
    TELL = auto()  # that the task has ended
    CONFLICT = auto()  # another plan or operation under a known id: refuse it
    NOTHING = auto()  # known, older than what was answered, or too late


class Start(StrEnum):
    """What became of the attempt to pass the point of no return."""

    STARTED = auto()
    HALTED = auto()
    EXPIRED = auto()


class Ending(StrEnum):
    """What an answer means for its row."""

    OPEN = auto()  # not remembered: a new issue runs again
    DONE = auto()
    ENDED = auto()


class Decided(NamedTuple):
    row: Row
    verdict: Verdict


def accept(row: Row | None, order: Order) -> Decided:
    """Take up an order, or say why not. The same order twice changes nothing."""
    if row is not None and row.answer is not None and row.answer.digest == order.digest:
        return Decided(_set(row, unsent=True), Verdict.RESEND)
    if order.operation is Operation.HALT:
        return _halt(row or Row(task_id=order.task_id, operation=Operation.ERASE), order)
    if row is None:
        hash_ = order.command.plan_hash
        fresh = Row(task_id=order.task_id, operation=order.operation, order=order, plan_hash=hash_)
        return Decided(fresh, Verdict.RUN)
    if row.operation is not order.operation or row.plan_hash not in (None, order.command.plan_hash):
        return Decided(row, Verdict.CONFLICT)
    return _again(row, order)


def _again(row: Row, order: Order) -> Decided:
    match row.state:
        case State.DONE:
            return Decided(_set(row, unsent=True), Verdict.RESEND)
        case _ if order.issue_no <= max(row.answered, row.order.issue_no if row.order else 0):
            return Decided(row, Verdict.NOTHING)
        case State.ENDED:
            return Decided(_set(row, owed=order), Verdict.TELL)
        case State.ACCEPTED | State.PLANNED:
            return Decided(_set(row, order=order), Verdict.RUN)
        case _:
            assert_never(row.state)


def _halt(row: Row, order: Order) -> Decided:
    """Stop what has not started; what has started answers for itself."""
    match row.state:
        case State.ACCEPTED:
            return Decided(_set(row, state=State.ENDED, outcome=Halted(), owed=order), Verdict.TELL)
        case State.ENDED:
            return Decided(_set(row, owed=order), Verdict.TELL)
        case State.PLANNED if not row.due:
            return Decided(_set(row, state=State.ENDED, outcome=HALTED_MIDWAY, owed=order), Verdict.TELL)
        case State.PLANNED:
            return Decided(row, Verdict.NOTHING)
        case State.DONE:
            return Decided(_set(row, unsent=True), Verdict.RESEND)
        case _:
            assert_never(row.state)


class Planned(NamedTuple):
    row: Row
    start: Start


def plan(row: Row, order: Order, tally: Tally, pages: int, now: int) -> Planned:
    """Pass the point of no return, unless a halt or the expiry of *order* came first."""
    match row.state:
        case State.PLANNED:
            return Planned(row, Start.STARTED)
        case State.DONE | State.ENDED:
            return Planned(row, Start.HALTED)
        case State.ACCEPTED if is_expired(order, now):
            return Planned(row, Start.EXPIRED)
        case State.ACCEPTED:
            return Planned(_set(row, state=State.PLANNED, tally=dict(tally), pages=pages), Start.STARTED)
        case _:
            assert_never(row.state)


def finish(row: Row, order: Order, ending: Ending, outcome: TaskOutcome | None, answer: Stored) -> Row | None:
    """Remember the answer to *order*; None if the task was ended or answered meanwhile, and this must not be sent."""
    match ending:
        case Ending.DONE if row.state is State.PLANNED:
            changed = _set(row, state=State.DONE)
        case Ending.ENDED if row.state is State.ACCEPTED:
            newer = row.order if row.order is not None and row.order.issue_no > order.issue_no else None
            changed = _set(row, state=State.ENDED, outcome=outcome, owed=newer)
        case Ending.OPEN if row.state in (State.ACCEPTED, State.PLANNED) and order.issue_no > row.answered:
            changed = row
        case _:
            return None
    return _set(changed, answered=max(row.answered, order.issue_no), answer=answer, unsent=True)


def tell(row: Row, order: Order, answer: Stored) -> Row | None:
    """Remember that *order* was told how the task ended; None if a newer one is owed it by now."""
    if row.owed is None or row.owed.digest != order.digest:
        return None
    return _set(row, owed=None, answered=max(row.answered, order.issue_no), answer=answer, unsent=True)


def is_expired(order: Order, now: int) -> bool:
    return now > order.command.exp + CLOCK_TOLERANCE_S


def _set(row: Row, **changed: object) -> Row:
    return row.model_copy(update=changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """An order that must be told how its task ended."""

    order: Order
    outcome: TaskOutcome


class Ledger(Protocol):
    """Keeps rows and work lists. Each method is one transaction, durable when it returns; calls may come at once."""

    async def accept(self, orders: Sequence[Order], now: int) -> list[Verdict]:
        """Accept a batch, in its order. Only after this may the batch be committed on the bus."""

    async def row(self, task: TaskId) -> Row | None: ...

    async def due(self, operation: Operation, limit: int) -> list[Order]:
        """The oldest orders that wait to be run."""

    async def owed(self) -> list[Owed]: ...

    async def spool(self, task: TaskId, n: int, holdings: Sequence[Holding]) -> None:
        """Write page *n* of a work list, encrypted. Page 0 drops what an earlier attempt left behind.

        Ignored once the task is planned: its list is written once.
        """

    async def plan(self, order: Order, tally: Tally, pages: int, now: int) -> Planned:
        """Pass the point of no return, or say what came first; with the row as it is now."""

    async def page(self, task: TaskId, n: int) -> list[Holding]: ...

    async def page_erased(self, task: TaskId, n: int) -> None: ...

    async def finish(self, order: Order, ending: Ending, outcome: TaskOutcome | None, answer: Stored) -> bool:
        """Store an answer before it is sent; False if it must not be."""

    async def tell(self, order: Order, answer: Stored) -> bool: ...

    async def unsent(self, limit: int) -> list[Stored]: ...

    async def sent(self, answers: Sequence[Stored]) -> None: ...

    async def oldest_open(self) -> int | None:
        """When the oldest task that is still open was accepted."""

    async def forget(self, before: int) -> int:
        """Drop closed rows that nothing has touched since *before*: the bus has long forgotten their commands."""
