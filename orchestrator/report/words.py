"""How results, dates and kinds read in plain words."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Final, assert_never

from contracts.identifiers import IdentifierKind
from contracts.results import (
    Absent,
    Anonymised,
    Erased,
    Found,
    NotFound,
    Residual,
    Restricted,
    Result,
    Retained,
    Unaddressable,
    Unsupported,
    Waived,
)
from orchestrator.report.given import LineGiven

MONTHS: Final = (  # not from the locale of whatever machine builds the report
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

KINDS: Final[Mapping[IdentifierKind, str]] = MappingProxyType(
    {
        IdentifierKind.EMAIL: "e-mail address",
        IdentifierKind.PHONE: "phone number",
        IdentifierKind.CUSTOMER_ID: "customer number",
        IdentifierKind.DEVICE_ID: "device identifier",
    }
)

PHRASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "found": "held",
        "erased": "erased",
        "anonymised": "anonymised",
        "restricted": "kept, but no longer used",
        "residual": "still there",
        "not_found": "Not held",
        "absent": "Not held",
        "unsupported": "Cannot be searched",
        "waived": "No answer; two people decided not to wait for it",
    }
)


def day(value: date) -> str:
    """A date: 1 March 2026."""
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def moment(value: datetime) -> str:
    """A point in time: 1 March 2026, 09:05 UTC."""
    there = value.astimezone(UTC)
    return f"{day(there)}, {there:%H:%M} UTC"


def records(count: int) -> str:
    """A number of records: 1 record, 1,234 records."""
    return f"{count:,} record{'' if count == 1 else 's'}"


def answer(line: LineGiven) -> str:
    """What was said of a data class."""
    return "; ".join(said(result) for result in line.said) or "No answer"


def said(result: Result) -> str:
    """One result as a phrase."""
    match result:
        case Found() | Erased() | Anonymised() | Restricted() | Residual():
            return f"{records(result.count)} {PHRASES[result.kind]}"
        case Retained(count=count, until=until):
            return f"{records(count)} kept by law until {day(until)}"
        case Unaddressable(kinds=kinds):
            return f"Not searchable: nobody knows the {' or '.join(KINDS[kind] for kind in kinds)} that it needs"
        case NotFound() | Absent() | Unsupported() | Waived():
            return PHRASES[result.kind]
        case _:
            assert_never(result)


def heading(name: str) -> str:
    """A field's name as a heading: created_at becomes Created at."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]
