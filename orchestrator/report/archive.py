"""The report as one ZIP, a small one at once and a large one as a stream: the same input gives the same bytes."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from stream_zip import ZIP_AUTO, Method, async_stream_zip

from contracts.identifiers import Identifier
from contracts.ids import CustodianId, DataClass
from orchestrator.report import pages
from orchestrator.report.cells import safe_name
from orchestrator.report.collected import Collected, ContentKeys, Fetch
from orchestrator.report.given import CustodianGiven, LineGiven, ReportInput
from orchestrator.report.manifest import FileTold, manifest
from orchestrator.report.passes import Records, as_cards, as_csv, as_json, as_rows
from orchestrator.report.survey import Survey

CHUNK_BYTES: Final = 64 * 1024
FILE_MODE: Final = 0o100644
LEVEL: Final = 6
SMALL_LEVEL: Final = 1
"""A twentieth larger, for two thirds of the time: what counts of a small report is how many there are."""
UNIX: Final = 3
GROWTH: Final = 40
"""How many times larger than its ciphertext a file of a class could be at most: rows of nothing but empty cells."""
PAGE_BYTES: Final = 2**30
"""More than a page without records could ever hold; with it, small reports need none of ZIP's 64-bit extension."""
SMALL_BYTES: Final = 256 * 1024
"""Up to so much ciphertext a report is zipped in memory: the stream hands each chunk from thread to thread, which
costs ten times as much as all the rest of a usual report."""


def is_small(report: ReportInput) -> bool:
    """Whether a report is held in memory as a whole, parts and archive. Every try answers alike."""
    return sum(part.size for part in report.parts) <= SMALL_BYTES


async def build(
    report: ReportInput, *, identifiers: Sequence[Identifier], fetch: Fetch, keys: ContentKeys
) -> AsyncIterator[bytes]:
    """Yield the plain ZIP. *fetch* is asked for each part several times; *identifiers* are what was searched by.

    The same arguments give the same bytes (with the same Python and zlib). Raises `BrokenPart` for a part that is not
    what its custodian reported: what was yielded until then is no report.
    """
    files = _Files(report, identifiers, Collected(report=report, fetch=fetch, keys=keys))
    # as local time, which is all that ZIP knows; the zone of the machine must not show
    built_at = report.built_at.astimezone(UTC)
    if is_small(report):
        yield _zipped([(each.name, [chunk async for chunk in each.chunks]) async for each in files.all()], built_at)
        return
    members = ((each.name, built_at, FILE_MODE, each.method, each.chunks) async for each in files.all())
    async for chunk in async_stream_zip(members, chunk_size=CHUNK_BYTES, extended_timestamps=False):
        yield chunk


def _zipped(files: Iterable[tuple[str, Sequence[bytes]]], built_at: datetime) -> bytes:
    held = BytesIO()
    at = built_at.timetuple()[:6]
    with ZipFile(held, "w") as archive:
        for name, chunks in files:
            info = ZipInfo(name, at)
            info.create_system, info.external_attr = UNIX, FILE_MODE << 16  # on whatever system it is built
            archive.writestr(info, b"".join(chunks), ZIP_DEFLATED, SMALL_LEVEL)
    return held.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Class:
    """One data class of which something was uploaded."""

    custodian: CustodianGiven
    line: LineGiven
    bytes: int
    survey: Survey = field(default_factory=Survey)

    @property
    def path(self) -> str:
        return f"{safe_name(self.custodian.id)}/{safe_name(self.line.data_class)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file of the report; its chunks come in the order of the files, and once."""

    name: str
    chunks: AsyncIterator[bytes]
    of: _Class | None

    @property
    def method(self) -> Method:
        return ZIP_AUTO(PAGE_BYTES + (self.of.bytes * GROWTH if self.of else 0), level=LEVEL)


class _Files:
    """The files in their order: those of each class, then the pages that count them, then the manifest of all."""

    def __init__(self, report: ReportInput, identifiers: Sequence[Identifier], collected: Collected) -> None:
        self._report, self._identifiers, self._collected = report, identifiers, collected
        self._counts: dict[tuple[CustodianId, DataClass], int] = {}
        self._told: list[FileTold] = []

    async def all(self) -> AsyncIterator[_File]:
        for custodian, line in self._report.lines():
            parts = self._collected.parts(custodian.id, line.data_class)
            if parts:
                its = _Class(custodian=custodian, line=line, bytes=sum(part.size for part in parts))
                async for file in self._of_class(its):
                    yield file
        for custodian in self._report.custodians:
            page = pages.custodian_page(self._report, custodian, self._counts)
            yield self._file(f"{safe_name(custodian.id)}/index.html", _once(page))
        yield self._file("index.html", _once(pages.first_page(self._report, self._identifiers, self._counts)))
        yield self._file("manifest.json", _once(self._manifest()))

    async def _of_class(self, its: _Class) -> AsyncIterator[_File]:
        custodian, line, survey = its.custodian, its.line, its.survey
        yield self._file(f"{its.path}.json", as_json(custodian.id, line, self._records(its), survey), its)
        self._counts[custodian.id, line.data_class] = survey.count
        yield self._file(f"{its.path}.csv", as_csv(self._records(its), survey), its)
        records = self._records(its)
        for page in range(1, pages.pages_of(survey) + 1):
            yield self._file(pages.page_name(its.path, page), self._page(its, records, page), its)

    async def _page(self, its: _Class, records: Records, page: int) -> AsyncIterator[str]:
        before, behind = pages.records_page(self._report, its.custodian, its.line, its.survey, page)
        written = as_cards if pages.in_cards(its.survey) else as_rows
        yield before
        async for rows in written(records, its.survey, pages.ROWS_PER_PAGE):
            yield rows
        yield behind

    def _records(self, its: _Class) -> Records:
        return self._collected.records(its.custodian.id, its.line.data_class)

    def _manifest(self) -> str:
        return manifest(self._report, self._told, self._counts, pages.missing(self._report, self._counts))

    def _file(self, name: str, texts: AsyncIterator[str], its: _Class | None = None) -> _File:
        return _File(name=name, chunks=self._noted(name, texts, its), of=its)

    async def _noted(self, name: str, texts: AsyncIterator[str], its: _Class | None) -> AsyncIterator[bytes]:
        digest, size = sha256(), 0
        async for chunk in _encoded(texts):
            digest.update(chunk)
            size += len(chunk)
            yield chunk
        told = FileTold(
            name=name,
            size=size,
            sha256=digest.hexdigest(),
            custodian=its.custodian.id if its else None,
            data_class=its.line.data_class if its else None,
        )
        self._told.append(told)


async def _once(text: str) -> AsyncIterator[str]:
    yield text


async def _encoded(texts: AsyncIterator[str]) -> AsyncIterator[bytes]:
    """Gather small texts into chunks. Half a character (a lone surrogate) is escaped, in JSON's own way."""
    held: list[bytes] = []
    size = 0
    async for text in texts:
        held.append(text.encode(errors="backslashreplace"))
        size += len(held[-1])
        if size >= CHUNK_BYTES:
            yield b"".join(held)
            held.clear()
            size = 0
    yield b"".join(held)
