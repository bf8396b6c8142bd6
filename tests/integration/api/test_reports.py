"""The finished report through the API: decrypted on the way, logged before, and only for a reviewer."""

from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from uuid import UUID

from contracts.command import Operation
from contracts.ids import RequestId
from contracts.keys import kid_of
from contracts.parts import PART_BYTES, SealedNotes
from contracts.sealing import seal
from orchestrator.flow import reports
from orchestrator.report.pieces import encrypt_pieces
from orchestrator.store import keys
from orchestrator.store.reports import Built
from orchestrator.store.session import transactions
from orchestrator.vault.blobs import report_name
from tests.integration.api.world import FOUND, POLICY, World

PLAIN = b"PK" + b"x" * (PART_BYTES + 10)


async def test_a_report_is_handed_out_whole_and_ends_the_request(world: World) -> None:
    request = await a_built_report(world)
    answer = await world.call("reviewer", "GET", f"/requests/{request}/report")
    shown = (await world.call("support", "GET", f"/requests/{request}")).json()
    assert answer.content == PLAIN
    assert answer.headers["x-dsar-digest"] == sha256(PLAIN).hexdigest()
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert (shown["state"], shown["outcome"]) == ("closed", "fulfilled")


async def test_every_download_is_an_entry_of_the_log(world: World) -> None:
    request = await a_built_report(world)
    await world.call("reviewer", "GET", f"/requests/{request}/report")
    await world.call("reviewer", "GET", f"/requests/{request}/report")
    read = [each for each in await world.entries() if each["type"] == "data.read"]
    assert [each["actor"] for each in read] == ["reviewer", "reviewer"]


async def test_there_is_no_report_before_there_is_one(world: World) -> None:
    request = await world.verified()
    answer = await world.call("reviewer", "GET", f"/requests/{request}/report")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:dsar:conflict")


async def a_built_report(world: World) -> UUID:
    request = await world.verified()
    await world.answered(request, Operation.COLLECT, profile=FOUND)
    await world.call("reviewer", "POST", f"/requests/{request}/release", {})
    id_, key = RequestId(request), b"k" * 32
    parts = 0
    async for piece in encrypt_pieces(key, _archive(), request=id_):
        await world.deps.blobs.put_stream(report_name(id_, 1, piece.n), _once(piece.ciphertext), limit=2 * PART_BYTES)
        parts += 1
    async with transactions(world.owner)() as tx:
        public = (await keys.of_request(tx, id_)).reply.public
        notes = SealedNotes(content_key=b64encode(key).decode())
        sealed = seal(notes.to_bytes(), to=public, kid=kid_of(public), apv=str(id_))
        digest = sha256(PLAIN).hexdigest()
        built = Built(n=1, digest=digest, size=len(PLAIN), parts=parts, sealed_key=sealed)
        await reports.built(tx, id_, built, policy=POLICY)
    return request


async def _archive() -> AsyncIterator[bytes]:
    yield PLAIN


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
