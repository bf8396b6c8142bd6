"""The passes over the records of one class: as JSON, as CSV, and as rows of a page. Each yields a text for a batch."""

from collections.abc import AsyncIterator
from html import escape
from typing import Final

from contracts.ids import CustodianId
from contracts.parts import PartRecord
from orchestrator.report.cells import csv_row, exact, readable
from orchestrator.report.collected import Batch
from orchestrator.report.given import LineGiven
from orchestrator.report.survey import Survey
from orchestrator.report.words import heading

Records = AsyncIterator[Batch]
BYTE_ORDER_MARK: Final = "\ufeff"
"""Tells a spreadsheet that the text is UTF-8."""


async def as_json(custodian: CustodianId, line: LineGiven, records: Records, survey: Survey) -> AsyncIterator[str]:
    """One JSON document with the exact values, one record a line. Fills the *survey*: this pass is the first."""
    head = exact({"custodian": custodian, "data_class": line.data_class, "label": line.label})
    yield head.removesuffix("}") + ', "records": [\n'
    async for batch in records:
        separator = ",\n" if survey.count else ""
        for record in batch:
            survey.see(record)
        yield separator + ",\n".join([exact({"key": each.key, "fields": dict(each.fields)}) for each in batch])
    yield "\n]}\n"


async def as_csv(records: Records, survey: Survey) -> AsyncIterator[str]:
    """A table of RFC 4180 with a heading."""
    yield BYTE_ORDER_MARK + csv_row(["record", *survey.columns])
    async for batch in records:
        yield "".join([csv_row([record.key, *survey.cells(record)]) for record in batch])


async def as_rows(records: Records, survey: Survey, limit: int) -> AsyncIterator[str]:
    """Up to *limit* further records as rows of a table."""
    async for batch in _next(records, limit):
        yield "".join([_row(record, survey) for record in batch])


def _row(record: PartRecord, survey: Survey) -> str:
    cells = "".join([f"<td>{escape(readable(value))}</td>" for value in survey.cells(record)])
    return f'<tr><th scope="row">{escape(record.key)}</th>{cells}</tr>\n'


async def as_cards(records: Records, survey: Survey, limit: int) -> AsyncIterator[str]:
    """Up to *limit* further records, each as a table of its own."""
    async for batch in _next(records, limit):
        yield "".join([_card(record, survey) for record in batch])


def _card(record: PartRecord, survey: Survey) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(heading(name))}</th><td>{escape(readable(value))}</td></tr>\n'
        for name, value in survey.present(record)
    )
    title = f'<table class="record">\n<caption>Record {escape(record.key)}</caption>\n<tbody class="data" lang="">\n'
    return f"{title}{rows}</tbody>\n</table>\n"


async def _next(records: Records, limit: int) -> Records:
    """The batches of up to *limit* records, which is a multiple of `BATCH`."""
    while limit > 0:
        batch = await anext(records, None)
        if batch is None:
            return
        limit -= len(batch)
        yield batch
