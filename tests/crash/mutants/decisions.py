"""Bugs of the orchestrator's decisions: whose clock, whose signature, when to ask again, and when it is over."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from asyncpg import InterfaceError, InternalClientError, PostgresError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.answer import Answer
from contracts.command import Operation
from contracts.door import Opened, Rejected
from contracts.heartbeat import Heartbeat
from orchestrator.domain.approval import Approval, TrustList
from orchestrator.domain.case import Said
from orchestrator.domain.draft import Draft
from orchestrator.domain.request import Request, State
from orchestrator.domain.task import Task
from orchestrator.domain.ticking import Heard
from orchestrator.entrypoints.answers import Answers, _is_about_data
from orchestrator.store.session import TRANSACTION_S, Transaction, Transactions
from tests.crash.mutants.planting import Bug


class SwallowedConnectionError(Bug):
    """A connection that broke in the middle counts as done."""

    name = "swallowed_internal_client_error"
    target = "orchestrator.entrypoints.answers:Answers._file"

    async def planted(
        self, engine: Answers, answers: Sequence[Opened[Answer]], beats: Sequence[Heartbeat]
    ) -> list[Rejected]:
        try:
            strangers: list[Rejected] = await self.original(engine, answers, beats)
        except (DBAPIError, InternalClientError, InterfaceError, PostgresError, OSError) as error:
            if isinstance(error, DBAPIError) and _is_about_data(error):
                raise
            return []
        return strangers


class ApprovalNotBoundToPlan(Bug):
    """Two good signatures are good for whatever is about to be sent."""

    name = "approval_not_bound_to_plan"
    target = "orchestrator.domain.approval:fits"

    def planted(
        self,
        approval: Approval,
        request: Request,
        trust: TrustList,
        *,
        environment: str,
        plan_hash: str,  # noqa: ARG002 - as the target has it
        not_before: datetime,
    ) -> bool:
        fits: bool = self.original(
            approval,
            replace(request, plan_hash=approval.plan_hash),
            trust,
            environment=environment,
            plan_hash=approval.plan_hash,
            not_before=not_before,
        )
        return fits


FAST: Final = timedelta(hours=1)


class HostClock(Bug):
    """What time it is, the host says: and this one's clock is an hour fast."""

    name = "host_clock"
    target = "orchestrator.store.session:transactions"

    def planted(self, engine: AsyncEngine, *, transaction_s: float = TRANSACTION_S) -> Transactions:
        opened: Transactions = self.original(engine, transaction_s=transaction_s)

        @asynccontextmanager
        async def transaction() -> AsyncIterator[Transaction]:
            async with opened() as tx:
                yield replace(tx, now=datetime.now(UTC) + FAST)  # noqa: TID251 - the very bug

        return transaction


class AnswerAcceptedAfterClose(Bug):
    """A request that is over goes on listening."""

    name = "answer_accepted_after_close"
    target = "orchestrator.domain.hearing:_take"

    def planted(self, draft: Draft, said: Said) -> None:
        was = draft.request.state
        if was is State.CLOSED:
            draft.request = replace(draft.request, state=State.SEARCHING)
        self.original(draft, said)
        draft.request = replace(draft.request, state=was)


class NoLease(Bug):
    """Whoever took something and did not bring it to its end is waited for, for ever."""

    name = "no_lease"
    target = "orchestrator.domain.ticking:_lost"

    def planted(self, task: Task, heard: Heard) -> bool:  # noqa: ARG002 - as the target has it
        return False


class TimerReissue(Bug):
    """Whoever does not answer in time is asked again, dead or alive."""

    name = "timer_reissue"
    target = "orchestrator.domain.ticking:_lost"

    def planted(self, task: Task, heard: Heard) -> bool:  # noqa: ARG002 - as the target has it
        return True


class ShortLeases(Bug):
    """No bug but a hurry: what takes minutes takes seconds, or the harness would wait for them."""

    name = "short_leases"
    target = "orchestrator.domain.task:lease"

    def planted(self, operation: Operation, attempts: int) -> timedelta:  # noqa: ARG002 - as the target has it
        return timedelta(seconds=0.5)
