"""The registry: custodians, their admitted manifests, their public keys, their last heartbeats."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text

from contracts.heartbeat import Heartbeat
from contracts.ids import CustodianId
from contracts.keys import PublicSigningKey, kid_of
from contracts.manifest import KeyUse, Manifest
from orchestrator.store.session import Transaction

CURRENT: Final = text("""
    select m.body from custodian c join manifest m on m.hash = c.manifest_hash
    where c.disabled_at is null order by c.id
""")
KEYS: Final = text("select kid, custodian, use, public, not_before, retire_after, revoked_at from custodian_key")
SEALING: Final = text("""
    select distinct on (custodian) custodian, kid, public from custodian_key
    where use = 'seal' and revoked_at is null and not_before <= :now and (retire_after is null or retire_after > :now)
    order by custodian, not_before desc
""")
MANIFEST: Final = text("""
    insert into manifest (hash, custodian, body, signature) values (:hash, :custodian, :body, :signature)
    on conflict (hash) do nothing
""")
CUSTODIAN: Final = text("""
    insert into custodian (id, manifest_hash, admitted_at, admitted_by) values (:id, :hash, :now, :by)
    on conflict (id) do update set manifest_hash = excluded.manifest_hash, admitted_at = excluded.admitted_at,
                                   admitted_by = excluded.admitted_by, disabled_at = null
""")
KEY: Final = text("""
    insert into custodian_key (kid, custodian, use, public, not_before)
    values (:kid, :custodian, :use, :public, :now)
    on conflict (kid) do update set not_before = excluded.not_before where custodian_key.use = 'seal'
""")  # a sealing key admitted again is the newest now; a signing key goes on from its first day
OWNERS: Final = text("select distinct custodian from custodian_key where kid = any(cast(:kids as text[]))")
# skips what somebody is deciding on just now: a lease that is renewed a heartbeat later does no harm
HEARD: Final = text("""
    with beat as (
        insert into heartbeat (custodian, worker, heard_at, body)
        select u.custodian, u.worker, :now, cast(u.body as jsonb)
        from unnest(cast(:custodian as text[]), cast(:worker as text[]), cast(:body as text[]))
            as u(custodian, worker, body) order by u.custodian, u.worker
        on conflict (custodian, worker) do update set heard_at = excluded.heard_at, body = excluded.body)
    update task t set wake_at = cast(:now as timestamptz) + make_interval(secs => :lease)
    from (select t.id from task t
          join unnest(cast(:task as uuid[]), cast(:runner as text[])) as u(task, runner)
            on t.id = u.task and t.custodian = u.runner
          where t.state = 'issued' and t.wake_at is not null
          order by t.id for update of t skip locked) as theirs
    where t.id = theirs.id
""")
LAST: Final = text("select custodian, max(heard_at) as heard_at from heartbeat group by custodian")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealTo:
    """The newest sealing key of a custodian."""

    kid: str
    public: bytes


async def current(tx: Transaction) -> list[Manifest]:
    """The manifests that count for a new plan."""
    return [Manifest.model_validate_json(row.body) for row in (await tx.connection.execute(CURRENT)).all()]


async def signing_keys(tx: Transaction) -> list[PublicSigningKey]:
    """Every signing key that a custodian has or had."""
    rows = (await tx.connection.execute(KEYS)).all()
    return [
        PublicSigningKey(
            public=row.public,
            owner=row.custodian,
            operations=None,
            not_before=int(row.not_before.timestamp()),
            retire_after=_seconds(row.retire_after),
            revoked_at=_seconds(row.revoked_at),
        )
        for row in rows
        if row.use == "sign"
    ]


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


async def sealing_keys(tx: Transaction) -> dict[CustodianId, SealTo]:
    """What to seal to, for each custodian."""
    rows = (await tx.connection.execute(SEALING, {"now": tx.now})).all()
    return {CustodianId(row.custodian): SealTo(kid=row.kid, public=row.public) for row in rows}


async def admit(
    tx: Transaction,
    manifest: Manifest,
    keys: Sequence[tuple[KeyUse, bytes]],
    *,
    body: bytes,
    signature: str,
    by: str,
) -> None:
    """Make *manifest*, whose *signature* the caller has checked, the one that counts for its custodian."""
    held = {"hash": manifest.hash, "custodian": manifest.id, "body": body, "signature": signature}
    await tx.connection.execute(MANIFEST, held)
    await tx.connection.execute(CUSTODIAN, {"id": manifest.id, "hash": manifest.hash, "now": tx.now, "by": by})
    for use, public in keys:
        row = {"kid": kid_of(public), "custodian": manifest.id, "use": use, "public": public, "now": tx.now}
        await tx.connection.execute(KEY, row)


async def owners(tx: Transaction, kids: Sequence[str]) -> set[CustodianId]:
    """Whose keys these are, as far as they are known."""
    rows = (await tx.connection.execute(OWNERS, {"kids": list(kids)})).all()
    return {CustodianId(row.custodian) for row in rows}


async def heard(tx: Transaction, heartbeats: Sequence[Heartbeat], *, lease_s: int) -> None:
    """Write down the newest heartbeat of each worker, and renew what it runs: its own tasks, if they are out."""
    newest = {(each.custodian, each.worker): each for each in heartbeats}
    running = sorted({(task.task_id, each.custodian) for each in heartbeats for task in each.running})
    arrays = {
        "custodian": [each.custodian for each in newest.values()],
        "worker": [each.worker for each in newest.values()],
        "body": [each.model_dump_json() for each in newest.values()],
        "task": [task for task, _ in running],
        "runner": [custodian for _, custodian in running],
        "lease": lease_s,
        "now": tx.now,
    }
    await tx.connection.execute(HEARD, arrays)


async def last_heard(tx: Transaction) -> dict[CustodianId, datetime]:
    """When each custodian was last heard."""
    return {CustodianId(row.custodian): row.heard_at for row in (await tx.connection.execute(LAST)).all()}
