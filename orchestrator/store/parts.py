"""Uploaded parts: who may upload what, and what lies in the object store."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text

from contracts.ids import RequestId, TaskId
from orchestrator.store.session import Transaction

GRANT: Final = text("""
    select t.request, i.bearer_hash, i.expires_at, r.state,
           coalesce((select sum(p.size) from part p where p.task = i.task and p.issue_no = i.no), 0) as used
    from issue i join task t on t.id = i.task join request r on r.id = t.request
    where i.task = :task and i.no = :issue_no
""")
HELD: Final = text("select digest from part where task = :task and issue_no = :issue_no and n = :n")
STORED: Final = text("""
    insert into part (task, issue_no, n, data_class, digest, size, stored_at)
    values (:task, :issue_no, :n, :data_class, :digest, :size, :now) on conflict do nothing
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


async def grant(tx: Transaction, task: TaskId, issue_no: int) -> Grant | None:
    """The grant of an issue, if there is such an issue."""
    row = (await tx.connection.execute(GRANT, {"task": task, "issue_no": issue_no})).one_or_none()
    if row is None:
        return None
    return Grant(
        request=RequestId(row.request),
        bearer_hash=row.bearer_hash,
        expires_at=row.expires_at,
        request_state=row.state,
        used=int(row.used),
    )


async def held(tx: Transaction, place: Place) -> str | None:
    """The digest of the part that lies there, if one does."""
    where = {"task": place.task, "issue_no": place.issue_no, "n": place.n}
    digest: str | None = (await tx.connection.execute(HELD, where)).scalar_one_or_none()
    return digest


async def stored(tx: Transaction, place: Place, *, data_class: str, digest: str, size: int) -> None:
    """Say that the part lies in the object store, whole."""
    row = {
        "task": place.task,
        "issue_no": place.issue_no,
        "n": place.n,
        "data_class": data_class,
        "digest": digest,
        "size": size,
        "now": tx.now,
    }
    await tx.connection.execute(STORED, row)
