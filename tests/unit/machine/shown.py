"""Requests as the API shows them, made up."""

from typing import Any

Json = dict[str, Any]
CUSTODIANS = {
    "user-profiles": ("profile", "devices"),
    "transaction-history": ("orders", "invoices"),
    "recommendation-logs": ("events", "recommendations"),
}
FOUND: Json = {"kind": "found", "count": 4}
ERASED: Json = {"kind": "erased", "count": 3, "level": 1}
RETAINED: Json = {"kind": "retained", "count": 2, "ground": "legally_required", "until": "2036-12-31"}
ABSENT: Json = {"kind": "absent"}


def a_line(custodian: str, data_class: str, *said: Json) -> Json:
    return {"custodian": custodian, "data_class": data_class, "said": list(said), "previewed": []}


def a_task(custodian: str, operation: str, state: str = "done", *results: Json, since: int = 0) -> Json:
    answers = [{"data_class": "any", "results": list(results)}] if results else []
    return {
        "custodian": custodian,
        "operation": operation,
        "state": state,
        "since": f"2026-11-22T10:00:{since:02d}Z",
        "answers": answers,
    }


def an_access(state: str = "closed", *, said: Json = FOUND) -> Json:
    lines = [a_line(custodian, each, said) for custodian, classes in CUSTODIANS.items() for each in classes]
    tasks = [a_task(custodian, "collect") for custodian in CUSTODIANS]
    return {"state": state, "outcome": "fulfilled", "lines": lines, "tasks": tasks}


def an_erasure(state: str = "closed") -> Json:
    shown = an_access(state, said=ERASED)
    shown["lines"][3]["said"] = [ERASED, RETAINED]
    shown["tasks"] = [a_task(custodian, "probe", "done", ABSENT) for custodian in CUSTODIANS]
    return shown | {"outcome": "retained_in_part"}
