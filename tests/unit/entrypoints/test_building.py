"""Reports become blobs: small ones together, a large one piece by piece, and one that cannot be read alone."""

from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from itertools import count
from uuid import UUID

import pytest

from contracts.ids import RequestId
from contracts.keys import SealingKey
from contracts.parts import SealedNotes
from contracts.results import Found
from contracts.sealing import open_sealed
from orchestrator.entrypoints.building import Builder, Ready
from orchestrator.flow.material import Material
from orchestrator.report import archive
from orchestrator.report.pieces import decrypt_pieces
from orchestrator.store.reports import Built, FrozenInput, Job
from orchestrator.vault.blobs import Blob, Blobs, NotStored, Stored, part_name, report_name
from tests.unit.report.builders import Uploads, a_custodian, a_line, a_report, records

REPLY = SealingKey.generate(b"r" * 32)


class CountedBlobs(Blobs):
    """An object store in memory that notes each visit."""

    def __init__(self) -> None:
        super().__init__("memory:///")
        self.visits: list[tuple[str, int]] = []

    async def get_many(self, names: Sequence[str]) -> list[bytes | None]:
        self.visits.append(("get", len(names)))
        return await super().get_many(names)

    async def put_many(self, blobs: Sequence[Blob]) -> list[Stored | NotStored]:
        self.visits.append(("put", len(blobs)))
        return await super().put_many(blobs)


def a_builder(blobs: Blobs) -> Builder:
    secrets = count()
    return Builder(blobs=blobs, new_secret=lambda: sha256(b"%d" % next(secrets)).digest())


async def ready(blobs: Blobs, number: int, *, rows: int = 3, uploaded: bool = True) -> Ready:
    """A report of two parts, which lie in the store."""
    request, uploads = RequestId(UUID(int=number)), Uploads()
    lines = records("orders", ({"n": n} for n in range(rows)))
    uploads.add("shop", [("orders", lines[:1]), ("orders", lines[1:])])
    if uploaded:
        parts = [a_blob(part_name(request, task, 1, n), data) for (task, n), data in uploads.blobs.items()]
        await Blobs.put_many(blobs, parts)
    report = a_report(a_custodian("shop", a_line("orders", Found(count=rows))), parts=uploads.parts)
    return Ready(
        job=Job(request=request, n=1, frozen=FrozenInput(answers=()), wanted_at=report.built_at),
        material=Material(given=report, identifiers=(), content_keys=uploads.keys, reply_public=REPLY.public),
    )


def a_blob(name: str, data: bytes) -> Blob:
    return Blob(name=name, data=data, digest=sha256(data).hexdigest())


async def plain(blobs: Blobs, its: Ready, built: Built | str) -> bytes:
    """The ZIP, as its reader unpacks it."""
    assert isinstance(built, Built)
    request = its.job.request
    notes = SealedNotes.model_validate_json(open_sealed(built.sealed_key, key=REPLY, apv=str(request)))
    key = notes.key() or b""
    chunks = decrypt_pieces(key, _pieces(blobs, its, built, key), request=request)
    return b"".join([chunk async for chunk in chunks])


async def _pieces(blobs: Blobs, its: Ready, built: Built, key: bytes) -> AsyncIterator[bytes]:
    names = [report_name(its.job.request, its.job.n, key, n) for n in range(built.parts)]
    for data in await Blobs.get_many(blobs, names):
        assert data is not None
        yield data


async def test_small_reports_share_one_visit_for_their_parts_and_one_for_their_pieces() -> None:
    blobs = CountedBlobs()
    both = [await ready(blobs, 1), await ready(blobs, 2)]
    results = await a_builder(blobs).build(both)
    assert blobs.visits == [("get", 4), ("put", 2)]
    for its, built in zip(both, results, strict=True):
        archive_ = await plain(blobs, its, built)
        assert isinstance(built, Built)
        assert (sha256(archive_).hexdigest(), len(archive_)) == (built.digest, built.size)


async def test_a_large_report_holds_one_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "SMALL_BYTES", 0)
    blobs = CountedBlobs()
    its = await ready(blobs, 1)
    (built,) = await a_builder(blobs).build([its])
    assert {visit for visit in blobs.visits if visit[0] == "get"} == {("get", 1)}
    assert (await plain(blobs, its, built)).startswith(b"PK")


async def test_one_whose_part_is_gone_fails_alone() -> None:
    blobs = CountedBlobs()
    gone, whole = await ready(blobs, 1, uploaded=False), await ready(blobs, 2)
    failed, built = await a_builder(blobs).build([gone, whole])
    assert failed == "BlobMissing"
    assert (await plain(blobs, whole, built)).startswith(b"PK")


@pytest.mark.parametrize("small_bytes", [0, archive.SMALL_BYTES], ids=["streamed", "at once"])
async def test_another_try_makes_the_same_archive_under_a_new_key_and_touches_nothing_of_the_first(
    monkeypatch: pytest.MonkeyPatch, small_bytes: int
) -> None:
    monkeypatch.setattr(archive, "SMALL_BYTES", small_bytes)
    blobs = CountedBlobs()
    its, builder = await ready(blobs, 1), a_builder(blobs)
    (first,) = await builder.build([its])
    before = await plain(blobs, its, first)
    (second,) = await builder.build([its])
    assert await plain(blobs, its, second) == await plain(blobs, its, first) == before
    assert isinstance(first, Built)
    assert isinstance(second, Built)
    assert first.sealed_key != second.sealed_key
