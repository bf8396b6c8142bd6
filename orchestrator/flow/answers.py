"""What happens when answers arrive: each is filed once, ends its task, and moves its request on."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.answer import Answer
from contracts.door import Opened
from contracts.ids import RequestId, TaskId
from orchestrator.domain.admission import Claims, Found
from orchestrator.domain.case import Case, Policy, Said
from orchestrator.domain.hearing import hear
from orchestrator.store import cases, inbox
from orchestrator.store.inbox import Filing
from orchestrator.store.session import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What came of a batch."""

    fresh: int
    repeated: int
    strangers: tuple[Opened[Answer], ...]  # no such task, or not this custodian's: for the dead letters


async def record(tx: Transaction, answers: Sequence[Opened[Answer]], found: Found, *, policy: Policy) -> Recorded:
    """File a batch of verified answers, and write down all that follows, in the caller's transaction.

    Safe to repeat: an answer filed before changes nothing. Collect, preview, erase and probe all come
    through here, because requests are locked once, in order of id, before anything else is touched.
    No content of an answer raises. *found* was opened with the link keys before this transaction began.
    """
    held = await cases.lock(tx, {each.message.request_id for each in answers})
    ours = [each for each in answers if _expected(held, each)]
    fresh = await inbox.file(tx, [_filing(each) for each in ours])
    incomplete = await inbox.without_parts(tx, fresh)
    steps = [
        hear(held[request], [_said(each, found, incomplete) for each in said], at=tx.now, policy=policy)
        for request, said in _by_request(fresh).items()
    ]
    await cases.write(tx, steps)  # a statement per table, whatever the size of the batch
    strangers = tuple(each for each in answers if not _expected(held, each))
    return Recorded(fresh=len(fresh), repeated=len(ours) - len(fresh), strangers=strangers)


def _expected(held: Mapping[RequestId, Case], each: Opened[Answer]) -> bool:
    case = held.get(each.message.request_id)
    return case is not None and case.expects(each.message)


def _filing(each: Opened[Answer]) -> Filing:
    return Filing(answer=each.message, digest=each.digest, kid=each.kid, signed=each.value)


def _said(each: Filing, found: Found, incomplete: set[tuple[TaskId, int]]) -> Said:
    claims = found.get(each.digest, Claims())
    return Said(
        answer=each.answer,
        digest=each.digest,
        claims=claims.readable,
        unreadable=claims.unreadable,
        uploaded=(each.answer.task_id, each.answer.issue_no) not in incomplete,
    )


def _by_request(filings: Sequence[Filing]) -> Mapping[RequestId, list[Filing]]:
    grouped: defaultdict[RequestId, list[Filing]] = defaultdict(list)
    for each in filings:
        grouped[each.answer.request_id].append(each)
    return grouped
