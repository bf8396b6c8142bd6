"""The collected records, read part by part: each class can be passed over as often as a page needs it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from contracts.ids import CustodianId, DataClass, TaskId
from contracts.parts import BrokenPart, PartRecord, decode_records, decrypt_part
from orchestrator.report.given import PartGiven, ReportInput

Fetch = Callable[[PartGiven], AsyncIterator[bytes]]
"""Gives the ciphertext of a part, in chunks."""

KEPT_BYTES: Final = 64 * 1024
"""A class of up to so much ciphertext is read once for all its passes."""

ContentKeys = Mapping[tuple[TaskId, int], bytes]
"""The content key of each issue, by task and issue number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What the custodians uploaded. No more is held at a time than one part, or one small class."""

    report: ReportInput
    fetch: Fetch
    keys: ContentKeys = field(repr=False)
    _kept: dict[tuple[CustodianId, DataClass], list[PartRecord]] = field(default_factory=dict, init=False, repr=False)

    async def records(self, custodian: CustodianId, data_class: DataClass) -> AsyncIterator[PartRecord]:
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

    async def _read(self, custodian: CustodianId, data_class: DataClass) -> AsyncIterator[PartRecord]:
        for part in self.parts(custodian, data_class):
            for record in decode_records(await self._plaintext(part)):
                if record.data_class != data_class:
                    raise BrokenPart(f"part {part.n} holds records of another class")
                yield record

    def parts(self, custodian: CustodianId, data_class: DataClass) -> Sequence[PartGiven]:
        """The parts of one class, in the order of the upload."""
        its = (part for part in self.report.parts if (part.custodian, part.data_class) == (custodian, data_class))
        return sorted(its, key=lambda part: (part.task.bytes, part.issue_no, part.n))

    async def _plaintext(self, part: PartGiven) -> bytes:
        key = self.keys.get((part.task, part.issue_no))
        if key is None:
            raise BrokenPart(f"part {part.n} has no key")
        data = await self._ciphertext(part)
        last = part.n == len(self.report.issues()[part.task, part.issue_no]) - 1
        return decrypt_part(key, data, task=part.task, n=part.n, last=last)

    async def _ciphertext(self, part: PartGiven) -> bytes:
        data = bytearray()
        async for chunk in self.fetch(part):
            data += chunk
            if len(data) > part.size:
                raise BrokenPart(f"part {part.n} is longer than what was reported")
        if sha256(data).hexdigest() != part.digest:
            raise BrokenPart(f"part {part.n} is not what was reported")
        return bytes(data)
