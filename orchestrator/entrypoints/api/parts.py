"""Uploads of custodians: each by the grant of its issue, streamed to the object store, outside the staff's API."""

from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Header, Path, Request, Response
from pydantic import BaseModel, Field

from contracts.ids import TaskId
from contracts.parts import PART_BYTES, TAG_BYTES
from contracts.wire import CLASS_NAME, DIGEST
from orchestrator.domain.errors import Forbidden
from orchestrator.entrypoints.api.deps import Given
from orchestrator.entrypoints.api.guard import GuardedRoute
from orchestrator.flow import uploads
from orchestrator.flow.uploads import Announced, Standing
from orchestrator.store.parts import Place, Stored

router = APIRouter(prefix="/parts", tags=["uploads"], route_class=GuardedRoute)
log = structlog.get_logger()
Number = Annotated[int, Path(ge=0, le=2**31 - 1)]


class Label(BaseModel):
    """What is said of a part in its headers."""

    authorization: str = Field(default="", description="Bearer, and what the grant says", repr=False)
    x_dsar_digest: str = Field(pattern=DIGEST, description="SHA-256 of the body, hex")
    x_dsar_class: str = Field(pattern=CLASS_NAME, description="the data class")


async def _place(task: UUID, issue_no: Number, n: Number) -> Place:
    return Place(task=TaskId(task), issue_no=issue_no, n=n)


@router.put("/{task}/{issue_no}/{n}", status_code=201, response_class=Response)
async def put(
    place: Annotated[Place, Depends(_place)], label: Annotated[Label, Header()], request: Request, deps: Given
) -> Response:
    """Store one part. 201: stored; 200: it was there already, with the same digest."""
    bearer = label.authorization.removeprefix("Bearer ")
    try:
        announced = Announced(place=place, bearer=bearer, digest=label.x_dsar_digest)
        admitted = await deps.together(uploads.admit, announced)
    except Forbidden as refused:
        log.warning("upload.refused", task=str(place.task), issue_no=place.issue_no, code=refused.code)
        raise
    if admitted.standing is Standing.HELD:
        return Response(status_code=200)
    limit = min(admitted.limit, PART_BYTES + TAG_BYTES)
    stored = await deps.blobs.put_stream(
        admitted.name(place), request.stream(), limit=limit, digest=label.x_dsar_digest
    )
    done = Stored(place=place, data_class=label.x_dsar_class, digest=stored.digest, size=stored.size)
    await deps.together(uploads.stored, done)
    return Response(status_code=201)
