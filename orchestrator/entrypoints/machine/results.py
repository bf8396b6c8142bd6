"""What the demo tells of a request: its custodians' results in one word each, and as one JSON object."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]

WORST_FIRST = ("unsupported", "waived", "residual", "retained", "restricted", "erased", "anonymised", "found")
"""Which of several results names a custodian: `retained` if any class retains."""


def of_access(shown: Json) -> dict[str, Json]:
    """Result, records and classes of each custodian."""
    found = {}
    for custodian, lines in _by_custodian(shown).items():
        said = [result for line in lines for result in line["said"]]
        found[custodian] = {
            "result": _name(said),
            "records": sum(result.get("count", 0) for result in said),
            "classes": {line["data_class"]: _counts(line["said"]) for line in lines},
        }
    return found


def of_erasure(shown: Json) -> dict[str, Json]:
    """Result, level, counts, probe and classes of each custodian."""
    found = {}
    for custodian, lines in _by_custodian(shown).items():
        said = [result for line in lines for result in line["said"]]
        levels = [result["level"] for result in said if result["kind"] == "erased"]
        found[custodian] = {
            "result": _name(said),
            "level": min(levels) if levels else None,
            "erased": _sum(said, "erased"),
            "retained": _sum(said, "retained"),
            "probe": _probe(shown, custodian),
            "classes": {line["data_class"]: _counts(line["said"]) for line in lines},
        }
    return found


def _by_custodian(shown: Json) -> Mapping[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for line in shown["lines"]:
        found.setdefault(line["custodian"], []).append(line)
    return found


def _name(said: Iterable[Json]) -> str:
    kinds = {result["kind"] for result in said}
    if not kinds:
        return "owed"
    return next((kind for kind in WORST_FIRST if kind in kinds), min(kinds))


def _counts(said: Iterable[Json]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for result in said:
        counts[result["kind"]] += result.get("count", 0)
    return dict(counts)


def _sum(said: Iterable[Json], kind: str) -> int:
    return sum(result["count"] for result in said if result["kind"] == kind)


def _probe(shown: Json, custodian: str) -> str | None:
    tasks = [each for each in shown["tasks"] if each["operation"] == "probe" and each["custodian"] == custodian]
    if not tasks:
        return None
    answers = tasks[-1]["answers"]
    return _name([result for answer in answers for result in answer["results"]]) if answers else tasks[-1]["state"]
