"""The key pairs of requests: public halves for sealing, wrapped private halves for whoever may unwrap them."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import text

from contracts.ids import RequestId
from orchestrator.domain.errors import NotFound
from orchestrator.store.session import Transaction

READ: Final = text("""
    select request, use, public, wrapped from request_key where request = any(cast(:ids as uuid[]))
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One key pair; `wrapped` is None once it was shredded."""

    public: bytes
    wrapped: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Both pairs of a request."""

    link: Pair
    reply: Pair


async def read(tx: Transaction, ids: Collection[RequestId]) -> dict[RequestId, Pairs]:
    """Both pairs of each of these requests."""
    found: dict[RequestId, dict[str, Pair]] = {}
    for row in (await tx.connection.execute(READ, {"ids": list(ids)})).all():
        found.setdefault(RequestId(row.request), {})[row.use] = Pair(public=row.public, wrapped=row.wrapped)
    return {request: Pairs(link=pairs["link"], reply=pairs["reply"]) for request, pairs in found.items()}


async def of_request(tx: Transaction, request: RequestId) -> Pairs:
    """Both pairs of one request; raise `NotFound` if there is no such request."""
    pairs = (await read(tx, [request])).get(request)
    if pairs is None:
        raise NotFound("there is no such request")
    return pairs
