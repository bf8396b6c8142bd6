"""Uploaded parts: who may upload what, and what lies in the object store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text

from contracts.ids import RequestId, TaskId
from orchestrator.store.session import Transaction

GRANTS: Final = text("""
    select u.task, u.issue_no, u.n, t.request, i.bearer_hash, i.expires_at, r.state,
           coalesce((select sum(p.size) from part p where p.task = i.task and p.issue_no = i.no), 0) as used,
           (select p.digest from part p where p.task = u.task and p.issue_no = u.issue_no and p.n = u.n) as held
    from unnest(cast(:task as uuid[]), cast(:issue_no as int[]), cast(:n as int[])) as u(task, issue_no, n)
    join issue i on i.task = u.task and i.no = u.issue_no
    join task t on t.id = i.task join request r on r.id = t.request
""")
STORED: Final = text("""
    insert into part (task, issue_no, n, data_class, digest, size, stored_at)
    select u.task, u.issue_no, u.n, u.data_class, u.digest, u.size, :now
    from unnest(cast(:task as uuid[]), cast(:issue_no as int[]), cast(:n as int[]), cast(:data_class as text[]),
                cast(:digest as text[]), cast(:size as bigint[])) as u(task, issue_no, n, data_class, digest, size)
    order by u.task, u.issue_no, u.n on conflict do nothing
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a part goes."""

    task: TaskId
    issue_no: int
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What was promised to the custodian for one issue."""

    request: RequestId
    bearer_hash: bytes | None
    expires_at: datetime
    request_state: str
    used: int
    held: str | None  # the digest of the part that lies at this place already


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A part that lies in the object store, whole."""

    place: Place
    data_class: str
    digest: str
    size: int


async def grants(tx: Transaction, places: Sequence[Place]) -> dict[Place, Grant]:
    """The grant for each of these places; none where there is no such issue."""
    rows = (await tx.connection.execute(GRANTS, _columns(places))).all()
    return {
        Place(task=TaskId(row.task), issue_no=row.issue_no, n=row.n): Grant(
            request=RequestId(row.request),
            bearer_hash=row.bearer_hash,
            expires_at=row.expires_at,
            request_state=row.state,
            used=int(row.used),
            held=row.held,
        )
        for row in rows
    }


async def stored(tx: Transaction, parts: Sequence[Stored]) -> None:
    """Say that these parts lie in the object store."""
    arrays = _columns([each.place for each in parts]) | {
        name: [getattr(each, name) for each in parts] for name in ("data_class", "digest", "size")
    }
    await tx.connection.execute(STORED, arrays | {"now": tx.now})


def _columns(places: Sequence[Place]) -> dict[str, Any]:
    return {name: [getattr(each, name) for each in places] for name in ("task", "issue_no", "n")}
