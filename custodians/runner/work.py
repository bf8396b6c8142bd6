"""The work itself: one order carried out, and whatever happens to it put into an answer's words."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Final, TypeVar, assert_never

import structlog

from contracts.answer import ClassAnswer, PartRef
from contracts.command import Operation
from contracts.identifiers import Identifier
from contracts.ids import DataClass
from contracts.manifest import Manifest
from contracts.parts import CONTENT_KEY_BYTES
from contracts.results import Drifted, Rejected, Rejection, TaskOutcome
from custodians.runner import guarding, tally
from custodians.runner.attempt import Running, within
from custodians.runner.failures import name_of, outcome_of, place_of
from custodians.runner.ledger import Ending, Ledger, Row, Start, State, is_expired
from custodians.runner.orders import Job
from custodians.runner.packing import packed
from custodians.runner.tally import Counter, Tally
from custodians.runner.upload import Uploads, upload
from custodians.sdk import ClassHeld, Custodian, Erase, Holding

log = structlog.get_logger()

H = TypeVar("H", bound=Holding)

PAGE_KEYS: Final = 1_000
BREATH: Final = 256
"""Records after which the loop gets its turn: a custodian that never waits would hold up heartbeat and time limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What is to be said of an order, before it is sealed and signed."""

    outcome: TaskOutcome | None = None
    classes: tuple[ClassAnswer, ...] = ()
    parts: tuple[PartRef, ...] = ()
    content_key: bytes | None = field(default=None, repr=False)
    found: tuple[Identifier, ...] = field(default=(), repr=False)
    ending: Ending = Ending.OPEN


class Work:
    """Carries out orders for one custodian. Any number may run at once, but not two of the same task."""

    def __init__(
        self,
        custodian: Custodian,
        *,
        manifest: Manifest,
        held: Mapping[DataClass, ClassHeld],
        ledger: Ledger,
        uploads: Uploads,
        clock: Callable[[], float],
        secret: Callable[[int], bytes],
    ) -> None:
        self._custodian = custodian
        self._manifest = manifest
        self._held = held
        self._ledger = ledger
        self._uploads = uploads
        self._clock = clock
        self._secret = secret
        self._limits = {each.operation: each.time_limit_s for each in manifest.operations}
        self._provided = frozenset(each.kind for each in manifest.provides)

    async def carry_out(self, job: Job, running: Running) -> Conclusion | None:
        """Do what the order asks. None if there is nothing to say: it was halted meanwhile, and told so."""
        limit = self._limit(job.order.operation)
        if limit is None:
            return Conclusion(classes=tally.unsupported(job.slice.classes))
        try:
            return self._whole(await within(limit, running, self._do(job, running)), job)
        except Exception as error:  # noqa: BLE001 -- the one place where a custodian's code may fail in any way
            log.warning("work.failed", task=str(running.task), error=name_of(error), place=place_of(error))
            row = await self._ledger.row(running.task)
            begun = row is not None and row.state is State.PLANNED
            return Conclusion(outcome=outcome_of(error, self._today(), begun=begun))

    def _limit(self, operation: Operation) -> int | None:
        """Return the seconds an operation may take; None for one that the custodian cannot do."""
        if operation is Operation.ERASE and type(self._custodian).erase is Custodian.erase:
            return None  # claimed, but never written
        return self._limits.get(operation)

    def _whole(self, conclusion: Conclusion | None, job: Job) -> Conclusion | None:
        """Say of a class that is no longer declared that nothing can be said: "not found" would be a claim."""
        strange = [name for name in job.slice.classes if name not in self._held]
        if not strange or conclusion is None or conclusion.outcome is not None:
            return conclusion
        known = tuple(each for each in conclusion.classes if each.data_class not in strange)
        return replace(conclusion, classes=known + tally.unsupported(strange))

    async def _do(self, job: Job, running: Running) -> Conclusion | None:
        operation = job.order.operation
        if operation is not Operation.ERASE and is_expired(job.order, self._now()):
            return Conclusion(outcome=Rejected(reason=Rejection.EXPIRED))
        match operation:
            case Operation.COLLECT:
                return await self._collect(job, running)
            case Operation.PREVIEW:
                found = await guarding.found(self._custodian, job.subject, self._provided)
                counts = await self._count(job, running)
                return Conclusion(classes=tally.previewed(job.slice.classes, counts), found=found)
            case Operation.PROBE:
                counts = await self._count(job, running)
                return Conclusion(classes=tally.probed(job.slice.classes, counts))
            case Operation.ERASE:
                return await self._erase(job, running)
            case Operation.HALT:
                return None  # the ledger has answered it
            case _:
                assert_never(operation)

    async def _collect(self, job: Job, running: Running) -> Conclusion:
        if job.slice.grant is None:
            return Conclusion(outcome=Rejected(reason=Rejection.UPLOAD))
        found = await guarding.found(self._custodian, job.subject, self._provided)
        counter, key = Counter(), self._secret(CONTENT_KEY_BYTES)
        async with guarding.records(self._custodian, job.subject, self._held) as records:
            parts = packed(_counted(records, job, counter, running))
            references = await upload(
                parts, self._uploads, job.slice.grant, task=running.task, issue_no=job.order.issue_no, key=key
            )
        return Conclusion(
            classes=tally.collected(job.slice.classes, counter.tally()),
            parts=references,
            content_key=key if references else None,
            found=found,
        )

    async def _count(self, job: Job, running: Running) -> Tally:
        counter = Counter()
        async with guarding.holdings(self._custodian, job.subject, self._held) as holdings:
            async for _ in _counted(holdings, job, counter, running):
                pass
        return counter.tally()

    async def _erase(self, job: Job, running: Running) -> Conclusion | None:
        row = await self._ledger.row(running.task)
        if row is not None and row.state is State.ACCEPTED:
            planned = await self._plan(job, running)
            if isinstance(planned, Conclusion):
                return planned
            row = planned
        if row is None or row.state is not State.PLANNED or row.tally is None:
            return None
        await self._erase_pages(row, running)
        return Conclusion(classes=self._said(job, row.tally), ending=Ending.DONE)

    async def _plan(self, job: Job, running: Running) -> Conclusion | Row:
        """Write the work list and pass the point of no return; a conclusion if that must not be."""
        expired = Conclusion(outcome=Rejected(reason=Rejection.EXPIRED))
        if is_expired(job.order, self._now()):
            return expired
        counts, pages = await self._spool(job, running)
        if tally.has_drifted(counts, job.slice.preview) and not is_expired(job.order, self._now()):
            return Conclusion(outcome=Drifted(), ending=Ending.ENDED)
        self._said(job, counts)  # what could not be said afterwards is not begun
        row, start = await self._ledger.plan(job.order, counts, pages, self._now())
        match start:
            case Start.EXPIRED:
                return expired
            case Start.STARTED | Start.HALTED:
                return row
            case never:
                assert_never(never)

    def _said(self, job: Job, counts: Tally) -> tuple[ClassAnswer, ...]:
        return tally.erased(job.slice.classes, counts, self._held, self._today())

    async def _spool(self, job: Job, running: Running) -> tuple[Tally, int]:
        counter, page, pages = Counter(), list[Holding](), 0
        async with guarding.holdings(self._custodian, job.subject, self._held) as holdings:
            async for holding in _counted(holdings, job, counter, running):
                if not isinstance(holding.fate, Erase):
                    continue
                page.append(holding)
                if len(page) == PAGE_KEYS:
                    await self._ledger.spool(running.task, pages, page)
                    page, pages = [], pages + 1
        if page:
            await self._ledger.spool(running.task, pages, page)
        return counter.tally(), pages + bool(page)

    async def _erase_pages(self, row: Row, running: Running) -> None:
        running.done, running.of = row.erased_pages, row.pages
        for n in range(row.erased_pages, row.pages):
            await self._custodian.erase(await self._ledger.page(row.task_id, n))
            running.go_on()
            await self._ledger.page_erased(row.task_id, n)
            running.done = n + 1

    def _now(self) -> int:
        return int(self._clock())

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock(), UTC).date()


async def _counted(holdings: AsyncIterator[H], job: Job, counter: Counter, running: Running) -> AsyncIterator[H]:
    """Pass on what was asked for, counted. Declared classes that were not asked for are none of our business now."""
    asked, seen = frozenset(job.slice.classes), 0
    async for each in holdings:
        running.go_on()
        seen += 1
        if seen % BREATH == 0:
            await asyncio.sleep(0)
        if each.data_class in asked:
            counter.add(each.data_class, each.fate)
            running.done += 1
            yield each
    running.go_on()
