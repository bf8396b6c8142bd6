"""A dispatcher: intents of one lane become signed commands. The only holder of its lane's command key."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256

import structlog

from contracts.bus.letters import Publishes
from contracts.command import Command, Lane
from contracts.envelope import Draft, Envelope, draft, sign_drafts
from contracts.ids import CommandId, RequestId, TaskId
from contracts.keys import SealingKey, SigningKey
from orchestrator.domain.approval import TrustList
from orchestrator.domain.case import Policy
from orchestrator.domain.issuing import MAX_ISSUE_BYTES, Sending
from orchestrator.flow import dispatch
from orchestrator.flow.dispatch import Letters
from orchestrator.store.session import Transactions
from orchestrator.vault.commands import Secrets, SwappedIdentifier, compose
from orchestrator.vault.keys import KeyUse, unwrap
from orchestrator.vault.kms import CannotUnwrap, Kms

log = structlog.get_logger()


class Bearers:
    """The bearers of upload grants of one batch: each made when its issue is made, and told when it is sealed."""

    def __init__(self, new_bearer: Callable[[], str]) -> None:
        self._new = new_bearer
        self._made: dict[tuple[TaskId, int], str] = {}

    def hashed(self, task: TaskId, issue_no: int) -> bytes:
        """Make the bearer of an issue; the database gets to see its hash."""
        bearer = self._made[task, issue_no] = self._new()
        return sha256(bearer.encode()).digest()

    def told(self, task: TaskId, issue_no: int) -> str:
        """The bearer of an issue, for its recipient."""
        return self._made[task, issue_no]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """One lane. Two transactions with the sending between them: what may have left is never rolled back."""

    lane: Lane
    transaction: Transactions
    policy: Policy
    trust: Callable[[], TrustList]
    signer: SigningKey
    link_kms: Kms
    blind_key: bytes = field(repr=False)
    sender: Publishes
    upload_url: str
    new_command: Callable[[], CommandId]
    new_bearer: Callable[[], str] = field(repr=False)
    limit: int = 200  # intents at once: more would only hold their locks for longer

    async def once(self) -> int:
        """Send what waits, up to a batch; return how many intents were taken: less than *limit* are all there were."""
        bearers = Bearers(self.new_bearer)
        async with self.transaction() as tx:
            letters = await dispatch.take(
                tx,
                self.lane,
                new_command=self.new_command,
                bearer=bearers.hashed,
                trust=self.trust(),
                policy=self.policy,
                limit=self.limit,
            )
        if letters is None:
            return 0
        ready, swapped = await self._compose(letters, bearers)
        written = await self.sender.send([envelope for _, envelope in ready])
        sent = [each for each, sure in zip(ready, written, strict=True) if sure]
        async with self.transaction() as tx:
            await dispatch.confirm(tx, [(sending, sha256(envelope.value).hexdigest()) for sending, envelope in sent])
        if swapped:
            async with self.transaction() as tx:
                await dispatch.void(tx, swapped, policy=self.policy)
        log.info("commands.sent", lane=self.lane, sent=len(sent), unconfirmed=len(letters.sendings) - len(sent))
        return letters.intents

    async def _compose(
        self, letters: Letters, bearers: Bearers
    ) -> tuple[list[tuple[Sending, Envelope]], set[RequestId]]:
        """What may be sent, and the requests whose identifiers are not those that their index names."""
        keys = await self._link_keys(letters)
        ready: list[tuple[Sending, Draft]] = []
        swapped: set[RequestId] = set()
        for sending in letters.sendings:
            link = keys.get(sending.request.id)
            try:
                composed = None if link is None else self._composed(sending, letters, link, bearers)
            except ValueError as error:  # of this request alone: the others must leave all the same
                composed = None
                log.error("commands.unsealable", request=str(sending.request.id), error=type(error).__name__)
                swapped |= {sending.request.id} if isinstance(error, SwappedIdentifier) else set()
            if composed is not None:
                ready.append(composed)
        envelopes = sign_drafts([each for _, each in ready], signer=self.signer)
        return [(told, envelope) for (told, _), envelope in zip(ready, envelopes, strict=True)], swapped

    def _composed(
        self, sending: Sending, letters: Letters, link: SealingKey, bearers: Bearers
    ) -> tuple[Sending, Draft] | None:
        """The command, and the sending as far as it is in it: who has no key to seal to is not marked as sent."""
        command = self._command(sending, letters, link, bearers)
        if command is None:
            log.error("commands.without_recipient", request=str(sending.request.id), operation=sending.operation)
            return None
        reached = {each.task_id for each in command.slices}
        if missed := [task.custodian for task in sending.tasks if task.id not in reached]:
            log.error("commands.without_key", request=str(sending.request.id), custodian=missed)
        told = replace(sending, tasks=tuple(task for task in sending.tasks if task.id in reached))
        return told, draft(command)

    def _command(self, sending: Sending, letters: Letters, link: SealingKey, bearers: Bearers) -> Command | None:
        secrets = Secrets(
            link=link,
            blind_key=self.blind_key,
            reply_public=letters.keys[sending.request.id].reply.public,
            seal_to={custodian: each.public for custodian, each in letters.seal_to.items()},
            bearers=bearers.told,
            upload_url=self.upload_url,
            max_upload=MAX_ISSUE_BYTES,
        )
        return compose(sending, letters.cases[sending.request.id], secrets, environment=self.policy.environment)

    async def _link_keys(self, letters: Letters) -> dict[RequestId, SealingKey]:
        wrapped = {request: pairs.link.wrapped for request, pairs in letters.keys.items()}
        asked = [(request, each) for request, each in wrapped.items() if each is not None]
        for request in wrapped.keys() - {request for request, _ in asked}:
            log.error("commands.shredded", request=str(request))
        opened = await asyncio.gather(
            *(unwrap(self.link_kms, request, KeyUse.LINK, each) for request, each in asked), return_exceptions=True
        )
        for (request, _), key in zip(asked, opened, strict=True):
            if isinstance(key, CannotUnwrap):
                log.error("commands.unsealable", request=str(request), error=type(key).__name__)
            elif isinstance(key, BaseException):
                raise key
        return {request: key for (request, _), key in zip(asked, opened, strict=True) if isinstance(key, SealingKey)}
