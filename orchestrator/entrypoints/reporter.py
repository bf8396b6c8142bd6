"""The reporter: wanted reports are taken, built from their frozen input, and offered."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from contracts.ids import RequestId
from orchestrator.domain.case import Policy
from orchestrator.entrypoints.building import UNREADABLE, Builder, Ready
from orchestrator.flow import reports
from orchestrator.flow.material import Gathered, Material, gather, opened
from orchestrator.store.reports import Built, Job, take
from orchestrator.store.session import Transactions, kept
from orchestrator.vault.blobs import Blobs
from orchestrator.vault.kms import Kms

log = structlog.get_logger()

MOST: Final = 16
"""Reports in one turn: none is handed out before all of them are built, and what was built when the reporter dies is
built again."""
AT_ONCE_BYTES: Final = 4 * 1024 * 1024
"""What the parts of a turn's reports weigh together; a larger report has a turn of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Builds several reports in a turn. Dying lets go of the jobs, and the next try starts from the beginning."""

    transaction: Transactions
    policy: Policy
    link_kms: Kms
    reply_kms: Kms
    blobs: Blobs
    controller: str
    new_secret: Callable[[], bytes]

    async def once(self) -> int:
        """Build the reports that have waited longest, several small ones in a turn; return 0 if none waits."""
        async with self.transaction() as tx:
            jobs = _one_each(await take(tx, most=MOST))
            async with kept(tx):
                outcomes = await self._outcomes(jobs)
            await reports.ended(tx, outcomes, policy=self.policy)
        for job, came_of_it in outcomes:
            if isinstance(came_of_it, Built):
                log.info("report.built", request=str(job.request), n=job.n, size=came_of_it.size)
            else:
                log.error("report.failed", request=str(job.request), n=job.n, error=came_of_it)
        return len(jobs)

    async def _outcomes(self, jobs: Sequence[Job]) -> list[tuple[Job, Built | str]]:
        """Each finished report, or the class of the error that it failed with."""
        ready: list[Ready] = []
        unreadable: list[tuple[Job, Built | str]] = []
        async for job, material in self._opened(jobs):
            if isinstance(material, str):
                unreadable.append((job, material))
            else:
                ready.append(Ready(job=job, material=material))
        built = await Builder(blobs=self.blobs, new_secret=self.new_secret).build(ready)
        return [*unreadable, *((each.job, result) for each, result in zip(ready, built, strict=True))]

    async def _opened(self, jobs: Sequence[Job]) -> AsyncIterator[tuple[Job, Material | str]]:
        """What this turn's reports are made of, or why one is not; a large one comes only at the beginning."""
        left = AT_ONCE_BYTES
        for gathered in await self._gathered(jobs):
            try:
                material = await opened(gathered, controller=self.controller, link=self.link_kms, reply=self.reply_kms)
            except UNREADABLE as error:
                yield gathered.job, type(error).__name__
                continue
            if material.size > left and left < AT_ONCE_BYTES:
                return  # it comes first in the next turn, and holds up none of these
            left -= material.size
            yield gathered.job, material

    async def _gathered(self, jobs: Sequence[Job]) -> list[Gathered]:
        if not jobs:
            return []
        async with self.transaction() as tx:  # of its own: requests must not be locked for as long as a build takes
            return await gather(tx, jobs)


def _one_each(jobs: Sequence[Job]) -> list[Job]:
    """The oldest job of each request: another version of its report has a turn of its own."""
    first: dict[RequestId, Job] = {}
    for job in jobs:
        first.setdefault(job.request, job)
    return list(first.values())
