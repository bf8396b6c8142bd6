"""The engine's first door: answers and heartbeats come in from the bus, in batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from contracts.answer import Answer
from contracts.bus.letters import DeadLetters
from contracts.dead_letter import Refusal
from contracts.door import Opened, Rejected, Sorted, answers_door, open_envelopes
from contracts.envelope import Record
from contracts.heartbeat import Heartbeat
from contracts.keys import KeyRing
from orchestrator.domain.case import Policy
from orchestrator.flow.answers import record
from orchestrator.flow.links import open_found
from orchestrator.flow.registry import heard
from orchestrator.store import registry
from orchestrator.store.session import Transactions
from orchestrator.vault.kms import Kms

log = structlog.get_logger()

RING_SECONDS: Final = 60.0
"""How long a revoked key may still be believed."""


@dataclass(slots=True, kw_only=True)
class Answers:
    """The handler of the answers' topic. A batch it returns from may be committed; one it raises on comes again."""

    transaction: Transactions
    policy: Policy
    link_kms: Kms
    blind_key: bytes = field(repr=False)
    dead_letters: DeadLetters
    clock: Callable[[], float]
    prefix: str = ""
    _ring: KeyRing = field(default_factory=KeyRing)
    _ring_read_at: float = 0.0

    async def handle(self, records: Sequence[Record]) -> None:
        """Open each record by itself, dead-letter what is none of ours, and file the rest in one transaction."""
        batch = await self._open(records)
        await self.dead_letters.forward(batch.rejected)
        answers = [each.narrowed(Answer) for each in batch.opened if isinstance(each.message, Answer)]
        beats = [each.message for each in batch.opened if isinstance(each.message, Heartbeat)]
        try:
            strangers = await self._file(answers, beats)
        except DBAPIError as error:
            if not _is_about_data(error):
                raise
            # one of them cannot be written: find out which
            log.warning("answers.batch_split", error=type(error).__name__, answers=len(answers))
            strangers = [stranger for each in answers for stranger in await self._file_alone(each)]
            for beat in beats:
                await self._hear_alone(beat)
        await self.dead_letters.forward(strangers)

    async def _open(self, records: Sequence[Record]) -> Sorted[Answer | Heartbeat]:
        """Open with the keys that are known; a key that is not may have been admitted just now."""
        if self.clock() - self._ring_read_at >= RING_SECONDS:
            await self._read_ring()
        batch = self._opened(records)
        if any(each.refusal is Refusal.UNKNOWN_KEY for each in batch.rejected):
            await self._read_ring()
            batch = self._opened(records)
        return batch

    async def _read_ring(self) -> None:
        async with self.transaction() as tx:
            self._ring = KeyRing(await registry.signing_keys(tx))
        self._ring_read_at = self.clock()

    def _opened(self, records: Sequence[Record]) -> Sorted[Answer | Heartbeat]:
        door = answers_door(environment=self.policy.environment, ring=self._ring, prefix=self.prefix)
        return open_envelopes(records, door, int(self.clock()))

    async def _file(self, answers: Sequence[Opened[Answer]], beats: Sequence[Heartbeat]) -> list[Rejected]:
        found = await open_found(self.transaction, answers, kms=self.link_kms, blind_key=self.blind_key)
        async with self.transaction() as tx:
            recorded = await record(tx, answers, found, policy=self.policy)
            await heard(tx, beats)
        if recorded.fresh or recorded.repeated:
            log.info("answers.recorded", fresh=recorded.fresh, repeated=recorded.repeated)
        if recorded.forgotten:
            log.warning("answers.of_lost_tasks", answers=recorded.forgotten)
        return [each.refused(Refusal.UNKNOWN_TASK) for each in recorded.strangers]

    async def _file_alone(self, answer: Opened[Answer]) -> list[Rejected]:
        try:
            return await self._file([answer], [])
        except DBAPIError as error:
            if not _is_about_data(error):
                raise
            log.warning("answers.unwritable", error=type(error).__name__)
            return [answer.refused(Refusal.BAD_SCHEMA)]

    async def _hear_alone(self, beat: Heartbeat) -> None:
        """The next one comes in half a minute: of one that cannot be written, no more is kept than this line."""
        try:
            await self._file([], [beat])
        except DBAPIError as error:
            if not _is_about_data(error):
                raise
            log.warning("heartbeats.unwritable", error=type(error).__name__, custodian=beat.custodian)


def _is_about_data(error: DBAPIError) -> bool:
    """Whether the values are at fault (SQLSTATE classes 22 and 23), not the server or the connection."""
    state = getattr(error.orig, "sqlstate", None)
    return isinstance(state, str) and state[:2] in ("22", "23")
