"""How a request may end: it follows from what it was meant to come to, and from whether anything is held at all."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tests.crash.case import Judgement, Request
from tests.crash.people import Course

ENDINGS: Final[Mapping[Course, frozenset[str]]] = MappingProxyType(
    {
        Course.ACCESS: frozenset({"fulfilled"}),
        Course.ACCESS_WITHDRAWN: frozenset({"fulfilled", "withdrawn"}),
        Course.ERASURE: frozenset({"erased"}),
        Course.ERASURE_RETURNS: frozenset({"erased"}),
        Course.ERASURE_CANCELLED: frozenset({"cancelled"}),
        Course.ERASURE_CANCEL_RACES: frozenset({"cancelled", "erased"}),
        Course.ERASURE_WITHDRAWN: frozenset({"withdrawn", "erased"}),
        Course.ERASURE_UNVERIFIED: frozenset({"unverified"}),
    }
)
"""Of somebody of whom something is held. Never in part: the office waives nothing and waits until all have answered."""
NOTHING_HELD: Final = frozenset({"no_data"})


def judge_ending(request: Request, held: int, open_at_end: Mapping[str, str], verdict: Judgement) -> None:
    """Judge whether it has ended, as the API says it has, and as it may. *held*: rows that the person began with."""
    if request.id in open_at_end:
        verdict.charge("stuck", f"request {request.id} ({request.kind}) is {open_at_end[request.id]}")
        return
    if request.state != "closed":
        verdict.charge("lost", f"request {request.id} has ended by the API, and is {request.state} by the log")
        return
    if request.shown != request.outcome:
        verdict.charge("wrong endings", f"request {request.id}: {request.outcome}, and the API said {request.shown}")
    if request.outcome not in _permitted(request.course, held):
        verdict.charge(
            "wrong endings",
            f"request {request.id} ({request.course}, {held} rows were held) ended as {request.outcome}",
        )


def _permitted(course: Course, held: int) -> frozenset[str]:
    if held == 0 and course.kind == "erasure" and course is not Course.ERASURE_UNVERIFIED:
        return NOTHING_HELD
    return ENDINGS[course]
