"""The arithmetic of the benchmark: shares, percentiles, costs. Pure: numbers in, numbers out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

CUSTODIANS: Final = "custodians"
BROKER: Final = "broker"
DATABASE: Final = "database"
CLIENT: Final = "client"  # the benchmark itself: shown, never counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One request: from its POST to closed."""

    posted: float
    closed: float

    @property
    def seconds(self) -> float:
        return self.closed - self.posted


def run_seconds(spans: Sequence[Span]) -> float:
    """From the first POST to the last close."""
    return max(each.closed for each in spans) - min(each.posted for each in spans)


def own_shares(spans: Sequence[Span]) -> list[float]:
    """Each request's own time as a share of the run."""
    whole = run_seconds(spans)
    return [each.seconds / whole for each in spans]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that *share* of all do not exceed."""
    return sorted(values)[max(ceil(share * len(values)), 1) - 1]


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What each part spent meanwhile; one that was not there before began with nothing."""
    return {name: end - before.get(name, 0.0) for name, end in after.items()}


def milliseconds_each(seconds: Mapping[str, float], count: int) -> dict[str, float]:
    """The same per request, in milliseconds."""
    return {name: 1000 * each / count for name, each in seconds.items()}


def counted(costs: Mapping[str, float]) -> float:
    """Everything but the benchmark's own client."""
    return sum(each for name, each in costs.items() if name != CLIENT)


def own_processes(costs: Mapping[str, float]) -> float:
    """Our own processes: without broker and database."""
    return sum(each for name, each in costs.items() if name not in {CLIENT, BROKER, DATABASE})


def flatness(costs: Sequence[float], *, window: int) -> float:
    """The mean of the last *window* costs against that of the first, which follow a warm-up."""
    first, last = costs[:window], costs[-window:]
    return (sum(last) / len(last)) / (sum(first) / len(first))
