"""How reports reach the store: built from what the custodians uploaded, encrypted piece by piece, durable when told."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Final

from pydantic import ValidationError

from contracts.ids import RequestId
from contracts.keys import kid_of
from contracts.parts import BrokenPart, SealedNotes
from contracts.sealing import Unsealable, seal
from orchestrator.flow.material import Material, Shredded
from orchestrator.report.archive import build, is_small
from orchestrator.report.given import PartGiven
from orchestrator.report.pieces import Measured, encrypt_pieces
from orchestrator.store.reports import Built, Job
from orchestrator.vault.blobs import Blob, BlobMissing, Blobs, part_name, report_name
from orchestrator.vault.kms import CannotUnwrap

UNREADABLE: Final = (BrokenPart, BlobMissing, CannotUnwrap, Unsealable, ValidationError, Shredded)
"""What is wrong with a report's input, not with our services: no second try would read it."""

Held = Mapping[str, bytes | None]
"""What lies in the store under a name, if anything does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A report that can be begun."""

    job: Job
    material: Material

    @property
    def small(self) -> bool:
        """Whether it is held in memory while others are built."""
        return is_small(self.material.given)

    @property
    def parts(self) -> list[str]:
        """The names of what it is made of."""
        return [_name(self.job.request, part) for part in self.material.given.parts]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A report, and those of its pieces that are not yet stored."""

    built: Built
    pieces: Sequence[Blob]


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """Builds reports: small ones with one visit to the store for all their parts, and one for all their pieces."""

    blobs: Blobs
    new_secret: Callable[[], bytes]

    async def build(self, ready: Sequence[Ready]) -> list[Built | str]:
        """Return each report, stored durably, or the class of the error if its input cannot be read."""
        names = [name for each in ready if each.small for name in each.parts]
        held = dict(zip(names, await self._found(names), strict=True))
        made = [await self._tried(each, held) for each in ready]
        await self._put([piece for each in made if isinstance(each, _Made) for piece in each.pieces])
        return [each.built if isinstance(each, _Made) else each for each in made]

    async def _tried(self, ready: Ready, held: Held) -> _Made | str:
        try:
            return await self._made(ready, held)
        except UNREADABLE as error:
            return type(error).__name__

    async def _made(self, ready: Ready, held: Held) -> _Made:
        job, material, key = ready.job, ready.material, self.new_secret()
        fetch = partial(self._part, held, job.request)
        archive = Measured(
            build(material.given, identifiers=material.identifiers, fetch=fetch, keys=material.content_keys)
        )
        kept, count = [], 0
        async for piece in encrypt_pieces(key, aiter(archive), request=job.request):
            name = report_name(job.request, job.n, key, piece.n)
            blob = Blob(name=name, data=piece.ciphertext, digest=sha256(piece.ciphertext).hexdigest())
            if ready.small:
                kept.append(blob)
            else:
                await self._put([blob])
            count += 1
        built = Built(
            n=job.n,
            digest=archive.digest,
            size=archive.size,
            parts=count,
            sealed_key=_sealed(key, material.reply_public, job.request),
        )
        return _Made(built=built, pieces=kept)

    async def _part(self, held: Held, request: RequestId, part: PartGiven) -> bytes:
        name = _name(request, part)
        if name not in held:
            return await self.blobs.get(name)
        found = held[name]
        if found is None:
            raise BlobMissing(name)
        return found

    async def _found(self, names: Sequence[str]) -> list[bytes | None]:
        return await self.blobs.get_many(names) if names else []

    async def _put(self, pieces: Sequence[Blob]) -> None:
        stored = await self.blobs.put_many(pieces) if pieces else []
        for result in stored:
            if isinstance(result, Exception):
                raise result


def _sealed(key: bytes, public: bytes, request: RequestId) -> str:
    notes = SealedNotes(content_key=b64encode(key).decode())
    return seal(notes.to_bytes(), to=public, kid=kid_of(public), apv=str(request))


def _name(request: RequestId, part: PartGiven) -> str:
    return part_name(request, part.task, part.issue_no, part.n)
