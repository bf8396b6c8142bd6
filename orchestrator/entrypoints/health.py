"""The door of a process for probes and scrapers: `/livez`, `/readyz`, `/metrics`. It says nothing about anybody."""

import asyncio
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestrator.entrypoints import serving
from orchestrator.entrypoints.duty import Duty
from orchestrator.entrypoints.vitals import Vitals, rendered
from orchestrator.store import schema
from orchestrator.store.session import Transactions

PATIENCE_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the door answers from."""

    vitals: Vitals
    schema_head: str

    async def livez(self, _request: Request) -> Response:
        """Answer, which is the proof."""
        return Response("alive\n", media_type="text/plain")

    async def readyz(self, _request: Request) -> Response:
        """Look at the database, the schema and every loop; 503 if one of them is not as it should be."""
        found = await asyncio.gather(*(database(each, self.schema_head) for each in self.vitals.databases))
        worst = next((each for each in found if each != OK), OK)
        stuck = self.vitals.stuck()
        ready = worst == OK and not stuck
        told = {"ready": ready, "database": worst[0], "schema_head": worst[1], "stuck": stuck}
        return JSONResponse(told, status_code=200 if ready else 503)

    async def metrics(self, _request: Request) -> Response:
        """Show the figures, in the format of Prometheus."""
        text, media_type = rendered(self.vitals.registry)
        return Response(text, media_type=media_type)


OK: Final = ("ok", "ok")


async def database(transactions: Transactions, schema_head: str) -> tuple[str, str]:
    """What is to be said of the database, and of its schema."""
    try:
        async with asyncio.timeout(PATIENCE_S), transactions() as tx:
            found = await schema.revision(tx)
    except (OSError, SQLAlchemyError):
        return "not reachable", "unknown"
    return "ok", "ok" if found == schema_head else "another one than this program's; run `dsar db migrate`"


def app(health: Health) -> Starlette:
    """Make the application."""
    return Starlette(
        routes=[
            Route("/livez", health.livez),
            Route("/readyz", health.readyz),
            Route("/metrics", health.metrics),
        ]
    )


async def run(duty: Duty) -> None:
    """Keep the door open until the process stops."""
    settings = duty.wiring.settings
    door = app(Health(vitals=duty.vitals, schema_head=schema.head()))
    await serving.serve(door, host=settings.health_host, port=settings.health_port or 0, stopping=duty.stopping)
