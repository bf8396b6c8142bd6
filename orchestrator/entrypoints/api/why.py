"""Why a request stands where it stands: what it waits for, since when, whose move it is, and the next command."""

from datetime import date
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from contracts.ids import RequestId
from orchestrator.domain.errors import NotFound
from orchestrator.domain.request import Kind, Outcome, State
from orchestrator.domain.waiting import Why
from orchestrator.entrypoints.api.deps import Given
from orchestrator.entrypoints.api.guard import GuardedRoute
from orchestrator.entrypoints.api.permissions import V1
from orchestrator.store.views import requests, why

router = APIRouter(prefix=f"{V1}/requests", tags=["requests"], route_class=GuardedRoute)


class Told(BaseModel):
    """A request in a line, and why it stands where it stands."""

    id: RequestId
    kind: Kind
    state: State
    outcome: Outcome | None
    due: date
    waiting: Why


@router.get("/{request}/why")
async def why_(request: UUID, deps: Given) -> Told:
    """Say what the request waits for, and what else keeps it. Looks whether Kafka answers, too."""
    kafka = await deps.kafka_answers()
    async with deps.transactions() as tx:
        judged = (await why.judged(tx, [RequestId(request)], kafka=kafka)).get(RequestId(request))
        if judged is None:
            raise NotFound("there is no such request; `dsar request list` shows those that are open")
        found = await requests.summary(tx, RequestId(request))
    return Told(id=found.id, kind=found.kind, state=found.state, outcome=found.outcome, due=found.due, waiting=judged)
