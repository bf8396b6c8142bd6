"""The end of the demo: what came of it, on one screen of at most 24 lines, or as one JSON object."""

from typing import Any, Final

from orchestrator.entrypoints.machine.demo import Played
from orchestrator.entrypoints.machine.results import of_access, of_erasure

Json = dict[str, Any]
MOST_LINES: Final = 24


def as_json(played: Played) -> Json:
    """Everything, for programs."""
    access, erasure = played.shown["access"], played.shown["erasure"]
    return {
        "access": {
            "state": access["state"],
            "outcome": access["outcome"],
            "custodians": of_access(access),
            "report": str(played.report),
            "seconds": round(played.seconds["access"], 3),
        },
        "erasure": {
            "state": erasure["state"],
            "outcome": erasure["outcome"],
            "custodians": of_erasure(erasure),
            "seconds": round(played.seconds["erasure"], 3),
        },
        "audit_entries": played.audit_entries,
        "seconds": round(played.total_s, 3),
    }


def as_lines(played: Played, *, programs: str, opener: str) -> list[str]:
    """The last screen. *programs* is what this shell needs before `dsar`, *opener* what opens a page here."""
    told = as_json(played)
    access, erasure = told["access"], told["erasure"]
    pages = played.root / "report"
    return [
        "",
        f"access   {access['state']}: {access['outcome']}, in {access['seconds']:.1f} s",
        *(_found(name, each) for name, each in access["custodians"].items()),
        f"erasure  {erasure['state']}: {erasure['outcome']}, in {erasure['seconds']:.1f} s; not watched",
        *(_erased(name, each) for name, each in erasure["custodians"].items()),
        "",
        f"report   {access['report']}",
        f"log      {told['audit_entries']} entries, none of them names a person",
        f"logs     {played.root / 'logs'}",
        f"in all   {told['seconds']:.1f} s; everything is stopped again",
        "",
        "Next:",
        f"  python3 -m zipfile -e {access['report']} {pages} && {opener} {pages}/index.html",
        f"  DSAR_HOME={played.root} {programs}dsar up      # the same data, to look around in",
        f"  DSAR_HOME={played.root} {programs}dsar request list --which all",
        f"  {programs}dsar-custodian --help      # a custodian of your own: docs/custodian.md",
    ]


def _found(name: str, told: Json) -> str:
    classes = ", ".join(f"{each} {_sum(counts)}" for each, counts in told["classes"].items())
    return f"    {name:22} {told['result']:10} {told['records']:4} records   {classes}"


def _erased(name: str, told: Json) -> str:
    level = f"level {told['level']}" if told["level"] else "-"
    counts = f"{told['erased']} erased, {told['retained']} retained by law"
    return f"    {name:22} {told['result']:10} {counts}; {level}; probe: {told['probe'] or '-'}"


def _sum(counts: dict[str, int]) -> int:
    return sum(counts.values())
