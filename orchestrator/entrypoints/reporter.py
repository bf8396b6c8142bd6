"""The reporter: a wanted report is built from its frozen input, encrypted piece by piece, and offered."""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable
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
from orchestrator.flow.material import Material, Shredded, gather
from orchestrator.report.archive import build
from orchestrator.report.given import PartGiven
from orchestrator.report.pieces import Measured, encrypt_pieces
from orchestrator.store.reports import Built, Job, take
from orchestrator.store.session import Transactions
from orchestrator.vault.blobs import BlobMissing, Blobs, part_name, report_name
from orchestrator.vault.kms import CannotUnwrap, Kms

log = structlog.get_logger()

UNREADABLE: Final = (BrokenPart, BlobMissing, CannotUnwrap, Unsealable, ValidationError, Shredded)
"""What is wrong with a report's input, not with our services: no second try would read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Builds one report at a time. Dying half-way lets go of the job, and the next try starts from the beginning."""

    transaction: Transactions
    policy: Policy
    link_kms: Kms
    reply_kms: Kms
    blobs: Blobs
    controller: str
    new_secret: Callable[[], bytes]

    async def once(self) -> int:
        """Build the report that has waited longest; return 0 if none waits."""
        async with self.transaction() as tx:
            job = await take(tx)
            if job is None:
                return 0
            try:
                report = await self._build(job, await self._material(job))
            except UNREADABLE as error:
                log.error("report.failed", request=str(job.request), n=job.n, error=type(error).__name__)
                await reports.failed(tx, job, type(error).__name__, policy=self.policy)
                return 1
            await reports.built(tx, job.request, report, policy=self.policy)
        log.info("report.built", request=str(job.request), n=job.n, size=report.size)
        return 1

    async def _material(self, job: Job) -> Material:
        async with self.transaction() as tx:  # of its own: the request must not be locked for as long as a build takes
            return await gather(tx, job, controller=self.controller, link=self.link_kms, reply=self.reply_kms)

    async def _build(self, job: Job, material: Material) -> Built:
        await self.blobs.delete_report(job.request, job.n)
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


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
