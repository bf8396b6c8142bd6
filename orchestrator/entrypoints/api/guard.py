"""The door: who asks, and whether they may. Every route is made of it, and closed until the table opens it."""

import time
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from orchestrator.domain.errors import Forbidden
from orchestrator.domain.staff import Staff
from orchestrator.entrypoints.api.deps import Deps
from orchestrator.entrypoints.api.permissions import allows, is_public
from orchestrator.entrypoints.api.problems import Unauthenticated, status_of
from orchestrator.flow import staff as flow
from orchestrator.store import staff as people

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardedRoute(APIRoute):
    """Checks the caller before a byte of the body is read; a refusal of somebody known is an entry of the log."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            deps: Deps = request.app.state.deps
            began = time.perf_counter()
            status = 500
            try:
                response = await self._answer(deps, request, handler)
                status = response.status_code
            except Exception as error:
                status = status_of(error)
                raise
            finally:
                took = time.perf_counter() - began
                deps.metrics.answered(method=request.method, route=self.path, status=status, seconds=took)
            return response

        return guarded

    async def _answer(self, deps: Deps, request: Request, handler: Handler) -> Response:
        if is_public(request.method, self.path):
            return await handler(request)
        staff = await _known(deps, request)
        request.state.staff = staff
        try:
            self._check(request, staff)
            return await handler(request)
        except Forbidden:
            async with deps.transactions() as tx:
                await flow.refused(tx, deps.entry_id(), by=staff.id, method=request.method, route=self.path)
            raise

    def _check(self, request: Request, staff: Staff) -> None:
        if not allows(request.method, self.path, staff.roles):
            raise Forbidden("your roles do not allow this; `dsar me` shows them, an admin can add one")


async def _known(deps: Deps, request: Request) -> Staff:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.startswith(flow.TOKEN_PREFIX):
        staff = await deps.together(people.find, flow.token_hash(token))
        if staff is not None:
            return staff
    raise Unauthenticated("send `Authorization: Bearer dst_…` with a token that is valid; an admin can issue one")
