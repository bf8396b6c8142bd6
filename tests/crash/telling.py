"""What the exported log tells by itself: facts that stand in it twice, too late, or at an impossible time."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from tests.crash.case import Evidence, Judgement, Line, Request, seconds
from tests.crash.evidence import Span
from tests.crash.options import Kind

SLACK_S: Final = 600.0
"""By how much the time of an entry may lie outside of the times at which anybody did anything."""
HEARD_S: Final = 2.0
"""For so long after its last sign of life a custodian may still count as alive: a heartbeat is under way."""
AFTER_CLOSE: Final = frozenset({"answer.after_close", "request.reopened", "request.shredded", "data.read"})
ANSWERS: Final = ("answer.", "task.")


def judge_telling(requests: Iterable[Request], evidence: Evidence, verdict: Judgement) -> None:
    """Judge each request's entries by themselves."""
    times = [line["at"] for line in evidence.journal if "at" in line]
    for request in requests:
        _judge_repeated(request, verdict)
        _judge_ended(request, verdict)
        if len(times) == len(evidence.journal):
            _judge_times(request, min(times) - SLACK_S, max(times) + SLACK_S, verdict)


def _judge_repeated(request: Request, verdict: Judgement) -> None:
    answers = [entry["facts"] for entry in request.entries if entry["type"].startswith(ANSWERS)]
    heard = Counter((facts["task"], facts["digest"]) for facts in answers if "digest" in facts)
    for (task, _), count in heard.items():
        if count > 1:
            verdict.charge("doubled effects", f"request {request.id}: an answer to {task} was heard {count} times")


def _judge_ended(request: Request, verdict: Judgement) -> None:
    states = [n for n, entry in enumerate(request.entries) if entry["facts"].get("state") == "closed"]
    reopened = any(entry["type"] == "request.reopened" for entry in request.entries)
    if not states or reopened:
        return
    for entry in request.entries[states[0] + 1 :]:
        if entry["type"] not in AFTER_CLOSE:
            verdict.charge("effects after a cancel", f"request {request.id} is closed, and then: {entry['type']}")


def _judge_times(request: Request, first: float, last: float, verdict: Judgement) -> None:
    strange = [entry for entry in request.entries if not first <= seconds(entry) <= last]
    if strange:
        verdict.charge("broken log", f"request {request.id}: {len(strange)} entries have an impossible time")


def judge_silence(entries: Sequence[Line], spans: Sequence[Span], verdict: Judgement) -> None:
    """Who was frozen said nothing: a task of theirs may have been sent to them then, and not again.

    Only told of a run in which nothing else went wrong: a sending that is not confirmed has a successor by right.
    """
    if {span.kind for span in spans} != {Kind.FREEZE_CUSTODIAN}:
        return
    issued = [
        (seconds(entry), custodian, entry)
        for entry in entries
        if entry["type"] == "command.issued"
        for custodian in entry["facts"]["issues"]
    ]
    for span in spans:
        sent = Counter(
            (entry["request"], entry["facts"]["operation"], entry["facts"]["round"])
            for at, custodian, entry in issued
            if custodian == span.target and span.began + HEARD_S < at < span.healed
        )
        for (request, operation, _), count in sent.items():
            if count > 1:
                verdict.charge(
                    "doubled effects", f"request {request}: {span.target} was sent its {operation} {count} times"
                )
