"""By whose will something was done: every decision was asked for, and every erasure had its own two signatures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from tests.crash.case import Judgement, Line, Request, seconds

DECISIONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "verify": ("identity.confirmed", "identity.failed"),
        "release": ("review.released",),
        "fetch": ("report.downloaded",),
        "cancel": ("request.cancelled",),
        "withdraw": ("request.withdrawn",),
        "approve": ("approval.first", "approval.second"),
    }
)
"""Which entry a decision leaves that the system said it has taken."""

ENDS: Final = frozenset(
    {
        "approval.lapsed",
        "approval.rejected",
        "approval.signatures_unfit",
        "approval.voided",
        "hold.met",
        "erase.drifted",
        "erase.halts_ended",
        "erase.previewed_again",
        "probe.residual_stays",
        "request.withdrawn",
        "request.reopened",
    }
)
"""What ends an approval. Whatever shows a new plan ends it, too."""
BEGINS: Final = frozenset({"erase.begun", "probe.residual"})
"""The latter has something erased that came back, under the approval that stands."""


@dataclass(slots=True)
class _Standing:
    """What is to be approved, and who has signed it."""

    plan: str | None = None
    asking: int | None = None
    signers: set[str] = field(default_factory=set)


def judge_decisions(request: Request, verdict: Judgement) -> None:
    """What the system said it has taken is in the log, by the one who decided it; and nothing that nobody asked for."""
    asked = {(line["decision"], line["by"]) for line in request.told if line["what"] == "asked"}
    taken = {
        (line["decision"], line["by"])
        for line in request.told
        if line["what"] == "told" and line["status"] < 300 and line["decision"] in DECISIONS
    }
    logged = {(decision, entry["actor"]) for decision, types in DECISIONS.items() for entry in request.of(*types)}
    for decision, _ in sorted(taken - logged):
        verdict.charge("lost", f"request {request.id}: its {decision} was taken and is not in the log")
    for decision, by in sorted(logged - asked):
        verdict.charge("decisions nobody made", f"request {request.id}: {by} never asked for its {decision}")


def judge_authority(request: Request, verdict: Judgement) -> None:
    """Judge whether what was erased was ever let go, and every time that it was."""
    first = min((each.at for each in request.deleted), default=None)
    began = [seconds(entry) for entry in request.of("erase.begun")]
    if first is not None and (request.kind != "erasure" or not began or first < began[0]):
        verdict.charge("effects without entry", f"request {request.id}: rows were deleted, and no erasure had begun")
    _judge_signatures(request, verdict)
    if request.deleted and request.of("request.cancelled"):
        verdict.charge("effects after a cancel", f"request {request.id}: {len(request.deleted)} rows were deleted")


def _judge_signatures(request: Request, verdict: Judgement) -> None:
    standing, verified = _Standing(), False
    for entry in request.entries:
        facts = entry["facts"]
        if entry["type"] in BEGINS:
            signers = _genuine(request, entry, standing)
            if len(signers) < 2 or not verified:
                finding = f"request {request.id}: {entry['type']} as entry {entry['n']}, signed by {len(signers)}"
                verdict.charge("erasures without two approvals", finding)
        elif entry["type"] in DECISIONS["approve"]:
            if standing.plan is not None and facts.get("plan_hash") == standing.plan:
                standing.signers.add(entry["actor"])
        elif entry["type"] in ENDS or "plan_hash" in facts:
            standing = _Standing(facts.get("plan_hash"), facts.get("asking"))
        verified = verified or entry["type"] == "identity.confirmed"


def _genuine(request: Request, begun: Line, standing: _Standing) -> set[str]:
    """Who signed the plan that this erasure began under: by the log, and by who was seen to sign it before."""
    if begun["facts"].get("asking", standing.asking) != standing.asking:
        return set()
    return standing.signers & {
        line["by"]
        for line in request.told
        if line["what"] == "asked"
        and line["decision"] == "approve"
        and line["plan_hash"] == standing.plan
        and line["at"] < seconds(begun)
    }
