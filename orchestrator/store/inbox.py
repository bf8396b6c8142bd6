"""The inbox: each answer is filed once, however often it comes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import text

from contracts.answer import Answer
from contracts.ids import TaskId
from orchestrator.store.session import Transaction

FILE: Final = text("""
    insert into answer (task, issue_no, digest, request, signed, kid, received_at)
    select u.task, u.issue_no, u.digest, u.request, u.signed, u.kid, :now
    from unnest(cast(:task as uuid[]), cast(:issue_no as int[]), cast(:digest as text[]), cast(:request as uuid[]),
                cast(:signed as bytea[]), cast(:kid as text[]))
        as u(task, issue_no, digest, request, signed, kid)
    on conflict do nothing returning task, digest
""")
MISSING: Final = text("""
    select distinct u.task, u.issue_no
    from unnest(cast(:task as uuid[]), cast(:issue_no as int[]), cast(:n as int[]), cast(:digest as text[]),
                cast(:size as int[])) as u(task, issue_no, n, digest, size)
    left join part p using (task, issue_no, n, digest, size)
    where p.task is null
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """An answer as it was signed."""

    answer: Answer
    digest: str
    kid: str
    signed: bytes = field(repr=False)


async def file(tx: Transaction, filings: Sequence[Filing]) -> list[Filing]:
    """File what is new, and return it; what was filed before is left out."""
    arrays = {
        "task": [each.answer.task_id for each in filings],
        "issue_no": [each.answer.issue_no for each in filings],
        "digest": [each.digest for each in filings],
        "request": [each.answer.request_id for each in filings],
        "signed": [each.signed for each in filings],
        "kid": [each.kid for each in filings],
        "now": tx.now,
    }
    fresh = {(row.task, row.digest) for row in await tx.connection.execute(FILE, arrays)}
    found = []
    for each in filings:
        if (each.answer.task_id, each.digest) in fresh:
            fresh.remove((each.answer.task_id, each.digest))  # the same answer twice in one batch counts once
            found.append(each)
    return found


async def without_parts(tx: Transaction, filings: Sequence[Filing]) -> set[tuple[TaskId, int]]:
    """The (task, issue) whose answer names a part that does not lie in the object store as named."""
    named = [(each.answer, part) for each in filings for part in each.answer.parts]
    if not named:
        return set()
    arrays = {
        "task": [answer.task_id for answer, _ in named],
        "issue_no": [answer.issue_no for answer, _ in named],
        "n": [part.n for _, part in named],
        "digest": [part.digest for _, part in named],
        "size": [part.size for _, part in named],
    }
    return {(TaskId(row.task), row.issue_no) for row in await tx.connection.execute(MISSING, arrays)}
