"""Replies: a conclusion sealed once, stored, and sent in the same bytes until the bus has it.

It is signed when it leaves, together with whatever else is ready by then.
"""

import asyncio
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from contracts.answer import Answer
from contracts.bus.letters import Publishes
from contracts.bus.resting import LONGEST_REST_S
from contracts.bus.sender import NotWritten
from contracts.command import Command, SliceIdentifier
from contracts.envelope import Draft, draft, sign_drafts
from contracts.identifiers import Identifier
from contracts.ids import CustodianId, TaskId, WorkerId
from contracts.keys import SigningKey, kid_of
from contracts.parts import SealedNotes
from contracts.results import Failed
from contracts.sealing import seal
from contracts.topics import MAX_BATCH
from contracts.wire import Wire
from custodians.runner.failures import UnsayableAnswer, name_of
from custodians.runner.ledger import Ending, Ledger, Stored, stored
from custodians.runner.orders import Order
from custodians.runner.work import Conclusion

log = structlog.get_logger()

AGAIN_IN_S: Final = 1.0
REST_EACH_S: Final = 0.03
"""What is rested after each answer that left, at most `LONGEST_REST_S` in all: under load answers leave together, at a
fraction of the cost. One that comes to an idle worker leaves at once."""

MOST_READY: Final = 2 * MAX_BATCH
"""Stored answers kept at hand. The rest is read from the ledger when its turn comes."""

UNSAYABLE: Final = Conclusion(outcome=Failed(retryable=False, error=UnsayableAnswer.__name__))
"""Said instead of an answer that cannot be: it must end its task all the same, and not stop the worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who answers."""

    environment: str
    custodian: CustodianId
    worker: WorkerId
    manifest_hash: str
    signer: SigningKey = field(repr=False)


class Replies:
    """The way out: nothing is sent that is not stored, and what is stored is sent."""

    def __init__(self, ledger: Ledger, sender: Publishes, identity: Identity, *, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._sender = sender
        self._identity = identity
        self._clock = clock
        self._wake = asyncio.Event()
        self._ready: dict[TaskId, Stored] = {}
        self._behind = True  # there may be answers that only the ledger has
        self._gone = 0

    async def conclude(self, order: Order, conclusion: Conclusion, *, began: float) -> None:
        """Store the answer to an order and have it sent, unless the order was ended or answered meanwhile."""
        try:
            answer = stored(order, self._draft(order, conclusion, began))
        except ValueError as error:  # over a message's size, or to be sealed to what is no key
            log.warning("answer.unsayable", task=str(order.task_id), error=name_of(error))
            conclusion = UNSAYABLE
            answer = stored(order, self._draft(order, conclusion, began))
        kept = await self._ledger.finish(order, conclusion.ending, conclusion.outcome, answer)
        if not kept:
            return
        self._log(order, conclusion)
        self._leave(answer)
        if conclusion.ending is Ending.ENDED:
            await self.tell_ends()

    async def tell_ends(self) -> None:
        """Answer every order that met a task which will never run."""
        for owed in await self._ledger.owed():
            conclusion = Conclusion(outcome=owed.outcome)
            answer = stored(owed.order, self._draft(owed.order, conclusion, self._clock()))
            if await self._ledger.tell(owed.order, answer):
                self._log(owed.order, conclusion)
                self._leave(answer)

    async def refuse(self, orders: Sequence[Order], conclusion: Conclusion) -> None:
        """Answer orders that the ledger has not taken. Raises `NotWritten`: then they must come again."""
        if not orders:
            return
        written = await self._send([self._draft(order, conclusion, self._clock()) for order in orders])
        for order, sure in zip(orders, written, strict=True):
            if sure:
                self._log(order, conclusion)
        if not all(written):
            raise NotWritten("an answer was not confirmed")

    def kick(self) -> None:
        """Say that the ledger holds something to send."""
        self._behind = True
        self._wake.set()

    def _leave(self, answer: Stored) -> None:
        if len(self._ready) < MOST_READY:
            self._ready[answer.task_id] = answer
        else:
            self._behind = True
        self._wake.set()

    async def run(self) -> None:
        """Send for ever, starting with what an earlier life left behind."""
        self.kick()
        while True:
            await self._wake.wait()
            self._wake.clear()
            before = self._gone
            if await self.flush():
                await asyncio.sleep(min(LONGEST_REST_S, REST_EACH_S * (self._gone - before)))
            else:
                await asyncio.sleep(AGAIN_IN_S)
                self._wake.set()

    async def flush(self) -> bool:
        """Send what is unsent, in batches; False if some of it could not be confirmed."""
        while answers := await self._unsent():
            gone = False
            try:
                gone = await self._deliver(answers)
            finally:  # also when it is cancelled: the ledger has what was not confirmed
                self._behind = self._behind or not gone
            if not gone:
                return False
        return True

    async def _unsent(self) -> Sequence[Stored]:
        """What is at hand; all that the ledger has, if there may be more."""
        if not self._behind:
            return list(islice(self._ready.values(), MAX_BATCH))
        self._behind = False
        answers = await self._ledger.unsent(MAX_BATCH)
        self._behind = self._behind or len(answers) == MAX_BATCH
        return answers

    async def _deliver(self, answers: Sequence[Stored]) -> bool:
        try:
            written = await self._send([answer.draft(self._identity.environment) for answer in answers])
        except KafkaError as error:
            log.warning("replies.unsent", error=type(error).__name__, count=len(answers))
            return False
        sent = [answer for answer, sure in zip(answers, written, strict=True) if sure]
        await self._ledger.sent(sent)
        self._gone += len(sent)
        for answer in sent:
            if self._ready.get(answer.task_id) == answer:  # else there is a newer one by now
                del self._ready[answer.task_id]
        return all(written)

    async def _send(self, drafts: Sequence[Draft]) -> tuple[bool, ...]:
        return await self._sender.send(sign_drafts(drafts, signer=self._identity.signer))

    def _draft(self, order: Order, conclusion: Conclusion, began: float) -> Draft:
        now, who, command = self._clock(), self._identity, order.command
        answer = Answer(
            environment=who.environment,
            custodian=who.custodian,
            task_id=order.task_id,
            issue_no=order.issue_no,
            command_id=command.command_id,
            command_digest=order.digest,
            request_id=command.request_id,
            operation=command.operation,
            iat=int(now),
            manifest_hash=who.manifest_hash,
            outcome=conclusion.outcome,
            classes=conclusion.classes,
            parts=conclusion.parts,
            found=tuple(_sealed_identifier(each, command) for each in conclusion.found),
            sealed=_sealed_key(conclusion.content_key, command),
            worker=who.worker,
            duration_ms=max(0, int((now - began) * 1000)),
        )
        return draft(answer)

    def _log(self, order: Order, conclusion: Conclusion) -> None:
        outcome = conclusion.outcome.kind if conclusion.outcome else "results"
        log.info("answer.stored", task=str(order.task_id), issue=order.issue_no, kind=order.operation, outcome=outcome)


def _sealed_identifier(found: Identifier, command: Command) -> str:
    return _sealed(SliceIdentifier(kind=found.kind, value=found.value), command.link_key, command)


def _sealed_key(content_key: bytes | None, command: Command) -> str | None:
    if content_key is None:
        return None
    return _sealed(SealedNotes(content_key=b64encode(content_key).decode()), command.reply_key, command)


def _sealed(content: Wire, key: str, command: Command) -> str:
    public = urlsafe_b64decode(key + "=" * (-len(key) % 4))
    return seal(content.to_bytes(), to=public, kid=kid_of(public), apv=str(command.request_id))
