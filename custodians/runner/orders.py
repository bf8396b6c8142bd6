"""Orders: a command as one custodian keeps it, without the slices of others, its own still sealed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from contracts.command import Command, Operation, Slice
from contracts.door import Opened
from contracts.identifiers import Identifier
from contracts.ids import CustodianId, TaskId
from contracts.keys import SealingKey
from contracts.slices import slice_of
from contracts.wire import Wire
from custodians.sdk import Subject


class Order(Wire):
    """One issue of one task. Safe to keep on disk: who it is about is sealed."""

    command: Command
    digest: str  # of the command as it was signed: what the answer binds itself to

    @property
    def task_id(self) -> TaskId:
        return self.command.slices[0].task_id

    @property
    def issue_no(self) -> int:
        return self.command.slices[0].issue_no

    @property
    def operation(self) -> Operation:
        return self.command.operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An order with its slice open, for as long as it is worked on."""

    order: Order
    slice: Slice = field(repr=False)

    @property
    def subject(self) -> Subject:
        return Subject(tuple(Identifier(each.kind, each.value) for each in self.slice.identifiers))


def job_of(opened: Opened[Command], custodian: CustodianId, keys: Mapping[str, SealingKey]) -> Job:
    """Open our slice of a verified command; raises as `slice_of` does."""
    content = slice_of(opened.message, custodian, keys)
    return Job(order=order_of(opened, custodian), slice=content)


def order_of(opened: Opened[Command], custodian: CustodianId) -> Order:
    """Keep what concerns us of a command that the door found to be addressed to us."""
    ours = tuple(each for each in opened.message.slices if each.to == custodian)[:1]
    return Order(command=opened.message.model_copy(update={"slices": ours}), digest=opened.digest)


def reopen(order: Order, custodian: CustodianId, keys: Mapping[str, SealingKey]) -> Job:
    """Open a kept order again after a restart; raises as `slice_of` does if its key is gone."""
    return Job(order=order, slice=slice_of(order.command, custodian, keys))
