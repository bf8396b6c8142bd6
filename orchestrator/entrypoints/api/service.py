"""Whether the API lives, is ready, and what it counts; and who the caller is."""

import asyncio

from fastapi import APIRouter, Response
from pydantic import BaseModel

from orchestrator.domain.staff import Role
from orchestrator.entrypoints.api.deps import Caller, Given
from orchestrator.entrypoints.api.guard import GuardedRoute
from orchestrator.entrypoints.api.permissions import V1
from orchestrator.entrypoints.health import OK, database
from orchestrator.entrypoints.vitals import rendered
from orchestrator.store.views import health

router = APIRouter(tags=["service"], route_class=GuardedRoute)


class Ready(BaseModel):
    """Without its database the API is not ready; without Kafka it is: what it is told waits in the outbox."""

    ready: bool
    database: str
    schema_head: str
    kafka: str


class Me(BaseModel):
    """Who the token belongs to."""

    id: str
    roles: list[Role]


@router.get("/livez", response_class=Response)
async def livez() -> Response:
    """Answer, which is the proof."""
    return Response("alive\n", media_type="text/plain")


@router.get("/readyz")
async def readyz(deps: Given, response: Response) -> Ready:
    """Look at the database, the schema and Kafka; 503 if requests cannot be served."""
    found, answers = await asyncio.gather(database(deps.transactions, deps.schema_head), deps.kafka_answers())
    kafka = "ok" if answers else "not reachable; what is to be sent waits in the outbox"
    response.status_code = 200 if found == OK else 503
    return Ready(ready=found == OK, database=found[0], schema_head=found[1], kafka=kafka)


@router.get("/metrics", response_class=Response)
async def metrics(deps: Given) -> Response:
    """Show the figures, in the format of Prometheus."""
    async with deps.transactions() as tx:
        figures, now = await health.figures(tx), tx.now
        deps.metrics.take_news(await deps.log_place.read(tx))
    known = {"engine", *(row.custodian for row in figures.heard)}
    await deps.letter_count.look(deps.letters, deps.transactions, known=known, now=now.timestamp())
    deps.metrics.take(figures, now=now)
    deps.metrics.take_letters(deps.letter_count.marks, now=now, reachable=deps.letter_count.reachable)
    text, media_type = rendered(deps.metrics.registry)
    return Response(text, media_type=media_type)


@router.get(f"{V1}/me")
async def me(caller: Caller) -> Me:
    """Say who the caller is and what they may do."""
    return Me(id=caller.id, roles=sorted(caller.roles))
