"""New requests: the row, its keys and its first identifiers, for a whole batch at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from sqlalchemy import text

from contracts.ids import RequestId
from orchestrator.domain.admission import Known
from orchestrator.domain.request import Request
from orchestrator.store.rows import columns
from orchestrator.store.session import Transaction

INSERT: Final = text("""
    insert into request (id, kind, state, version, regime, received_on, due, opened_by, idempotency_key, body_digest,
                         controller, test, search_round, erase_round, probe_round, asking, begun, withdrawn, partial,
                         opened_at, changed_at)
    select u.id, u.kind, u.state, u.version, u.regime, u.received_on, u.due, u.opened_by, u.key, u.body_digest,
           u.controller, u.test, 0, 0, 0, 0, false, false, false, :now, :now
    from unnest(cast(:id as uuid[]), cast(:kind as text[]), cast(:state as text[]), cast(:version as int[]),
                cast(:regime as text[]), cast(:received_on as date[]), cast(:due as date[]),
                cast(:opened_by as text[]), cast(:key as text[]), cast(:body_digest as bytea[]),
                cast(:controller as text[]), cast(:test as bool[]))
        as u(id, kind, state, version, regime, received_on, due, opened_by, key, body_digest, controller, test)
    on conflict (idempotency_key) do nothing returning id
""")
EARLIER: Final = text("""
    select id, idempotency_key, body_digest, state, due from request where idempotency_key = any(cast(:keys as text[]))
""")
KEYS: Final = text("""
    insert into request_key (request, use, public, wrapped, kek_id)
    select * from unnest(cast(:request as uuid[]), cast(:use as text[]), cast(:public as bytea[]),
                         cast(:wrapped as bytea[]), cast(:kek_id as text[]))
""")
IDENTIFIERS: Final = text("""
    insert into identifier (request, n, kind, sealed, blind, standing, admitted_in)
    select u.request, u.n, u.kind, u.sealed, u.blind, 'admitted', 0
    from unnest(cast(:request as uuid[]), cast(:n as int[]), cast(:kind as text[]), cast(:sealed as text[]),
                cast(:blind as bytea[])) as u(request, n, kind, sealed, blind)
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key pair made for a request; the private half is wrapped already."""

    use: str
    public: bytes
    wrapped: bytes = field(repr=False)
    kek_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A request as it comes in, with everything sealed."""

    request: Request
    idempotency_key: str
    body_digest: bytes
    controller: str
    keys: tuple[NewKey, ...]
    identifiers: tuple[Known, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The request that an idempotency key names."""

    request: RequestId
    key: str
    body_digest: bytes
    state: str
    due: date


async def insert(tx: Transaction, openings: Sequence[Opening]) -> set[RequestId]:
    """Insert the requests whose idempotency key is new, and return their ids."""
    arrays = columns(
        openings,
        {
            "id": lambda each: each.request.id,
            "kind": lambda each: each.request.kind,
            "state": lambda each: each.request.state,
            "version": lambda each: each.request.version,
            "regime": lambda each: each.request.regime,
            "received_on": lambda each: each.request.received_on,
            "due": lambda each: each.request.due,
            "opened_by": lambda each: each.request.opened_by,
            "key": lambda each: each.idempotency_key,
            "body_digest": lambda each: each.body_digest,
            "controller": lambda each: each.controller,
            "test": lambda each: each.request.test,
        },
    )
    new = {RequestId(row.id) for row in await tx.connection.execute(INSERT, arrays | {"now": tx.now})}
    await _insert_secrets(tx, [each for each in openings if each.request.id in new])
    return new


async def _insert_secrets(tx: Transaction, openings: Sequence[Opening]) -> None:
    keys = [(each.request.id, key) for each in openings for key in each.keys]
    arrays = {
        "request": [request for request, _ in keys],
        "use": [key.use for _, key in keys],
        "public": [key.public for _, key in keys],
        "wrapped": [key.wrapped for _, key in keys],
        "kek_id": [key.kek_id for _, key in keys],
    }
    await tx.connection.execute(KEYS, arrays)
    known = [(each.request.id, one) for each in openings for one in each.identifiers]
    arrays = {
        "request": [request for request, _ in known],
        "n": [one.n for _, one in known],
        "kind": [one.kind for _, one in known],
        "sealed": [one.sealed for _, one in known],
        "blind": [one.blind for _, one in known],
    }
    await tx.connection.execute(IDENTIFIERS, arrays)


async def earlier(tx: Transaction, keys: Sequence[str]) -> dict[str, Earlier]:
    """The requests that these idempotency keys name, by key."""
    rows = (await tx.connection.execute(EARLIER, {"keys": list(keys)})).all()
    return {
        row.idempotency_key: Earlier(
            request=RequestId(row.id),
            key=row.idempotency_key,
            body_digest=row.body_digest,
            state=row.state,
            due=row.due,
        )
        for row in rows
    }
