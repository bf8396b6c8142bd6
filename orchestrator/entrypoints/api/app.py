"""The admin API, put together: routes, problems, documentation. Wiring gives it what it needs."""

from typing import Any, Final

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.entrypoints.api import (
    approvals,
    audit,
    batches,
    bundles,
    custodians,
    dead_letters,
    decisions,
    interventions,
    parts,
    problems,
    reports,
    requests,
    service,
    staff,
    stops,
    why,
)
from orchestrator.entrypoints.api.deps import Deps
from orchestrator.entrypoints.api.documentation import documented
from orchestrator.entrypoints.api.permissions import V1

ROUTERS: Final[tuple[APIRouter, ...]] = (
    bundles.router,  # first what comes most often: routes are tried in this order
    parts.router,
    reports.router,
    requests.router,
    why.router,
    batches.router,
    decisions.router,
    interventions.router,
    approvals.router,
    staff.router,
    custodians.router,
    stops.router,
    audit.router,
    dead_letters.router,
    service.router,
)
MOST_BYTES: Final = 1024 * 1024
"""What a body may weigh; a part that is uploaded alone has a limit of its own."""


def app(deps: Deps) -> FastAPI:
    """Make the application. Documentation pages that load scripts from elsewhere are left out."""
    made = FastAPI(
        title="DSAR Orchestrator", version="1", docs_url=None, redoc_url=None, openapi_url=f"{V1}/openapi.json"
    )
    made.state.deps = deps
    for router in ROUTERS:
        made.include_router(router)
    problems.install(made)
    made.add_middleware(LimitedBody)
    documented(made)
    return made


class LimitedBody:
    """Refuses a body that is too large before it is all in memory; a part that is uploaded alone is measured there."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/parts/"):
            await self._inner(scope, receive, send)
            return
        left = MOST_BYTES

        async def limited() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise problems.BodyTooLarge("a body weighs at most 1 MiB; send less at once")
            return message

        await self._inner(scope, limited, send)


def openapi(deps: Deps) -> dict[str, Any]:
    """The OpenAPI document."""
    return app(deps).openapi()
