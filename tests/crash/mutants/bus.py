"""Bugs of the bus's readers: what is forgotten too early, and what is thrown away."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from contracts.bus.connection import Connection
from contracts.bus.letters import DeadLetters
from contracts.door import Rejected
from tests.crash.mutants.planting import Bug


class OffsetAutoCommit(Bug):
    """The consumer commits by the clock, whatever became of the batch."""

    name = "offset_auto_commit"
    target = "contracts.bus.client:_broker"

    def planted(self, connection: Connection, middleware: Any) -> KafkaBroker:  # noqa: ANN401 - as the target has it
        broker: Any = self.original(connection, middleware)
        broker.subscriber = partial(_hasty, broker.subscriber)
        made: KafkaBroker = broker
        return made


def _hasty(subscriber: Any, *topics: str, ack_policy: AckPolicy, **options: Any) -> Any:  # noqa: ANN401 - FastStream's
    return subscriber(*topics, ack_policy=AckPolicy.ACK_FIRST, auto_commit_interval_ms=50, **options)


class DeadLetterDropped(Bug):
    """What was refused is gone, and nobody is told."""

    name = "dead_letter_dropped"
    target = "contracts.bus.letters:DeadLetters.forward"

    async def planted(self, letters: DeadLetters, rejected: Sequence[Rejected]) -> None: ...
