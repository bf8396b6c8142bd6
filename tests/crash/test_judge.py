"""The judge: an innocent run passes, and each crime is charged as what it is."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.crash.case import CHARGES, Deleted, Evidence, Held
from tests.crash.judge import judge

REQUEST, CUSTOMER, KEEPER = "r-1", "C-1", "keeper-1"
BEFORE, AFTER = 100.0, 200.0


def _entry(n: int, type_: str, actor: str = "system", **facts: object) -> dict[str, Any]:
    custodian = actor if actor == KEEPER else None
    return {
        "id": f"e-{n}", "type": type_, "request": REQUEST, "n": n, "actor": actor, "custodian": custodian,
        "facts": facts, "at": "2026-01-01T00:00:00Z",
    }  # fmt: skip


ENTRIES = [
    _entry(1, "request.opened"),
    _entry(2, "identity.confirmed", "vera"),
    _entry(3, "approval.first", "ann"),
    _entry(4, "approval.second", "bob"),
    _entry(5, "erase.begun"),
    _entry(6, "answer.accepted", KEEPER, task="t", operation="erase", counts={"records:erased": 1}),
    _entry(7, "watch.ended", state="closed", outcome="erased"),
]
DELETED = Deleted(at=AFTER, custodian=KEEPER, customer=CUSTOMER, record="1", life=1)
ROW = Held(custodian=KEEPER, customer=CUSTOMER, record="1", life=1)


def _decided(what: str, decision: str, by: str) -> dict[str, Any]:
    return {"what": what, "at": BEFORE, "request": REQUEST, "decision": decision, "by": by, "status": 200}


JOURNAL = [
    {"what": "submitted", "key": "k", "customer": CUSTOMER, "kind": "erasure"},
    {"what": "receipt", "key": "k", "request": REQUEST},
    _decided("told", "verify", "vera"),
    *(_decided(what, "approve", by) for by in ("ann", "bob") for what in ("asked", "told")),
]


def _lines(entries: Sequence[dict[str, Any]]) -> list[bytes]:
    return [json.dumps(entry).encode() for entry in entries]


INNOCENT = Evidence(
    journal=JOURNAL,
    deleted=[DELETED],
    held=[],
    began_with={CUSTOMER: {KEEPER: 1}},
    exports=[_lines(ENTRIES[:3]), _lines(ENTRIES)],
    open_at_end={},
)


def _logged(*entries: dict[str, Any]) -> Evidence:
    return replace(INNOCENT, exports=[_lines(entries)])


CANCELLED = [*ENTRIES[:2], _entry(3, "request.cancelled", state="closed", outcome="cancelled")]
CRIMES = {
    "a receipt, and nothing in the log": ("lost", _logged()),
    "an approval that was taken is not in the log": ("lost", _logged(*ENTRIES[:2], *ENTRIES[4:])),
    "a request without a receipt": ("lost", replace(INNOCENT, journal=JOURNAL[:1], deleted=[], held=[ROW])),
    "a row went twice": ("doubled effects", replace(INNOCENT, deleted=[DELETED, replace(DELETED, life=2)])),
    "a request that nobody sent": (
        "doubled effects",
        _logged(*ENTRIES, _entry(1, "request.opened") | {"id": "e-x", "request": "r-2"}),
    ),
    "more went than the log says": (
        "effects without entry",
        replace(INNOCENT, deleted=[DELETED, replace(DELETED, record="2")]),
    ),
    "a stranger's row went": ("effects without entry", replace(INNOCENT, deleted=[replace(DELETED, customer="C-9")])),
    "less went than the log says": ("entries without effect", replace(INNOCENT, deleted=[])),
    "erased, and still there": ("entries without effect", replace(INNOCENT, held=[ROW])),
    "erased, and cancelled": (
        "effects after a cancel",
        _logged(*ENTRIES[:6], _entry(7, "request.cancelled", state="closed", outcome="cancelled")),
    ),
    "cancelled before anything began, and erased": ("effects without entry", _logged(*CANCELLED)),
    "one approver": ("erasures without two approvals", _logged(*ENTRIES[:3], _entry(4, "erase.begun"))),
    "an approver who never signed": (
        "erasures without two approvals",
        replace(INNOCENT, journal=[each for each in JOURNAL if each.get("by") != "bob"]),
    ),
    "never ended": ("stuck", replace(INNOCENT, open_at_end={REQUEST: "erasing"})),
    "an export that says something else": (
        "broken log",
        replace(INNOCENT, exports=[_lines(ENTRIES[1:3]), _lines(ENTRIES)]),
    ),
    "an entry is missing": ("broken log", _logged(*ENTRIES[:4], *ENTRIES[5:])),
}


def test_an_innocent_run_passes() -> None:
    assert not judge(INNOCENT).guilty


@pytest.mark.parametrize("crime", CRIMES)
def test_a_crime_is_charged(crime: str) -> None:
    charge, evidence = CRIMES[crime]
    assert judge(evidence).findings[charge]


def test_every_charge_has_a_crime() -> None:
    assert {charge for charge, _ in CRIMES.values()} == set(CHARGES)
