"""What happens when a command leaves: guards are asked again under the lock, issues made, and later marked as sent."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from contracts.command import Lane
from contracts.ids import CommandId, CustodianId, RequestId
from orchestrator.domain import erasing
from orchestrator.domain.approval import TrustList
from orchestrator.domain.case import Case, Intent, Policy, Step
from orchestrator.domain.draft import Draft
from orchestrator.domain.events import Event
from orchestrator.domain.issuing import Bearer, Sending, issue
from orchestrator.domain.request import State
from orchestrator.domain.stops import part
from orchestrator.domain.task import lease
from orchestrator.store import cases, keys, outbox, registry, stops
from orchestrator.store.keys import Pairs
from orchestrator.store.outbox import Sent
from orchestrator.store.registry import SealTo
from orchestrator.store.session import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """Commands that may leave now, with all that is needed to seal them. Nothing here is content yet."""

    intents: int  # so many were taken; not each of them may leave
    sendings: tuple[Sending, ...]
    cases: Mapping[RequestId, Case]
    keys: Mapping[RequestId, Pairs]
    seal_to: Mapping[CustodianId, SealTo]


async def take(
    tx: Transaction,
    lane: Lane,
    *,
    new_command: Callable[[], CommandId],
    bearer: Bearer,
    trust: TrustList,
    policy: Policy,
    limit: int,
) -> Letters | None:
    """Take intents of *lane* and turn them into issues, in the caller's transaction; None if there are none.

    What a switch holds back stays planned, and its intent waits for the release.
    Whatever is returned must be sent after the commit: an issue that is not marked as sent gets a successor.
    """
    intents = await outbox.claim(tx, lane, limit=limit)
    if not intents:
        return None
    held = await cases.lock(tx, {each.request for each in intents})
    steps: list[Step] = []
    sendings: list[Sending] = []
    for request, wanted in (await _allowed(tx, held, intents)).items():
        commands = [new_command() for _ in wanted]
        step, made = issue(
            held[request], wanted, commands=commands, bearer=bearer, trust=trust, at=tx.now, policy=policy
        )
        steps.extend([step] if step else [])
        sendings.extend(made)
    await cases.write(tx, steps)
    return Letters(
        intents=len(intents),
        sendings=tuple(sendings),
        cases=held,
        keys=await keys.read(tx, {each.request.id for each in sendings}),
        seal_to=await registry.sealing_keys(tx),
    )


async def _allowed(
    tx: Transaction, held: Mapping[RequestId, Case], intents: Sequence[Intent]
) -> Mapping[RequestId, list[Intent]]:
    """Each request's intents as far as no switch is against them; the rest of them waits for its release."""
    stopped = await stops.standing(tx)
    claimed = _by_request(intents)
    parted = {request: part(held[request], wanted, stopped) for request, wanted in claimed.items() if request in held}
    await stops.hold(tx, [each for _, staying in parted.values() for each in staying])
    return {request: leaving for request, (leaving, _) in parted.items()}


def _by_request(intents: Sequence[Intent]) -> Mapping[RequestId, list[Intent]]:
    grouped: defaultdict[RequestId, list[Intent]] = defaultdict(list)
    for each in intents:
        grouped[each.request].append(each)
    return grouped


async def confirm(tx: Transaction, sent: Sequence[tuple[Sending, str]]) -> None:
    """Mark as sent what the broker confirmed, each with the digest of its bytes, in the caller's transaction."""
    marks = [mark for sending, digest in sent for mark in _marks(sending, digest, tx)]
    if marks:
        await outbox.mark_sent(tx, marks)


async def void(tx: Transaction, swapped: Collection[RequestId], *, policy: Policy) -> None:
    """End the approvals of erasures whose identifiers are no longer those that were approved: it is an alarm.

    What only reads has no approval to end: it goes on failing, as the log of this role and `dsar why` say.
    """
    held = await cases.lock(tx, swapped)
    steps = []
    for case in held.values():
        draft = Draft(case, at=tx.now, policy=policy)
        if draft.request.state is State.ERASING and draft.approval is not None and not draft.approval.void:
            erasing.end_approval(draft, Event.SIGNATURES_UNFIT)
            steps.append(draft.step())
    await cases.write(tx, steps)


def _marks(sending: Sending, digest: str, tx: Transaction) -> Iterator[Sent]:
    for task in sending.tasks:
        yield Sent(
            request=sending.request.id,
            task=task.id,
            issue_no=task.issue_no,
            digest=digest,
            look_again_at=tx.now + lease(sending.operation, sum(1 for each in task.issues if each.sent_at) + 1),
        )
