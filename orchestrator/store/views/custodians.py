"""What people see of custodians: who owns them, what they declared, and when they were last heard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, text

from contracts.heartbeat import HEARTBEAT_SECONDS, Heartbeat
from contracts.ids import CustodianId
from contracts.manifest import Manifest
from orchestrator.store.session import Transaction

CUSTODIANS: Final = text("""
    select c.id, c.manifest_hash, c.admitted_at, c.admitted_by, c.disabled_at,
           convert_from(m.body, 'UTF8') as manifest,
           exists(select from switch s where s.scope = c.id and s.what = 'commands' and s.stopped) as paused,
           exists(select from switch s where s.scope = c.id and s.what = 'erasure' and s.stopped) as erasure_stopped,
           (select count(*) from task t where t.custodian = c.id
                                          and t.state in ('issued', 'halt_requested')) as open_tasks
    from custodian c join manifest m on m.hash = c.manifest_hash order by c.id
""")
WORKERS: Final = text("select custodian, worker, heard_at, body from heartbeat order by custodian, worker")


GONE_AFTER: Final = timedelta(seconds=3 * HEARTBEAT_SECONDS)
"""A worker says as its last that it drains: after that it is gone, and no longer draining."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A process of a custodian, by its last heartbeat."""

    name: str
    heard_at: datetime
    accepting: bool
    draining: bool
    running: int
    lag_seconds: int
    sdk: str
    outdated: bool  # it speaks for another manifest than the admitted one


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodianView:
    """A custodian."""

    id: CustodianId
    owner: str
    on_call: str
    runbook: str
    operations: tuple[str, ...]
    needs: tuple[str, ...]
    classes: tuple[str, ...]
    manifest_hash: str
    admitted_at: datetime
    admitted_by: str
    disabled_at: datetime | None
    paused: bool
    erasure_stopped: bool  # at this one; the switch for all is not told here
    draining: int  # workers that were heard lately, and end
    last_heard: datetime | None
    open_tasks: int
    workers: tuple[Worker, ...]


async def custodians(tx: Transaction) -> list[CustodianView]:
    """All of them, with every worker that was ever heard."""
    rows = (await tx.connection.execute(CUSTODIANS)).all()
    workers = (await tx.connection.execute(WORKERS)).all()
    return [_custodian(row, [each for each in workers if each.custodian == row.id], tx.now) for row in rows]


def _custodian(row: Row[Any], heartbeats: Sequence[Row[Any]], now: datetime) -> CustodianView:
    workers = tuple(_worker(each.worker, each.heard_at, each.body, row.manifest_hash) for each in heartbeats)
    manifest = Manifest.model_validate_json(row.manifest)
    return CustodianView(
        id=CustodianId(row.id),
        owner=manifest.owner,
        on_call=manifest.on_call,
        runbook=manifest.runbook,
        operations=tuple(each.operation for each in manifest.operations),
        needs=tuple(manifest.needs),
        classes=tuple(each.name for each in manifest.classes),
        manifest_hash=row.manifest_hash,
        admitted_at=row.admitted_at,
        admitted_by=row.admitted_by,
        disabled_at=row.disabled_at,
        paused=row.paused,
        erasure_stopped=row.erasure_stopped,
        last_heard=max((each.heard_at for each in workers), default=None),
        open_tasks=row.open_tasks,
        draining=sum(each.draining and now - each.heard_at < GONE_AFTER for each in workers),
        workers=workers,
    )


def _worker(name: str, heard_at: datetime, body: Mapping[str, object], admitted: str) -> Worker:
    beat = Heartbeat.model_validate(body, strict=False)
    return Worker(
        name=name,
        heard_at=heard_at,
        accepting=beat.accepting,
        draining=beat.draining,
        running=len(beat.running),
        lag_seconds=beat.lag_seconds,
        sdk=beat.sdk,
        outdated=beat.manifest_hash != admitted,
    )
