"""The finished report, handed out: decrypted while it is streamed, and never without its entry in the log."""

from collections.abc import AsyncIterator
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from contracts.ids import RequestId
from contracts.parts import SealedNotes
from contracts.sealing import open_sealed
from orchestrator.domain.errors import Conflict
from orchestrator.entrypoints.api.deps import Caller, Deps, Given
from orchestrator.entrypoints.api.guard import GuardedRoute
from orchestrator.entrypoints.api.permissions import V1
from orchestrator.flow import reports
from orchestrator.flow.reports import Taking
from orchestrator.report.pieces import decrypt_pieces
from orchestrator.store.reports import Built, Handed
from orchestrator.vault.blobs import report_name
from orchestrator.vault.keys import KeyUse, unwrap

router = APIRouter(prefix=f"{V1}/requests/{{request}}", tags=["reports"], route_class=GuardedRoute)


@router.get("/report", response_class=StreamingResponse)
async def report(request: UUID, deps: Given, caller: Caller) -> Response:
    """Hand the report out as a ZIP; the first time ends the request. The digest is in `X-Dsar-Digest`.

    What cannot be opened is refused before it counts as taken.
    """
    id_ = RequestId(request)
    seen = await deps.together(reports.newest, id_)
    plain = await _begun(deps, id_, seen) if seen else _nothing()
    taking = Taking(request=id_, by=caller.id, n=seen.report.n if seen else None)
    built = (await deps.together(reports.fetch, taking, policy=deps.policy)).report
    headers = {
        "Content-Disposition": f'attachment; filename="report-{id_}.zip"',
        "Content-Length": str(built.size),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Dsar-Digest": built.digest,
    }
    if built.parts == 1:  # small, as most are: in one go, without the machinery of a stream
        return Response(b"".join([chunk async for chunk in plain]), media_type="application/zip", headers=headers)
    return StreamingResponse(plain, media_type="application/zip", headers=headers)


async def _begun(deps: Deps, request: RequestId, handed: Handed) -> AsyncIterator[bytes]:
    """The plain archive, with its first piece at hand; raise what keeps it from being read."""
    if handed.reply.wrapped is None:
        raise Conflict("the keys of this request were shredded: nobody can open its report any more")
    reply = await unwrap(deps.reply_kms, request, KeyUse.REPLY, handed.reply.wrapped)
    notes = open_sealed(handed.report.sealed_key, key=reply, apv=str(request))
    key = SealedNotes.model_validate_json(notes).key() or b""
    plain = decrypt_pieces(key, _pieces(deps, handed.report, request, key), request=request)
    return _all(await anext(plain), plain)


async def _nothing() -> AsyncIterator[bytes]:
    """Stands for a report that is not there: that it is refused is said where its reason is known."""
    return
    yield


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


async def _pieces(deps: Deps, built: Built, request: RequestId, key: bytes) -> AsyncIterator[bytes]:
    for n in range(built.parts):
        yield await deps.blobs.get(report_name(request, built.n, key, n))
