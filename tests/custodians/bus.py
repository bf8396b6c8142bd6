"""A topic in memory, read as Kafka is: from the committed place, which moves only when a batch was taken."""

from dataclasses import dataclass, field, replace
from typing import Protocol

from tests.custodians.bench import Life, OnBus


class Reads(Protocol):
    """Whatever takes batches."""

    async def take(self, *records: OnBus) -> None: ...


@dataclass
class Topic:
    """Records in their order, and how far one group has come."""

    records: list[OnBus] = field(default_factory=list)
    committed: int = 0

    def publish(self, *records: OnBus) -> None:
        for each in records:
            self.records.append(replace(each, offset=len(self.records)))

    def replay(self) -> None:
        """Somebody set the group back to the start."""
        self.committed = 0

    async def deliver(self, life: Life) -> None:
        """Give all that is not committed, and commit it once it was taken."""
        batch = self.records[self.committed :]
        if batch:
            await life.inbox.take(batch)
            self.committed += len(batch)
