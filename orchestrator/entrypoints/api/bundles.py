"""Bundles of custodians: many small parts in one request, each by the grant of its own issue and judged by itself."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from contracts.parts import BUNDLE_HEAD_BYTES, BUNDLE_PARTS, AnnouncedPart, BundleAnswer, BundleHead, PartVerdict
from orchestrator.domain.errors import DsarError, Forbidden, InvalidInput
from orchestrator.entrypoints.api.deps import Deps
from orchestrator.entrypoints.api.guard import GuardedRoute
from orchestrator.entrypoints.api.problems import URN, BodyTooLarge, problem_of
from orchestrator.flow import uploads
from orchestrator.flow.uploads import Admission, Announced, Standing
from orchestrator.store.parts import Place
from orchestrator.store.parts import Stored as Row
from orchestrator.vault.blobs import Blob, NotStored, Stored

BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "One line of JSON, a line feed, and then the bytes of all parts in the order of that line. The "
        'line is at most 64 KiB long, all of it at most 1 MiB: `{"parts":[{"task_id":"…","issue_no":1,"n":0,'
        '"data_class":"…","digest":"SHA-256 in hex","size":2048,"bearer":"what the grant says"}]}`',
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}

router = APIRouter(prefix="/parts", tags=["uploads"], route_class=GuardedRoute)
log = structlog.get_logger()


class _Body:
    """A body, read in the pieces that it announces; raises `InvalidInput` where it ends too early, or too late."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._read = bytearray()

    async def line(self, most: int) -> bytes:
        while (end := self._read.find(b"\n", 0, most)) < 0:
            if len(self._read) >= most:
                raise BodyTooLarge(f"the line that lists the parts has at most {most} bytes; send fewer parts at once")
            if not await self._more():
                raise InvalidInput("a bundle begins with one line of JSON that lists its parts, and a line feed")
        return self._cut(end + 1)

    async def take(self, size: int) -> bytes:
        while len(self._read) < size:
            if not await self._more():
                raise InvalidInput("the body ends before its last part does; send as many bytes as the sizes say")
        return self._cut(size)

    async def end(self) -> None:
        if self._read or await self._more():
            raise InvalidInput("the body goes on behind its last part; send as many bytes as the sizes say")

    async def _more(self) -> bool:
        async for chunk in self._chunks:
            if chunk:
                self._read += chunk
                return True
        return False

    def _cut(self, size: int) -> bytes:
        cut = bytes(self._read[:size])
        del self._read[:size]
        return cut


@router.post("", response_class=Response, responses={200: {"model": BundleAnswer}}, openapi_extra=BODY)
async def post(request: Request) -> Response:
    """Store many small parts at once, of any issues. Each has its own status, as if it had been put alone."""
    deps: Deps = request.app.state.deps
    body = _Body(request.stream())
    head = _head(await body.line(BUNDLE_HEAD_BYTES))
    admitted = await deps.together(uploads.admit_bundles, tuple(_announced(each) for each in head.parts))
    blobs = await _blobs(head, admitted, body)
    results = dict(zip(blobs, await deps.blobs.put_many(list(blobs.values())), strict=True))
    rows = tuple(_row(head.parts[n], each) for n, each in results.items() if isinstance(each, Stored))
    if rows:
        await deps.together(uploads.stored_bundles, rows)
    verdicts = [_verdict(part, results.get(n, admitted[n])) for n, part in enumerate(head.parts)]
    said = BundleAnswer(results=tuple(verdicts))
    return Response(said.to_bytes(), media_type="application/json")


def _head(line: bytes) -> BundleHead:
    try:
        return BundleHead.model_validate_json(line, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        if any(each["type"] == "too_long" for each in found):
            raise BodyTooLarge(f"a bundle has at most {BUNDLE_PARTS} parts; send fewer at once") from None
        raise RequestValidationError(found) from None


def _announced(part: AnnouncedPart) -> Announced:
    return Announced(place=_place(part), bearer=part.bearer, digest=part.digest, size=part.size)


def _place(part: AnnouncedPart) -> Place:
    return Place(task=part.task_id, issue_no=part.issue_no, n=part.n)


async def _blobs(head: BundleHead, admitted: Sequence[Admission | DsarError], body: _Body) -> dict[int, Blob]:
    """Read what is wanted, and pass over the rest; nothing is read for the sake of parts that nobody wants."""
    wanted: dict[int, Blob] = {}
    if not any(isinstance(each, Admission) and each.standing is Standing.WANTED for each in admitted):
        return wanted
    for n, (part, admission) in enumerate(zip(head.parts, admitted, strict=True)):
        data = await body.take(part.size)
        if isinstance(admission, Admission) and admission.standing is Standing.WANTED:
            wanted[n] = Blob(name=admission.name(_place(part)), data=data, digest=part.digest)
    await body.end()
    return wanted


def _row(part: AnnouncedPart, stored: Stored) -> Row:
    return Row(place=_place(part), data_class=part.data_class, digest=stored.digest, size=stored.size)


def _verdict(part: AnnouncedPart, result: Admission | DsarError | Stored | NotStored) -> PartVerdict:
    if isinstance(result, Stored | Admission):
        return PartVerdict(status=201 if isinstance(result, Stored) else 200)
    if isinstance(result, Forbidden):
        log.warning("upload.refused", task=str(part.task_id), issue_no=part.issue_no, code=result.code)
    problem = problem_of(result)
    if problem is None:
        log.error("upload.failed", task=str(part.task_id), issue_no=part.issue_no, exc_info=result)
        return PartVerdict(status=500, type=f"{URN}internal")
    return PartVerdict(status=problem.status, type=problem.type, detail=problem.detail)
