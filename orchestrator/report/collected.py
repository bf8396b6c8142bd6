"""The collected records, read part by part: each class can be passed over as often as a page needs it."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from itertools import islice
from typing import Final

from contracts.ids import CustodianId, DataClass, TaskId
from contracts.parts import BrokenPart, PartRecord, decode_records, decrypt_part
from orchestrator.report.given import PartGiven, ReportInput

Fetch = Callable[[PartGiven], Awaitable[bytes]]
"""Gives the ciphertext of a part."""

Batch = Sequence[PartRecord]

BATCH: Final = 250
"""Records that are decoded and written at once, at most; batches end at its multiples, and so do pages."""
KEPT_BYTES: Final = 64 * 1024
"""A class of up to so much ciphertext is read once for all its passes."""

ContentKeys = Mapping[tuple[TaskId, int], bytes]
"""The content key of each issue, by task and issue number."""


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What the custodians uploaded. No more is held at a time than one part, or one small class."""

    report: ReportInput
    fetch: Fetch
    keys: ContentKeys = field(repr=False)
    _kept: dict[tuple[CustodianId, DataClass], list[Batch]] = field(default_factory=dict, init=False, repr=False)

    async def records(self, custodian: CustodianId, data_class: DataClass) -> AsyncIterator[Batch]:
        """Yield the records of one class, in the order of the upload; raise `BrokenPart` for what is not genuine."""
        place = (custodian, data_class)
        if place not in self._kept and sum(part.size for part in self.parts(*place)) <= KEPT_BYTES:
            self._kept.clear()
            self._kept[place] = [each async for each in self._read(*place)]
        if place in self._kept:
            for each in self._kept[place]:
                yield each
        else:
            async for each in self._read(*place):
                yield each

    async def _read(self, custodian: CustodianId, data_class: DataClass) -> AsyncIterator[Batch]:
        before = 0
        for part in self.parts(custodian, data_class):
            for batch in _batches(decode_records(await self._plaintext(part)), before):
                if any(record.data_class != data_class for record in batch):
                    raise BrokenPart(f"part {part.n} holds records of another class")
                before += len(batch)
                yield batch

    def parts(self, custodian: CustodianId, data_class: DataClass) -> Sequence[PartGiven]:
        """The parts of one class, in the order of the upload."""
        its = (part for part in self.report.parts if (part.custodian, part.data_class) == (custodian, data_class))
        return sorted(its, key=lambda part: (part.task.bytes, part.issue_no, part.n))

    async def _plaintext(self, part: PartGiven) -> bytes:
        issue = (part.task, part.issue_no)
        key = self.keys.get(issue)
        if key is None:
            raise BrokenPart(f"part {part.n} has no key")
        data = await self.fetch(part)
        if sha256(data).hexdigest() != part.digest:
            raise BrokenPart(f"part {part.n} is not what was reported")
        return decrypt_part(key, data, task=part.task, n=part.n, last=part.n == self._parts_of[issue] - 1)

    @cached_property
    def _parts_of(self) -> Mapping[tuple[TaskId, int], int]:
        return Counter((part.task, part.issue_no) for part in self.report.parts)


def _batches(records: Iterator[PartRecord], before: int) -> Iterator[Batch]:
    """Cut *records* at each multiple of `BATCH`, counted from the *before* earlier ones."""
    batch = [*islice(records, BATCH - before % BATCH)]
    while batch:
        yield batch
        batch = [*islice(records, BATCH)]
