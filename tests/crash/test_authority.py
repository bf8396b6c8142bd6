"""Two signatures under every erasure: given for the plan that it began under, before it, and still standing."""

from dataclasses import replace

import pytest

from tests.crash.dossier import (
    AFTER,
    ENTRIES,
    INNOCENT,
    JOURNAL,
    OPENED,
    approvals,
    approved,
    begun,
    entry,
    in_order,
    logged,
    shown,
    signed,
)
from tests.crash.judge import judge

FIRST = (shown("search.ended", 1), *signed(1, "ann", "bob"))
AGAIN = (*FIRST, shown("approval.lapsed", 2))
HALTED = (*FIRST, begun(1), entry(0, "erase.drifted"), shown("erase.halts_ended", 2))
AFRESH = (*HALTED, shown("erase.previewed_again", 3))

INNOCENTS = {
    "a plan that was signed again": approvals(
        *AGAIN, *signed(2, "bob", "ann"), begun(2), also=approved(2, "ann", "bob")
    ),
    "an erasure that was let go twice": approvals(
        *AFRESH, *signed(3, "ann", "cid"), begun(3), also=approved(3, "ann", "cid")
    ),
    "what was left, erased under the same approval": approvals(*FIRST, begun(1), entry(0, "probe.residual")),
}
CRIMES = {
    "one approver, twice": approvals(FIRST[0], *signed(1, "ann", "ann"), begun(1)),
    "an approver who never signed": replace(INNOCENT, journal=[each for each in JOURNAL if each.get("by") != "bob"]),
    "an approver who signed too late": replace(
        INNOCENT, journal=[each | ({"at": AFTER} if each.get("by") == "bob" else {}) for each in JOURNAL]
    ),
    "an approver who signed another plan": replace(
        INNOCENT, journal=[*JOURNAL[:4], *approved(1, "ann"), *approved(2, "bob"), JOURNAL[-1]]
    ),
    "signatures of a plan that is no more": approvals(
        *AGAIN, *signed(1, "ann", "bob"), begun(2), also=approved(2, "ann", "bob")
    ),
    "a signature of a plan that is no more, and a new one": approvals(
        *AGAIN, *signed(2, "ann"), begun(2), also=approved(2, "ann", "bob")
    ),
    "after the approval had ended": approvals(*FIRST, entry(0, "approval.voided"), begun(1)),
    "before the second one signed": approvals(*FIRST[:2], begun(1), FIRST[2]),
    "for another asking": approvals(*FIRST, begun(2)),
    "a second erasure that nobody signed": approvals(*AFRESH, begun(3)),
    "a second erasure under the first one's signatures": approvals(*HALTED, begun(1)),
    "what was left, erased when the approval had ended": approvals(
        *FIRST, begun(1), entry(0, "approval.lapsed"), entry(0, "probe.residual")
    ),
    "nobody verified": logged(*in_order(OPENED[0], *ENTRIES[2:])),
    "nothing has gone yet": replace(approvals(FIRST[0], begun(1)), deleted=[]),
}


@pytest.mark.parametrize("innocent", INNOCENTS)
def test_who_has_two_signatures_may_erase(innocent: str) -> None:
    assert not any(judge(INNOCENTS[innocent]).findings.values())


@pytest.mark.parametrize("crime", CRIMES)
def test_an_erasure_without_its_own_two_signatures_is_charged(crime: str) -> None:
    assert judge(CRIMES[crime]).findings["erasures without two approvals"]
