"""Reports: wanted with a frozen input, taken by one reporter at a time, built once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text

from contracts.command import Operation
from contracts.ids import RequestId, TaskId
from orchestrator.domain.task import Task, TaskState, newest
from orchestrator.store.keys import Pair
from orchestrator.store.session import Transaction

WANT: Final = text("""
    with wanted as (
        insert into report (request, n, state, frozen, wanted_at)
        select u.request, (select coalesce(max(n), 0) + 1 from report r where r.request = u.request), 'wanted',
               cast(u.frozen as jsonb), :now
        from unnest(cast(:request as uuid[]), cast(:frozen as text[])) as u(request, frozen))
    select pg_notify('reporter', '')
""")
AGAIN: Final = text("""
    with wanted as (
        insert into report (request, n, state, frozen, wanted_at)
        select request, n + 1, 'wanted', frozen, :now from report where request = :request order by n desc limit 1)
    select pg_notify('reporter', '')
""")
# the lock is held while the report is built: a reporter that dies lets go of it at once
TAKE: Final = text("""
    select request, n, cast(frozen as text) as frozen, wanted_at from report
    where state = 'wanted' order by wanted_at limit :most for update skip locked
""")
BUILT: Final = text("""
    update report r set state = 'built', digest = u.digest, size = u.size, parts = u.parts,
                        sealed_key = u.sealed_key, built_at = :now
    from unnest(cast(:request as uuid[]), cast(:n as int[]), cast(:digest as text[]), cast(:size as bigint[]),
                cast(:parts as int[]), cast(:sealed_key as text[])) as u(request, n, digest, size, parts, sealed_key)
    where r.request = u.request and r.n = u.n
""")
FAILED: Final = text("""
    update report r set state = 'failed'
    from unnest(cast(:request as uuid[]), cast(:n as int[])) as u(request, n)
    where r.request = u.request and r.n = u.n
""")
NEWEST: Final = text("""
    select distinct on (r.request) r.request, r.n, r.digest, r.size, r.parts, r.sealed_key, k.public, k.wrapped
    from report r join request_key k on k.request = r.request and k.use = 'reply'
    where r.request = any(cast(:ids as uuid[])) and r.state = 'built' order by r.request, r.n desc
""")
ANSWERS: Final = text("""
    select task, issue_no, digest, signed from answer
    where (task, digest) in (select * from unnest(cast(:tasks as uuid[]), cast(:digests as text[])))
""")


class FrozenInput(BaseModel):
    """Which answers a report is built from: task ids and the digests of the answers that ended them."""

    model_config = ConfigDict(frozen=True)
    answers: tuple[tuple[UUID, str], ...]

    @property
    def digests(self) -> tuple[str, ...]:
        """What the report must have. Inputs that were frozen long ago also name tasks that ended without an answer."""
        return tuple(digest for _, digest in self.answers if digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A report to build."""

    request: RequestId
    n: int
    frozen: FrozenInput
    wanted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A finished report: *digest* and *size* are of the plain archive, *sealed_key* opens to its content key."""

    n: int
    digest: str
    size: int
    parts: int
    sealed_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A report as it is handed out, with the pair that its key is sealed to."""

    report: Built
    reply: Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedAnswer:
    """An answer as it was signed and filed."""

    task: TaskId
    issue_no: int
    signed: bytes


async def want(tx: Transaction, wanted: Mapping[RequestId, Sequence[Task]]) -> None:
    """Ask for a report of each request, over the answers to its tasks that count now."""
    if wanted:
        frozen = [_frozen(tasks).model_dump_json() for tasks in wanted.values()]
        await tx.connection.execute(WANT, {"request": list(wanted), "frozen": frozen, "now": tx.now})


def _frozen(tasks: Sequence[Task]) -> FrozenInput:
    ended = [each for each in newest(tasks, Operation.COLLECT).values() if each.state is TaskState.DONE]
    return FrozenInput(answers=tuple((each.id, each.answered_by) for each in ended if each.answered_by is not None))


async def want_again(tx: Transaction, request: RequestId) -> None:
    """Ask for a new version over the same answers as the newest one: what came since was not looked at by anybody."""
    await tx.connection.execute(AGAIN, {"request": request, "now": tx.now})


async def take(tx: Transaction, *, most: int) -> list[Job]:
    """The reports that have waited longest, locked until the transaction ends."""
    rows = (await tx.connection.execute(TAKE, {"most": most})).all()
    return [
        Job(
            request=RequestId(row.request),
            n=row.n,
            frozen=FrozenInput.model_validate_json(row.frozen),
            wanted_at=row.wanted_at,
        )
        for row in rows
    ]


async def answers(tx: Transaction, inputs: Sequence[FrozenInput]) -> dict[TaskId, SignedAnswer]:
    """The answers of these frozen inputs, as they were signed."""
    asked = [pair for frozen in inputs for pair in frozen.answers]
    wanted = {"tasks": [task for task, _ in asked], "digests": [digest for _, digest in asked]}
    rows = (await tx.connection.execute(ANSWERS, wanted)).all()
    return {
        TaskId(row.task): SignedAnswer(task=TaskId(row.task), issue_no=row.issue_no, signed=row.signed) for row in rows
    }


async def ended(tx: Transaction, outcomes: Sequence[tuple[Job, Built | str]]) -> None:
    """Keep where finished reports lie, and give the others up; a new version of those may be wanted."""
    finished = [(job.request, report) for job, report in outcomes if isinstance(report, Built)]
    given_up = [(job.request, job.n) for job, report in outcomes if not isinstance(report, Built)]
    if finished:
        arrays: dict[str, Any] = {
            name: [getattr(report, name) for _, report in finished]
            for name in ("n", "digest", "size", "parts", "sealed_key")
        }
        await tx.connection.execute(BUILT, arrays | {"request": [each for each, _ in finished], "now": tx.now})
    if given_up:
        await tx.connection.execute(FAILED, {"request": [each for each, _ in given_up], "n": [n for _, n in given_up]})


async def newest_built(tx: Transaction, ids: Collection[RequestId]) -> dict[RequestId, Handed]:
    """The newest finished report of each of these requests that has one."""
    rows = (await tx.connection.execute(NEWEST, {"ids": list(ids)})).all()
    return {
        RequestId(row.request): Handed(
            report=Built(n=row.n, digest=row.digest, size=row.size, parts=row.parts, sealed_key=row.sealed_key),
            reply=Pair(public=row.public, wrapped=row.wrapped),
        )
        for row in rows
    }
