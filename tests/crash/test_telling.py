"""What the log tells by itself: an innocent one tells nothing, and each oddity is charged."""

import json
from typing import Any

import pytest

from tests.crash.case import Evidence, Judgement
from tests.crash.evidence import Span
from tests.crash.judge import judge
from tests.crash.options import Kind
from tests.crash.telling import judge_silence

NOW = 1_767_225_600.0
TODAY, LATER = "2026-01-01T00:00:00.000000Z", "2026-01-01T01:00:00.000000Z"


def _entry(n: int, type_: str, at: str = TODAY, **facts: object) -> dict[str, Any]:
    return {
        "id": f"e-{n}", "type": type_, "request": "r-1", "n": n, "actor": "sue", "custodian": None,
        "facts": facts, "at": at,
    }  # fmt: skip


OPENED = _entry(1, "request.opened")
OUTDATED = {"task": "t", "digest": "d"}
CLOSED = _entry(3, "request.withdrawn", state="closed", outcome="withdrawn")
INNOCENT = [OPENED, _entry(2, "answer.outdated", **OUTDATED), CLOSED]
ODD = {
    "the same answer twice": ("doubled effects", [*INNOCENT[:2], _entry(3, "answer.outdated", **OUTDATED)]),
    "an answer that was accepted after the end": (
        "effects after a cancel",
        [*INNOCENT, _entry(4, "answer.accepted", task="t", digest="e", operation="collect", counts={})],
    ),
    "an entry of an hour later": ("broken log", [OPENED, _entry(2, "plan.frozen", LATER)]),
}


def _judged(entries: list[dict[str, Any]], *, hole: bool = False) -> Judgement:
    journal = [
        {"what": "submitted", "key": "k", "customer": "C-1", "email": "-", "course": "access-withdrawn", "at": NOW},
        {"what": "receipt", "key": "k", "request": "r-1", "at": NOW},
        {"what": "asked", "request": "r-1", "decision": "withdraw", "by": "sue", "at": NOW},
        {"what": "ended", "request": "r-1", "outcome": "withdrawn", "at": NOW},
    ]
    lines = [json.dumps(each).encode() for each in entries]
    exports = [[*lines[:1], *([b""] if hole else []), *lines[1:]]]
    return judge(Evidence(journal=journal, deleted=[], held=[], began_with={}, exports=exports, open_at_end={}))


def test_an_innocent_log_tells_nothing() -> None:
    assert not _judged(INNOCENT).guilty


@pytest.mark.parametrize("oddity", ODD)
def test_an_oddity_is_charged(oddity: str) -> None:
    charge, entries = ODD[oddity]
    assert _judged(entries).findings[charge]


def test_a_number_without_an_entry_is_charged() -> None:
    assert _judged(INNOCENT, hole=True).findings["broken log"]


def _sent(kind: Kind, *seconds: int) -> Judgement:
    verdict = Judgement()
    facts = {"operation": "collect", "round": 1, "issues": {"keeper-1": 1}}
    entries = [_entry(each, "command.issued", f"2026-01-01T00:00:{each:02}Z", **facts) for each in seconds]
    judge_silence(entries, [Span(kind=kind, target="keeper-1", began=NOW, healed=NOW + 8.0)], verdict)
    return verdict


def test_who_is_frozen_may_be_asked_once() -> None:
    assert not _sent(Kind.FREEZE_CUSTODIAN, 1, 5).guilty
    assert not _sent(Kind.FREEZE_CUSTODIAN, 5, 9).guilty


def test_who_is_frozen_and_asked_twice_is_told() -> None:
    assert _sent(Kind.FREEZE_CUSTODIAN, 5, 7).findings["doubled effects"]
    assert not _sent(Kind.BUS_SILENT, 5, 7).guilty
