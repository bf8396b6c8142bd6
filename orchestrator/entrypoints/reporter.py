"""The reporter: a wanted report is built from its frozen input, encrypted piece by piece, and offered."""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from pydantic import ValidationError

from contracts.ids import RequestId
from contracts.keys import kid_of
from contracts.parts import PART_BYTES, TAG_BYTES, BrokenPart, SealedNotes
from contracts.sealing import Unsealable, seal
from orchestrator.domain.case import Policy
from orchestrator.flow import reports
from orchestrator.flow.material import Gathered, Material, Shredded, gather, opened
from orchestrator.report.archive import build
from orchestrator.report.given import PartGiven
from orchestrator.report.pieces import Measured, encrypt_pieces
from orchestrator.store.reports import Built, Job, take
from orchestrator.store.session import Transactions
from orchestrator.vault.blobs import AnotherBlob, BlobMissing, Blobs, part_name, report_name
from orchestrator.vault.kms import CannotUnwrap, Kms

log = structlog.get_logger()

UNREADABLE: Final = (BrokenPart, BlobMissing, CannotUnwrap, Unsealable, ValidationError, Shredded)
"""What is wrong with a report's input, not with our services: no second try would read it."""

MOST: Final = 50
"""Reports in one turn: what is built when the reporter dies is built again."""
AT_ONCE_BYTES: Final = 4 * 1024 * 1024
"""What the parts of a turn's reports weigh together; a larger report has a turn of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Builds one report after the other. Dying lets go of the jobs, and the next try starts from the beginning."""

    transaction: Transactions
    policy: Policy
    link_kms: Kms
    reply_kms: Kms
    blobs: Blobs
    controller: str
    new_secret: Callable[[], bytes]

    async def once(self) -> int:
        """Build the reports that have waited longest, several small ones in a turn; return 0 if none waits."""
        finished: dict[RequestId, Built] = {}
        async with self.transaction() as tx:
            jobs = _one_each(await take(tx, most=MOST))
            async for job, came_of_it in self._outcomes(jobs):
                if isinstance(came_of_it, Built):
                    finished[job.request] = came_of_it
                else:
                    await reports.failed(tx, job, came_of_it, policy=self.policy)
            await reports.built(tx, finished, policy=self.policy)
        for request, report in finished.items():
            log.info("report.built", request=str(request), n=report.n, size=report.size)
        return len(jobs)

    async def _outcomes(self, jobs: Sequence[Job]) -> AsyncIterator[tuple[Job, Built | str]]:
        """Each finished report, or the class of the error that it failed with; a large one only at the beginning."""
        left = AT_ONCE_BYTES
        for gathered in await self._gathered(jobs):
            job = gathered.job
            try:
                material = await opened(gathered, controller=self.controller, link=self.link_kms, reply=self.reply_kms)
                if material.size > left and left < AT_ONCE_BYTES:
                    return  # it comes first in the next turn, and holds up none of these
                left -= material.size
                yield job, await self._built(job, material)
            except UNREADABLE as error:
                log.error("report.failed", request=str(job.request), n=job.n, error=type(error).__name__)
                yield job, type(error).__name__

    async def _gathered(self, jobs: Sequence[Job]) -> list[Gathered]:
        if not jobs:
            return []
        async with self.transaction() as tx:  # of its own: requests must not be locked for as long as a build takes
            return await gather(tx, jobs)

    async def _built(self, job: Job, material: Material) -> Built:
        try:
            return await self._build(job, material)
        except AnotherBlob:  # a try that was cut off left something, under a key that is gone
            await self.blobs.delete_report(job.request, job.n)
            return await self._build(job, material)

    async def _build(self, job: Job, material: Material) -> Built:
        key = self.new_secret()
        archive = Measured(
            build(
                material.given,
                identifiers=material.identifiers,
                fetch=lambda part: self._fetch(job.request, part),
                keys=material.content_keys,
            )
        )
        count = 0
        async for piece in encrypt_pieces(key, aiter(archive), request=job.request):
            name = report_name(job.request, job.n, piece.n)
            await self.blobs.put_stream(name, _once(piece.ciphertext), limit=PART_BYTES + TAG_BYTES)
            count += 1
        notes = SealedNotes(content_key=b64encode(key).decode())
        public = material.reply_public
        return Built(
            n=job.n,
            digest=archive.digest,
            size=archive.size,
            parts=count,
            sealed_key=seal(notes.to_bytes(), to=public, kid=kid_of(public), apv=str(job.request)),
        )

    def _fetch(self, request: RequestId, part: PartGiven) -> AsyncIterator[bytes]:
        return self.blobs.read(part_name(request, part.task, part.issue_no, part.n))


def _one_each(jobs: Sequence[Job]) -> list[Job]:
    """The oldest job of each request: another version of its report has a turn of its own."""
    first: dict[RequestId, Job] = {}
    for job in jobs:
        first.setdefault(job.request, job)
    return list(first.values())


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
