"""What the routes are given: made once by wiring, handed to each by its type."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends, Request

from contracts.ids import EventId, RequestId
from orchestrator.domain.approval import TrustList
from orchestrator.domain.case import Policy
from orchestrator.domain.staff import Staff
from orchestrator.entrypoints.api.letters import LetterBox, LetterCount
from orchestrator.entrypoints.api.metrics import LogPlace, Metrics
from orchestrator.entrypoints.api.together import Together
from orchestrator.store.session import Transaction, Transactions
from orchestrator.vault.blobs import Blobs
from orchestrator.vault.kms import Kms

PATIENCE_S: Final = 2.0


class _OnlyTried(Exception):
    """Rolls a dry run back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """Everything that the API does not make itself."""

    transactions: Transactions
    policy: Policy
    controller: str
    trust: Callable[[], TrustList]  # read again for each approval: a name struck off the list counts no more
    link_kms: Kms
    reply_kms: Kms
    blind_key: bytes = field(repr=False)
    blobs: Blobs
    letters: LetterBox
    schema_head: str
    broker_answers: Callable[[], Awaitable[bool]]
    new_id: Callable[[], UUID]
    new_secret: Callable[[], bytes]  # 32 bytes that nobody can guess
    clock: Callable[[], datetime]
    metrics: Metrics = field(default_factory=Metrics)
    letter_count: LetterCount = field(default_factory=LetterCount)
    log_place: LogPlace = field(default_factory=LogPlace)
    together: Together = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "together", Together(self.transactions))

    @asynccontextmanager
    async def deciding(self, *, dry_run: bool) -> AsyncIterator[Transaction]:
        """A transaction for what a person decides: a dry run does everything that the decision does, and undoes it."""
        with suppress(_OnlyTried):
            async with self.transactions() as tx:
                yield tx
                if dry_run:
                    raise _OnlyTried

    async def kafka_answers(self) -> bool:
        """Whether the broker answers within a moment."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self.broker_answers()
        except OSError:
            return False

    def entry_id(self) -> EventId:
        """An id for a log entry that is about no request."""
        return EventId(self.new_id())

    def request_id(self) -> RequestId:
        """An id for a request: random, never anything about the person."""
        return RequestId(self.new_id())


async def _given(request: Request) -> Deps:
    deps: Deps = request.app.state.deps
    return deps


async def _caller(request: Request) -> Staff:
    staff: Staff = request.state.staff
    return staff


Given = Annotated[Deps, Depends(_given)]
Caller = Annotated[Staff, Depends(_caller)]
"""Who asks. There is one on every route that is not public: the guard has seen to it."""
