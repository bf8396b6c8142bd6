"""The inbox: a batch of records opened, and accepted durably before the bus may forget it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from contracts.bus.letters import DeadLetters
from contracts.command import Command
from contracts.door import Door, Opened, Rejected, open_envelopes
from contracts.envelope import Record
from contracts.ids import CustodianId
from contracts.keys import SealingKey
from contracts.results import Rejected as NotTaken
from contracts.results import Rejection
from contracts.slices import SliceRefused, UnknownSealingKey
from custodians.runner.ledger import Ledger, Verdict
from custodians.runner.orders import Job, Order, job_of, order_of
from custodians.runner.reply import Replies
from custodians.runner.work import Conclusion
from custodians.runner.worker import Worker

log = structlog.get_logger()


@dataclass(slots=True)
class _Slices:
    jobs: list[Job] = field(default_factory=list)
    strange: list[Rejected] = field(default_factory=list)
    to_unknown_keys: list[Order] = field(default_factory=list)


class Inbox:
    """What the bus calls with each batch. Seeing a record again changes nothing."""

    def __init__(
        self,
        *,
        door: Door[Command],
        custodian: CustodianId,
        keys: Mapping[str, SealingKey],
        letters: DeadLetters,
        ledger: Ledger,
        replies: Replies,
        worker: Worker,
        clock: Callable[[], float],
    ) -> None:
        self._door = door
        self._custodian = custodian
        self._keys = keys
        self._letters = letters
        self._ledger = ledger
        self._replies = replies
        self._worker = worker
        self._clock = clock

    async def take(self, records: Sequence[Record]) -> None:
        """Dead-letter what is bad, accept what is good. Raises only if our own services fail."""
        now = int(self._clock())
        opened, rejected, skipped = open_envelopes(records, self._door, now)
        slices = self._open_slices(opened)
        await self._letters.forward([*rejected, *slices.strange])
        await self._replies.refuse(slices.to_unknown_keys, Conclusion(outcome=NotTaken(reason=Rejection.UNKNOWN_KEY)))
        await self._accept(slices.jobs, now)
        log.info(
            "inbox.taken",
            accepted=len(slices.jobs),
            refused=len(rejected) + len(slices.strange),
            expired=skipped.expired,
            unaddressed=skipped.unaddressed,
        )

    def _open_slices(self, opened: Sequence[Opened[Command]]) -> _Slices:
        slices = _Slices()
        for each in opened:
            try:
                slices.jobs.append(job_of(each, self._custodian, self._keys))
            except SliceRefused as refused:
                slices.strange.append(each.refused(refused.refusal))
            except UnknownSealingKey:
                slices.to_unknown_keys.append(order_of(each, self._custodian))
        return slices

    async def _accept(self, jobs: Sequence[Job], now: int) -> None:
        verdicts = await self._ledger.accept([job.order for job in jobs], now)
        by_verdict: dict[Verdict, list[Job]] = {verdict: [] for verdict in Verdict}
        for job, verdict in zip(jobs, verdicts, strict=True):
            by_verdict[verdict].append(job)
        # first of all: they are accepted, and when what follows fails, the batch that comes again finds nothing new
        self._worker.offer(by_verdict[Verdict.RUN])
        conflicts = [job.order for job in by_verdict[Verdict.CONFLICT]]
        for order in conflicts:
            log.error("inbox.conflict", task=str(order.task_id))
        await self._replies.refuse(conflicts, Conclusion(outcome=NotTaken(reason=Rejection.CONFLICT)))
        if by_verdict[Verdict.TELL]:
            await self._replies.tell_ends()
        if by_verdict[Verdict.RESEND]:
            self._replies.kick()
