"""A verdict in words: kinds × count, requests by outcome, recovery, and every charge with its number."""

from collections.abc import Iterator, Sequence
from typing import Final

from tests.crash.run import Verdict

SHOWN: Final = 20
"""How many findings of one charge are printed."""


def told(verdict: Verdict) -> str:
    """The whole table."""
    return "\n".join(_lines(verdict))


def _lines(verdict: Verdict) -> Iterator[str]:
    options = verdict.options
    yield f"seed {options.seed}: {options.requests} requests × {options.custodians} custodians, {verdict.took_s:.0f} s"
    yield f"faults: {sum(verdict.done.values())} of {len(verdict.done)} kinds"
    for kind, count in sorted(verdict.done.items()):
        slowest = max((seconds for each, seconds in verdict.recovery_s if each is kind), default=None)
        yield f"  {kind:<20} {count:5}" + ("" if slowest is None else f"   progress within {slowest:.1f} s")
    for (kind, why), count in sorted(verdict.skipped.items()):
        yield f"  {kind:<20} {count:5} not done: {why}"
    yield "requests by outcome"
    for outcome, count in sorted(verdict.outcomes.items()):
        yield f"  {outcome:<20} {count:5}"
    yield "progress after a heal: " + _percentiles(sorted(seconds for _, seconds in verdict.recovery_s))
    yield f"all at rest {verdict.settled_s:.1f} s after the last heal"
    yield f"stretched by {verdict.late_s:.0f} s: a service needed longer to come back than the schedule gave it"
    for name, count in sorted(verdict.own_deaths.items()):
        yield f"died by itself: {name} {count} times"
    for name in verdict.late:
        yield f"did not stop in time: {name}"
    for charge, findings in verdict.judgement.findings.items():
        yield f"{charge:<32} {len(findings):5}"
        yield from (f"    {finding}" for finding in findings[:SHOWN])
    yield f"kept: {verdict.folder}" if verdict.folder else "nothing kept"
    yield "PASSED" if verdict.passed else f"FAILED: repeat with --seed {options.seed}"


def _percentiles(values: Sequence[float]) -> str:
    if not values:
        return "none was needed"
    at = [values[min(len(values) - 1, int(len(values) * share))] for share in (0.5, 0.99)]
    return f"p50 {at[0]:.2f} s, p99 {at[1]:.2f} s, max {values[-1]:.2f} s"
