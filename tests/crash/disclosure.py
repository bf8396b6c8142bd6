"""What was handed out: all that is held of the person, nothing of anybody else's, and no report without its entry."""

from collections.abc import Collection, Mapping
from typing import Any

from tests.crash.case import Judgement, Line, Request
from tests.crash.reading import fingerprint, whom


def judge_disclosure(request: Request, owned: Mapping[str, Collection[str]], verdict: Judgement) -> None:
    """Judge each report that somebody got. *owned*: by custodian, the keys of what the person began with."""
    told = [line for line in request.told if line["what"] == "told" and line["decision"] == "fetch"]
    fetched = [line for line in told if "report" in line]
    if request.outcome == "fulfilled" and not fetched:
        verdict.charge("lost", f"request {request.id} is fulfilled, and nobody has its report")
    for by in {line["by"] for line in fetched}:
        times = sum(line["by"] == by for line in fetched)
        read = [each for each in request.of("data.read") if each["actor"] == by and each["facts"]["what"] == "report"]
        if len(read) < times:
            verdict.charge(
                "effects without entry", f"request {request.id}: its report was read {times} times, logged {len(read)}"
            )
    for line in fetched:
        _judge_report(request, line["report"], owned, verdict)


def _judge_report(
    request: Request, report: Mapping[str, Any], owned: Mapping[str, Collection[str]], verdict: Judgement
) -> None:
    for type_ in ("report.built", "report.downloaded"):
        if report["sha256"] not in {each["facts"]["digest"] for each in request.of(type_)}:
            verdict.charge("effects without entry", f"request {request.id}: what was handed out has no {type_}")
    if "broken" in report:
        verdict.charge("lost", f"request {request.id}: its report cannot be read ({report['broken']})")
        return
    _judge_names(request, report, verdict)
    _judge_whole(request, report["records"], owned, verdict)


def _judge_names(request: Request, report: Line, verdict: Judgement) -> None:
    own = {request.customer, request.email, whom(request.customer, request.email)}
    named = {*report["names"], *(person for people in report["records"].values() for person in people)}
    if named - own:
        verdict.charge("disclosed to others", f"request {request.id}: its report names {sorted(named - own)[:3]}")


def _judge_whole(
    request: Request, shown: Mapping[str, Any], owned: Mapping[str, Collection[str]], verdict: Judgement
) -> None:
    person = whom(request.customer, request.email)
    for custodian in sorted({*shown, *owned}):
        keys = owned.get(custodian, ())
        there = shown.get(custodian, {}).get(person, fingerprint(()))
        if list(there) != fingerprint(keys):
            finding = f"request {request.id}: {custodian} held {len(keys)} records, its report has {there[0]}"
            verdict.charge("lost", finding if there[0] != len(keys) else f"{finding} others")
