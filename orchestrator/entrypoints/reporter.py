"""The reporter: a wanted report is built from its frozen input, encrypted piece by piece, and offered."""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import structlog

from contracts.ids import RequestId
from contracts.keys import kid_of
from contracts.parts import PART_BYTES, TAG_BYTES, SealedNotes
from contracts.sealing import seal
from orchestrator.domain.case import Policy
from orchestrator.flow import reports
from orchestrator.flow.material import Material, gather
from orchestrator.report.archive import build
from orchestrator.report.given import PartGiven
from orchestrator.report.pieces import Measured, encrypt_pieces
from orchestrator.store.reports import Built, Job, take
from orchestrator.store.session import Transactions
from orchestrator.vault.blobs import Blobs, part_name, report_name
from orchestrator.vault.kms import Kms

log = structlog.get_logger()


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
            async with self.transaction() as short:  # the request's lock must not be held for as long as a build takes
                material = await gather(
                    short, job, controller=self.controller, link=self.link_kms, reply=self.reply_kms
                )
            report = await self._build(job, material)
            await reports.built(tx, job.request, report, policy=self.policy)
        log.info("report.built", request=str(job.request), n=job.n, size=report.size)
        return 1

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
