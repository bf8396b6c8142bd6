"""What happens when answers arrive: each is filed once, ends its task, and moves its request on."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.answer import Answer
from contracts.door import Opened
from contracts.ids import RequestId, TaskId
from orchestrator.domain.admission import Claims, Found
from orchestrator.domain.case import Case, Policy, Said
from orchestrator.domain.hearing import hear
from orchestrator.domain.recovery import is_forgotten, lost_entry
from orchestrator.store import cases, inbox, recovery
from orchestrator.store.inbox import Filing
from orchestrator.store.session import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What came of a batch."""

    fresh: int
    repeated: int
    forgotten: int = 0  # to commands that a restored backup lost: kept as facts
    strangers: tuple[Opened[Answer], ...]  # no such task, or not this custodian's: for the dead letters


async def record(tx: Transaction, answers: Sequence[Opened[Answer]], found: Found, *, policy: Policy) -> Recorded:
    """File a batch of verified answers, and write down all that follows, in the caller's transaction.

    Safe to repeat: an answer filed before changes nothing. Collect, preview, erase and probe all come
    through here, because requests are locked once, in order of id, before anything else is touched.
    No content of an answer raises. *found* was opened with the link keys before this transaction began.
    """
    held = await cases.lock(tx, {each.message.request_id for each in answers})
    ours = [each for each in answers if _expected(held, each)]
    others = [each for each in answers if not _expected(held, each)]
    forgotten = [each for each in others if _forgotten(held, each, tx.now, policy)]
    fresh = await inbox.file(tx, [_filing(each) for each in ours])
    incomplete = await inbox.without_parts(tx, fresh)
    lost = await recovery.file(tx, [_filing(each) for each in forgotten])
    told = [_said(each, found, incomplete) for each in fresh] + [_lost(each) for each in lost]
    steps = [
        hear(held[request], said, at=tx.now, policy=policy)
        for request, said in _by_request(told).items()
        if request in held
    ]
    await cases.write(tx, steps)  # a statement per table, whatever the size of the batch
    orphans = [each for each in lost if each.answer.request_id not in held]
    await cases.append(tx, [lost_entry(each.answer, each.digest, at=tx.now) for each in orphans])
    return Recorded(
        fresh=len(fresh),
        repeated=len(ours) - len(fresh),
        forgotten=len(lost),
        strangers=tuple(each for each in others if not _forgotten(held, each, tx.now, policy)),
    )


def _expected(held: Mapping[RequestId, Case], each: Opened[Answer]) -> bool:
    case = held.get(each.message.request_id)
    return case is not None and case.expects(each.message)


def _forgotten(held: Mapping[RequestId, Case], each: Opened[Answer], at: datetime, policy: Policy) -> bool:
    return is_forgotten(held.get(each.message.request_id), each.message, at=at, policy=policy)


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


def _lost(each: Filing) -> Said:
    return Said(answer=each.answer, digest=each.digest, forgotten=True)


def _by_request(told: Sequence[Said]) -> Mapping[RequestId, list[Said]]:
    grouped: defaultdict[RequestId, list[Said]] = defaultdict(list)
    for each in told:
        grouped[each.answer.request_id].append(each)
    return grouped
