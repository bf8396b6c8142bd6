"""The pages: Jinja templates that escape all they are given, without a script, a font or an image from elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from contracts.identifiers import Identifier
from contracts.ids import CustodianId, DataClass
from orchestrator.report import words
from orchestrator.report.cells import safe_name
from orchestrator.report.given import CustodianGiven, LineGiven, ReportInput
from orchestrator.report.survey import Survey

ROWS_PER_PAGE: Final = 1000
WIDE: Final = 10
"""With more columns than that a record reads better as a table of its own."""

RECORDS_GO_HERE: Final = "<!--records-->"
"""No given text can hold it: templates escape <."""

Counts = Mapping[tuple[CustodianId, DataClass], int]
"""How many records of each class are in the report."""

_TEMPLATES: Final = Environment(
    loader=PackageLoader("orchestrator.report"),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,  # they are part of the program: no look at the disk for each page
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals["words"] = words


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of the plan as the pages show it."""

    owner: str
    folder: str
    label: str
    name: str
    answer: str
    count: int
    first: bool

    @property
    def href(self) -> str:
        """The page of the records, within the custodian's folder; empty if there are none."""
        return page_name(self.name, 1) if self.count else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What the person must be told about by name."""

    owner: str
    label: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the first page says was found."""

    headline: str
    places: Sequence[Place]
    missing: Sequence[Missing]


def first_page(report: ReportInput, identifiers: Sequence[Identifier], counts: Counts) -> str:
    """The page to begin with: what was searched, what was found, what is missing, and which rights there are."""
    places = [place for custodian in report.custodians for place in _places(custodian, counts)]
    found = Summary(headline=_headline(report, counts), places=places, missing=missing(report, counts))
    return _render("index.html", report=report, identifiers=identifiers, found=found)


def custodian_page(report: ReportInput, custodian: CustodianGiven, counts: Counts) -> str:
    """The page of one custodian: its data classes and what was said of each."""
    return _render("custodian.html", report=report, custodian=custodian, places=_places(custodian, counts))


def records_page(
    report: ReportInput, custodian: CustodianGiven, line: LineGiven, survey: Survey, page: int
) -> tuple[str, str]:
    """A page of records, as what stands before and behind them."""
    name = safe_name(line.data_class)
    before, behind = _render(
        "records.html",
        report=report,
        custodian=custodian,
        line=line,
        survey=survey,
        cards=in_cards(survey),
        name=name,
        page=page,
        pages=pages_of(survey),
        page_name=lambda number: page_name(name, number),
    ).split(RECORDS_GO_HERE)
    return before, behind


def in_cards(survey: Survey) -> bool:
    """Whether each record is a table of its own."""
    return survey.count == 1 or len(survey.columns) > WIDE


def pages_of(survey: Survey) -> int:
    """How many pages the records fill."""
    return -(-survey.count // ROWS_PER_PAGE)


def page_name(name: str, page: int) -> str:
    """The file of a page of records."""
    return f"{name}.html" if page == 1 else f"{name}-{page}.html"


def missing(report: ReportInput, counts: Counts) -> list[Missing]:
    """All that may be held and is not in the report."""
    return [
        Missing(owner=custodian.owner, label=line.label, why=why)
        for custodian, line in report.lines()
        if (why := _why_missing(line, counts.get((custodian.id, line.data_class), 0)))
    ]


def _why_missing(line: LineGiven, count: int) -> str:
    if line.held != count:
        return f"{words.records(line.held)} held, {count:,} handed over"
    return words.answer(line) if line.gap else ""


def _headline(report: ReportInput, counts: Counts) -> str:
    places = [custodian.id for custodian, line in report.lines() if not (line.gap or line.unaddressable)]
    searched = f"We searched {_number(len(places), 'kind')} of data in {_number(len(set(places)), 'place')}."
    blind = sum(line.unaddressable for _, line in report.lines())
    unknown = f" {_number(blind, 'kind')} could not be searched with what is known of you." if blind else ""
    return f"{searched} {_result(report, counts)}{unknown}"


def _result(report: ReportInput, counts: Counts) -> str:
    holding = [count for count in counts.values() if count]
    if holding:
        return f"We hold {words.records(sum(holding))} about you, of {_number(len(holding), 'kind')}."
    if missing(report, counts):
        return "So far nothing about you was found."
    return "We hold no data about you there. Below you see where we looked."


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _places(custodian: CustodianGiven, counts: Counts) -> list[Place]:
    return [
        Place(
            owner=custodian.owner,
            folder=safe_name(custodian.id),
            label=line.label,
            name=safe_name(line.data_class),
            answer=words.answer(line),
            count=counts.get((custodian.id, line.data_class), 0),
            first=line is custodian.lines[0],
        )
        for line in custodian.lines
    ]


def _render(template: str, **values: object) -> str:
    return _TEMPLATES.get_template(template).render(values)
