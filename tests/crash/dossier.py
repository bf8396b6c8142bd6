"""A request as the judge sees it, for its tests: an innocent erasure, and what other requests consist of."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.crash.case import Deleted, Evidence, Held
from tests.crash.people import Course
from tests.crash.reading import fingerprint, whom

REQUEST, CUSTOMER, EMAIL, KEEPER = "r-1", "C-1", "person-1@people.example", "keeper-1"
BEFORE, NOW, AFTER = 100.0, 1_767_225_600.0, 1_767_225_700.0

Json = dict[str, Any]


def entry(n: int, type_: str, actor: str = "system", **facts: object) -> Json:
    custodian = actor if actor == KEEPER else None
    return {
        "id": f"e-{n}", "type": type_, "request": REQUEST, "n": n, "actor": actor, "custodian": custodian,
        "facts": facts, "at": "2026-01-01T00:00:00Z",
    }  # fmt: skip


def in_order(*entries: Json) -> list[Json]:
    return [each | {"n": n, "id": f"e-{n}"} for n, each in enumerate(entries, 1)]


def shown(type_: str, asking: int) -> Json:
    """A plan to be approved, the first or another one."""
    return entry(0, type_, asking=asking, plan_hash=f"plan-{asking}")


def signed(asking: int, *by: str) -> list[Json]:
    places = zip(("approval.first", "approval.second"), by, strict=False)
    return [entry(0, type_, who, plan_hash=f"plan-{asking}") for type_, who in places]


def begun(asking: int) -> Json:
    return entry(0, "erase.begun", asking=asking)


OPENED = [entry(1, "request.opened"), entry(2, "identity.confirmed", "vera")]
ERASED = [
    entry(0, "answer.accepted", KEEPER, task="t", operation="erase", counts={"records:erased": 1}),
    entry(0, "watch.ended", state="closed", outcome="erased"),
]
ENTRIES = in_order(*OPENED, shown("search.ended", 1), *signed(1, "ann", "bob"), begun(1), *ERASED)
DELETED = Deleted(at=AFTER, custodian=KEEPER, customer=CUSTOMER, record="1", life=1)
ROW = Held(custodian=KEEPER, customer=CUSTOMER, record="1", life=1)


def decided(what: str, decision: str, by: str, **more: object) -> Json:
    return {"what": what, "at": BEFORE, "request": REQUEST, "decision": decision, "by": by, "status": 200, **more}


def asked_and_told(decision: str, by: str, **more: object) -> list[Json]:
    return [decided(what, decision, by, **more) for what in ("asked", "told")]


def ended(outcome: str) -> Json:
    return {"what": "ended", "request": REQUEST, "outcome": outcome}


def submitted(course: Course) -> list[Json]:
    return [
        {"what": "submitted", "key": "k", "customer": CUSTOMER, "email": EMAIL, "course": course},
        {"what": "receipt", "key": "k", "request": REQUEST},
        *asked_and_told("verify", "vera"),
    ]


def approved(asking: int, *by: str) -> list[Json]:
    return [line for who in by for line in asked_and_told("approve", who, plan_hash=f"plan-{asking}")]


JOURNAL = [*submitted(Course.ERASURE), *approved(1, "ann", "bob"), ended("erased")]


def lines(entries: Sequence[Json]) -> list[bytes]:
    return [json.dumps(each).encode() for each in entries]


INNOCENT = Evidence(
    journal=JOURNAL,
    deleted=[DELETED],
    held=[],
    began_with={CUSTOMER: {KEEPER: ["1"]}},
    exports=[lines(ENTRIES[:3]), lines(ENTRIES)],
    open_at_end={},
)


def logged(*entries: Json) -> Evidence:
    return replace(INNOCENT, exports=[lines(entries)])


def closed(course: Course, type_: str, outcome: str, *, by: str = "system", decision: str = "") -> Evidence:
    """A request that ended before anything was done, by *decision* if there was one."""
    journal = [*submitted(course), *(asked_and_told(decision, by) if decision else []), ended(outcome)]
    entries = in_order(*OPENED, entry(0, type_, by, state="closed", outcome=outcome))
    return replace(logged(*entries), journal=journal, deleted=[], held=[ROW])


def approvals(*entries: Json, also: Sequence[Json] = ()) -> Evidence:
    """An erasure that came to its end by way of these entries."""
    journal = [*submitted(Course.ERASURE), *approved(1, "ann", "bob"), *also, ended("erased")]
    return replace(logged(*in_order(*OPENED, *entries, *ERASED)), journal=journal)


OWN: Json = {KEEPER: {whom(CUSTOMER, EMAIL): fingerprint(["1"])}}
REPORT: Json = {"sha256": "d", "names": [CUSTOMER, EMAIL], "records": OWN}
HANDED_OUT = in_order(
    *OPENED,
    entry(0, "answer.accepted", KEEPER, task="t", operation="collect", counts={"records:found": 1}),
    entry(0, "review.released", "rita"),
    entry(0, "report.built", digest="d"),
    entry(0, "data.read", "rita", what="report"),
    entry(0, "report.downloaded", "rita", state="closed", outcome="fulfilled", digest="d"),
)


def fetched(*reports: Mapping[str, object], entries: Sequence[Json] = HANDED_OUT) -> Evidence:
    journal = [*submitted(Course.ACCESS), *asked_and_told("release", "rita"), ended("fulfilled")]
    for report in reports:
        journal += [decided("asked", "fetch", "rita"), decided("told", "fetch", "rita", report=report)]
    return replace(logged(*entries), journal=journal, deleted=[], held=[ROW])
