"""What a process says of itself: that it lives, whether it gets on, and the figures that only it knows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from orchestrator.store.session import Transactions

STUCK_AFTER_S: Final = 120.0
"""A loop that has not come round by then is stuck: none of them waits for longer than its poll."""

LONG_S: Final = 3600.0
"""The same of a loop whose single piece of work may be a million records."""


@dataclass(slots=True)
class Loop:
    """One loop of a role. It has come round when it found nothing to do, or has done it."""

    name: str
    stuck_after_s: float
    progressed_at: Callable[[], float]

    def stuck(self, now: float) -> bool:
        """Whether it has not come round for too long."""
        return now - self.progressed_at() > self.stuck_after_s


class Reads(Protocol):
    """Whatever reads the bus, and knows how far behind it is."""

    @property
    def lag_seconds(self) -> float:
        """How old the oldest record is that waits to be handled."""

    @property
    def last_progress(self) -> float:
        """When it last got anywhere."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """One a process; every role that runs in it tells its loops here. Labels are names of loops, never ids."""

    clock: Callable[[], float]
    registry: CollectorRegistry = field(default_factory=lambda: CollectorRegistry(auto_describe=True))
    loops: list[Loop] = field(default_factory=list)
    databases: list[Transactions] = field(default_factory=list)  # of each role that runs here
    _progress: Gauge = field(init=False)
    _stumbles: Counter = field(init=False)

    def __post_init__(self) -> None:
        progress = Gauge(
            "dsar_last_progress_timestamp_seconds", "When a loop last came round", ("loop",), registry=self.registry
        )
        stumbles = Counter("dsar_stumbles", "Times a loop failed and tried again", ("loop",), registry=self.registry)
        object.__setattr__(self, "_progress", progress)
        object.__setattr__(self, "_stumbles", stumbles)

    def work(self, name: str, *, stuck_after_s: float = STUCK_AFTER_S) -> Callable[[bool], None]:
        """Watch a loop that says of each turn whether it went well."""
        came_round = self.clock()
        stumbles = self._stumbles.labels(name)

        def turned(well: bool) -> None:  # noqa: FBT001 - the only thing that it is told
            nonlocal came_round
            if well:
                came_round = self.clock()
            else:
                stumbles.inc()

        self._watch(Loop(name, stuck_after_s, lambda: came_round))
        return turned

    def reader(self, name: str, reader: Reads, *, brake_pulled: Callable[[], bool]) -> None:
        """Watch a reader of the bus."""
        self._watch(Loop(name, STUCK_AFTER_S, lambda: reader.last_progress))
        lag = Gauge("dsar_consumer_lag_seconds", "Age of the oldest record in hand", ("loop",), registry=self.registry)
        lag.labels(name).set_function(lambda: reader.lag_seconds)
        brake = Gauge("dsar_brake_pulled", "Whether too much was refused to go on", ("loop",), registry=self.registry)
        brake.labels(name).set_function(lambda: float(brake_pulled()))

    def stuck(self) -> list[str]:
        """The loops that have not come round for too long."""
        now = self.clock()
        return [each.name for each in self.loops if each.stuck(now)]

    def _watch(self, loop: Loop) -> None:
        self.loops.append(loop)
        self._progress.labels(loop.name).set_function(loop.progressed_at)


def rendered(registry: CollectorRegistry) -> tuple[bytes, str]:
    """What a scraper reads, and its content type."""
    return generate_latest(registry), CONTENT_TYPE_LATEST
