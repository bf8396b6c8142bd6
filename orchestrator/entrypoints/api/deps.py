"""What the routes are given: made once by wiring, handed to each by its type."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Protocol
from uuid import UUID

from fastapi import Depends, Request

from contracts.dead_letter import DeadLetter
from contracts.ids import EventId, RequestId
from orchestrator.domain.approval import TrustList
from orchestrator.domain.case import Policy
from orchestrator.domain.staff import Staff
from orchestrator.entrypoints.api.metrics import Metrics
from orchestrator.store.session import Transactions
from orchestrator.vault.blobs import Blobs
from orchestrator.vault.kms import Kms


class Unreachable(Exception):
    """Try later: something that this needs does not answer. The message says what, and names no address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A dead letter with its place on the topic."""

    partition: int
    offset: int
    letter: DeadLetter


class LetterBox(Protocol):
    """Whatever reads the topic of dead letters and can send one again; raises `Unreachable`."""

    async def newest(self, *, limit: int) -> Sequence[Letter]:
        """The newest letters first."""

    async def read(self, partition: int, offset: int) -> Letter | None:
        """One letter; None if there is none at that place (any more)."""

    async def replay(self, letter: Letter) -> None:
        """Write the record, byte for byte, to the topic that it was on; whoever reads it checks it anew."""


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

    def entry_id(self) -> EventId:
        """An id for a log entry that is about no request."""
        return EventId(self.new_id())

    def request_id(self) -> RequestId:
        """An id for a request: random, never anything about the person."""
        return RequestId(self.new_id())


def _given(request: Request) -> Deps:
    deps: Deps = request.app.state.deps
    return deps


def _caller(request: Request) -> Staff:
    staff: Staff = request.state.staff
    return staff


Given = Annotated[Deps, Depends(_given)]
Caller = Annotated[Staff, Depends(_caller)]
"""Who asks. There is one on every route that is not public: the guard has seen to it."""
