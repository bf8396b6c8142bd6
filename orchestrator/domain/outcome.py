"""How a request that nobody stopped has ended, and what is missing from it."""

from collections.abc import Sequence
from typing import assert_never

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
from orchestrator.domain.plan import Line
from orchestrator.domain.request import Kind, Outcome


def outcome_of(kind: Kind, lines: Sequence[Line], *, partial: bool = False) -> Outcome:
    """Name the end of a request. One gap, or a release in part, makes it `PARTIAL`, whatever the rest says."""
    said = [result for line in lines for result in line.said]
    if partial or gaps(lines):
        return Outcome.PARTIAL
    if kind is Kind.ACCESS:
        return Outcome.FULFILLED
    if any(isinstance(result, Retained | Restricted) for result in said):
        return Outcome.RETAINED_IN_PART
    shown = [result for line in lines for result in line.previewed]
    if all(isinstance(result, NotFound | Unaddressable) for result in (*said, *shown)):
        return Outcome.NO_DATA  # what was shown and is gone by now was held: that is an erasure
    return Outcome.ERASED


def gaps(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines that the person must be told about by name: owed, waived, unsupported, or erased too shallowly."""
    return tuple(line for line in lines if not line.said or not all(_settles(result, line) for result in line.said))


def _settles(result: Result, line: Line) -> bool:
    match result:
        case Erased(level=level):
            return level >= line.required_level
        case Waived() | Unsupported() | Residual():
            return False
        case Found() | NotFound() | Anonymised() | Restricted() | Retained() | Unaddressable() | Absent():
            return True
        case _:
            assert_never(result)
