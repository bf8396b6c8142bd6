"""The judge: an innocent run passes, and each crime is charged as what it is."""

from dataclasses import replace

import pytest

from tests.crash.case import CHARGES
from tests.crash.dossier import (
    CUSTOMER,
    DELETED,
    ENTRIES,
    INNOCENT,
    JOURNAL,
    KEEPER,
    NOW,
    OPENED,
    REPORT,
    ROW,
    approvals,
    begun,
    closed,
    ended,
    entry,
    fetched,
    in_order,
    lines,
    logged,
    shown,
    signed,
)
from tests.crash.judge import judge
from tests.crash.people import Course

WITHDRAWN = closed(Course.ACCESS_WITHDRAWN, "request.withdrawn", "withdrawn", by="sue", decision="withdraw")
CANCELLED = closed(Course.ERASURE_CANCELLED, "request.cancelled", "cancelled", by="sue", decision="cancel")
BY_EVE = entry(0, "request.cancelled", "eve", state="closed", outcome="cancelled")

INNOCENTS = {
    "an erasure": INNOCENT,
    "a person of whom nothing is held": replace(
        closed(Course.ERASURE, "search.nothing_held", "no_data"), held=[], began_with={CUSTOMER: {KEEPER: []}}
    ),
    "somebody who thought again": WITHDRAWN,
    "a mistake": CANCELLED,
    "a mistake that was found too late": replace(
        INNOCENT,
        journal=[each | ({"course": Course.ERASURE_CANCEL_RACES} if "course" in each else {}) for each in JOURNAL],
    ),
    "a report": fetched(REPORT),
}
CRIMES = {
    "a receipt, and nothing in the log": ("lost", logged()),
    "an approval that was taken is not in the log": ("lost", logged(*ENTRIES[:3], *ENTRIES[5:])),
    "a request without a receipt": ("lost", replace(INNOCENT, journal=JOURNAL[:1], deleted=[], held=[ROW])),
    "a row went twice": ("doubled effects", replace(INNOCENT, deleted=[DELETED, replace(DELETED, life=2)])),
    "a request that nobody sent": (
        "doubled effects",
        logged(*ENTRIES, entry(1, "request.opened") | {"id": "e-x", "request": "r-2"}),
    ),
    "more went than the log says": (
        "effects without entry",
        replace(INNOCENT, deleted=[DELETED, replace(DELETED, record="2")]),
    ),
    "a stranger's row went": ("effects without entry", replace(INNOCENT, deleted=[replace(DELETED, customer="C-9")])),
    "a row is gone, and nobody saw it go": ("effects without entry", replace(WITHDRAWN, held=[])),
    "erased before the erasure began": (
        "effects without entry",
        replace(INNOCENT, deleted=[replace(DELETED, at=NOW - 1)]),
    ),
    "less went than the log says": ("entries without effect", replace(INNOCENT, deleted=[])),
    "erased, and still there": ("entries without effect", replace(INNOCENT, held=[ROW])),
    "erased, and cancelled": (
        "effects after a cancel",
        logged(*ENTRIES[:7], entry(8, "request.cancelled", state="closed", outcome="cancelled")),
    ),
    "cancelled before anything began, and erased": (
        "effects without entry",
        replace(CANCELLED, deleted=[DELETED], held=[]),
    ),
    "one approver": (
        "erasures without two approvals",
        approvals(shown("search.ended", 1), *signed(1, "ann"), begun(1)),
    ),
    "withdrawn by nobody": (
        "decisions nobody made",
        closed(Course.ACCESS_WITHDRAWN, "request.withdrawn", "withdrawn"),
    ),
    "cancelled by somebody else": (
        "decisions nobody made",
        replace(CANCELLED, exports=[lines(in_order(*OPENED, BY_EVE))]),
    ),
    "no data, and a row is held": ("wrong endings", closed(Course.ERASURE, "search.nothing_held", "no_data")),
    "no data, and a report was asked for": (
        "wrong endings",
        replace(closed(Course.ACCESS, "search.nothing_held", "no_data"), held=[], began_with={CUSTOMER: {KEEPER: []}}),
    ),
    "an erasure in part": ("wrong endings", closed(Course.ERASURE, "watch.ended", "partial")),
    "an access in part": ("wrong endings", closed(Course.ACCESS, "report.downloaded", "partial")),
    "withdrawn, and never meant to be": (
        "wrong endings",
        closed(Course.ACCESS, "request.withdrawn", "withdrawn", by="sue", decision="withdraw"),
    ),
    "erased, and the API says something else": (
        "wrong endings",
        replace(INNOCENT, journal=[*JOURNAL[:-1], ended("no_data")]),
    ),
    "somebody else's name in a report": ("disclosed to others", fetched(REPORT | {"names": ["C-2"]})),
    "never ended": ("stuck", replace(INNOCENT, open_at_end={"r-1": "erasing"})),
    "never asked": ("stuck", replace(INNOCENT, began_with={**INNOCENT.began_with, "C-2": {}})),
    "an export that says something else": (
        "broken log",
        replace(INNOCENT, exports=[lines(ENTRIES[1:3]), lines(ENTRIES)]),
    ),
    "an entry is missing": ("broken log", logged(*ENTRIES[:4], *ENTRIES[5:])),
}


@pytest.mark.parametrize("innocent", INNOCENTS)
def test_who_is_innocent_is_acquitted(innocent: str) -> None:
    assert not any(judge(INNOCENTS[innocent]).findings.values())


@pytest.mark.parametrize("crime", CRIMES)
def test_a_crime_is_charged(crime: str) -> None:
    charge, evidence = CRIMES[crime]
    assert judge(evidence).findings[charge]


def test_every_charge_has_a_crime() -> None:
    assert {charge for charge, _ in CRIMES.values()} == set(CHARGES)
