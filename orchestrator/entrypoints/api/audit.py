"""The log, for those who check it: newest first to look at, oldest first and byte by byte to take away."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from contracts.ids import RequestId
from orchestrator.entrypoints.api.deps import Caller, Deps, Given
from orchestrator.entrypoints.api.guard import GuardedRoute
from orchestrator.entrypoints.api.permissions import V1
from orchestrator.flow import export
from orchestrator.store.views import log

router = APIRouter(prefix=f"{V1}/audit", tags=["audit"], route_class=GuardedRoute)


class Entry(BaseModel):
    """A numbered entry; `leaf` is what its bytes say."""

    seq: int
    leaf: dict[str, Any]


class Page(BaseModel):
    """Newest first; `next` goes into `before` of the next page."""

    entries: list[Entry]
    next: int | None


@router.get("")
async def list_(
    deps: Given,
    request: UUID | None = None,
    before: Annotated[int, Query(ge=0, le=log.END)] = log.END,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Page:
    """List entries of the log, of one request or of all."""
    id_ = None if request is None else RequestId(request)
    async with deps.transactions() as tx:
        found = await log.latest(tx, request=id_, before=before, limit=limit)
    entries = [Entry(seq=each.seq, leaf=json.loads(each.leaf)) for each in found]
    return Page(entries=entries, next=found[-1].seq if len(found) == limit else None)


@router.get("/export", response_class=StreamingResponse)
async def export_(deps: Given, caller: Caller) -> StreamingResponse:
    """Export the log as lines: line n holds the bytes of entry n, exactly as they are hashed. That is logged too.

    An empty line is a number whose entry was lost with a restored backup.
    """
    async with deps.transactions() as tx:
        last = await export.begin(tx, deps.entry_id(), by=caller.id)
    headers = {"X-Dsar-Entries": str(last + 1), "Cache-Control": "no-store"}
    return StreamingResponse(_lines(deps, last), media_type="application/x-ndjson", headers=headers)


async def _lines(deps: Deps, last: int) -> AsyncIterator[bytes]:
    line = 0
    async for each in log.entries(deps.transactions, after=-1, last=last):
        yield b"\n" * (each.seq - line) + each.leaf + b"\n"
        line = each.seq + 1
