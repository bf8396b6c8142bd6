"""The passes over the records of one class: as JSON, as CSV, and as rows of a page. Each yields small texts."""

from collections.abc import AsyncIterator, Iterable
from html import escape
from typing import Final

from pydantic import JsonValue

from contracts.ids import CustodianId
from contracts.parts import PartRecord
from orchestrator.report.cells import csv_row, exact, readable
from orchestrator.report.given import LineGiven
from orchestrator.report.survey import Survey
from orchestrator.report.words import heading

Records = AsyncIterator[PartRecord]
BYTE_ORDER_MARK: Final = "\ufeff"
"""Tells a spreadsheet that the text is UTF-8."""


async def as_json(custodian: CustodianId, line: LineGiven, records: Records, survey: Survey) -> AsyncIterator[str]:
    """One JSON document with the exact values, one record a line. Fills the *survey*: this pass is the first."""
    head = exact({"custodian": custodian, "data_class": line.data_class, "label": line.label})
    yield head.removesuffix("}") + ', "records": [\n'
    async for record in records:
        survey.see(record)
        separator = ",\n" if survey.count > 1 else ""
        yield separator + exact({"key": record.key, "fields": dict(record.fields)})
    yield "\n]}\n"


async def as_csv(records: Records, survey: Survey) -> AsyncIterator[str]:
    """A table of RFC 4180 with a heading."""
    yield BYTE_ORDER_MARK + csv_row(["record", *survey.columns])
    async for record in records:
        yield csv_row([record.key, *survey.cells(record)])


async def as_rows(records: Records, survey: Survey, limit: int) -> AsyncIterator[str]:
    """Up to *limit* further records as rows of a table."""
    async for record in _next(records, limit):
        cells = "".join(f"<td>{escape(readable(value))}</td>" for value in survey.cells(record))
        yield f'<tr><th scope="row">{escape(record.key)}</th>{cells}</tr>\n'


async def as_cards(records: Records, survey: Survey, limit: int) -> AsyncIterator[str]:
    """Up to *limit* further records, each as a table of its own."""
    async for record in _next(records, limit):
        yield f'<table class="record">\n<caption>Record {escape(record.key)}</caption>\n<tbody class="data" lang="">\n'
        yield "".join(_card(survey.present(record)))
        yield "</tbody>\n</table>\n"


def _card(fields: Iterable[tuple[str, JsonValue]]) -> Iterable[str]:
    for name, value in fields:
        yield f'<tr><th scope="row">{escape(heading(name))}</th><td>{escape(readable(value))}</td></tr>\n'


async def _next(records: Records, limit: int) -> Records:
    for _ in range(limit):
        record = await anext(records, None)
        if record is None:
            return
        yield record
