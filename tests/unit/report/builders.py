"""Reports over made-up uploads: encrypted as a custodian would, fetched from memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from io import BytesIO
from uuid import UUID
from zipfile import ZipFile

from pydantic import JsonValue

from contracts.identifiers import Identifier
from contracts.ids import CustodianId, DataClass, RequestId, TaskId
from contracts.parts import PartRecord, encode_record, encrypt_part
from contracts.results import Found, NotFound, Result
from orchestrator.report.archive import build
from orchestrator.report.given import CustodianGiven, LineGiven, PartGiven, ReportInput

REQUEST = RequestId(UUID("7f3c9a52-51de-4a07-9d0e-6f1f5f0a2b11"))
KEY = b"k" * 32


def a_task(custodian: str) -> TaskId:
    return TaskId(UUID(bytes=sha256(custodian.encode()).digest()[:16]))


def a_line(name: str, *said: Result, label: str = "", gap: bool = False, purpose: str = "") -> LineGiven:
    return LineGiven(
        data_class=DataClass(name),
        label=label or name.capitalize(),
        purpose=purpose or "Serving you",
        categories=("contact", "purchases"),
        basis="contract, GDPR Art. 6(1)(b)",
        retention="10 years after the last order",
        said=said,
        gap=gap,
    )


def a_custodian(id_: str, *lines: LineGiven, owner: str = "") -> CustodianGiven:
    return CustodianGiven(id=CustodianId(id_), owner=owner or f"{id_.capitalize()} team", lines=lines)


def a_report(*custodians: CustodianGiven, **changes: object) -> ReportInput:
    plain = ReportInput(
        request_id=REQUEST,
        received_on=date(2026, 3, 1),
        due=date(2026, 4, 1),
        controller="Example Ltd",
        built_at=datetime(2026, 3, 9, 14, 5, 7, tzinfo=UTC),
        custodians=custodians,
    )
    return ReportInput.model_validate({**plain.model_dump(), **changes})


def records(name: str, rows: Iterable[Mapping[str, JsonValue]]) -> list[bytes]:
    return [
        encode_record(PartRecord(data_class=DataClass(name), key=f"{name}/{n}", fields=row))
        for n, row in enumerate(rows, start=1)
    ]


@dataclass
class Uploads:
    """What custodians have uploaded, and the keys to it."""

    parts: list[PartGiven] = field(default_factory=list)
    blobs: dict[tuple[TaskId, int], bytes] = field(default_factory=dict)
    keys: dict[tuple[TaskId, int], bytes] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)

    def add(self, custodian: str, pieces: Sequence[tuple[str, Sequence[bytes]]]) -> None:
        """Upload *pieces* as one issue: each a data class and the lines of one part."""
        task = a_task(custodian)
        self.keys[task, 1] = KEY
        for n, (name, lines) in enumerate(pieces):
            data = encrypt_part(KEY, b"".join(lines), task=task, n=n, last=n == len(pieces) - 1)
            self.blobs[task, n] = data
            self.parts.append(
                PartGiven(
                    task=task,
                    issue_no=1,
                    n=n,
                    custodian=CustodianId(custodian),
                    data_class=DataClass(name),
                    digest=sha256(data).hexdigest(),
                    size=len(data),
                )
            )

    async def fetch(self, part: PartGiven) -> bytes:
        self.asked.append(part.n)
        return self.blobs[part.task, part.n]


async def zipped(report: ReportInput, uploads: Uploads, identifiers: Sequence[Identifier] = ()) -> bytes:
    stream = build(report, identifiers=identifiers, fetch=uploads.fetch, keys=uploads.keys)
    return b"".join([chunk async for chunk in stream])


async def built(report: ReportInput, uploads: Uploads, identifiers: Sequence[Identifier] = ()) -> dict[str, str]:
    """The files of the report by name, as text."""
    with ZipFile(BytesIO(await zipped(report, uploads, identifiers))) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(set(names)) == len(names)
        return {name: archive.read(name).decode() for name in names}


async def built_of(*rows: Mapping[str, JsonValue]) -> dict[str, str]:
    """The files of a report over one class of one custodian."""
    uploads = Uploads()
    uploads.add("shop", [("orders", records("orders", rows))])
    line = a_line("orders", Found(count=len(rows)) if rows else NotFound())
    return await built(a_report(a_custodian("shop", line), parts=uploads.parts), uploads)
