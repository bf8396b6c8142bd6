"""What the API counts about itself, and what it reads from the database when a scraper comes.

Labels are names of ours: routes, states, lanes, custodians, events. Never an id.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sqlalchemy import Row

from orchestrator.domain.deadline import regime, zone
from orchestrator.domain.events import Event
from orchestrator.domain.request import Blocked
from orchestrator.entrypoints.api.letters import Mark
from orchestrator.store.session import Transaction
from orchestrator.store.views import health, log
from orchestrator.store.views.health import Figures

DAYS: Final = (1, 3, 7)
"""Where the buckets of days left end; those with more days are `more`, those with none `overdue`."""

LATE: Final = frozenset({Event.ANSWER_LATE, Event.ANSWER_AFTER_CLOSE, Event.ANSWER_OUTDATED})


def left(due: date, today: date) -> str:
    """The bucket of a request that is due on *due*."""
    days = (due - today).days
    if days < 0:
        return "overdue"
    return next((str(most) for most in DAYS if days <= most), "more")


class LogPlace:
    """How far the log has been counted. A process begins at its end: what was before, another one has counted."""

    def __init__(self) -> None:
        self._after: int | None = None
        self._one_at_a_time = asyncio.Lock()

    async def read(self, tx: Transaction) -> Sequence[Row[Any]]:
        """Count what is new since the last call."""
        async with self._one_at_a_time:
            if self._after is None:
                self._after = await log.last(tx)
                return ()
            found = await health.news(tx, after=self._after)
            self._after = max((row.last for row in found), default=self._after)
            return found


@dataclass(frozen=True, slots=True)
class Metrics:
    """One registry a process; the roles that share the process put their own figures beside these."""

    registry: CollectorRegistry = field(default_factory=lambda: CollectorRegistry(auto_describe=True))
    gauges: dict[str, Gauge] = field(init=False, default_factory=dict)
    counters: dict[str, Counter] = field(init=False, default_factory=dict)
    seconds: Histogram = field(init=False)

    def __post_init__(self) -> None:
        for name, (text, labels) in GAUGES.items():
            self.gauges[name] = Gauge(f"dsar_{name}", text, labels, registry=self.registry)
        for name, (text, labels) in COUNTERS.items():
            self.counters[name] = Counter(f"dsar_{name}", text, labels, registry=self.registry)
        seconds = Histogram("dsar_api_seconds", "Time to answer", ("method", "route"), registry=self.registry)
        object.__setattr__(self, "seconds", seconds)
        for event in Event:
            self.counters["log_entries"].labels(event)  # 0 from the start: the first of a kind is an increase too

    def answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self.counters["api_requests"].labels(method, route, str(status)).inc()
        self.seconds.labels(method, route).observe(seconds)

    def take(self, figures: Figures, *, now: datetime) -> None:
        """Show what the database says now, and nothing that it no longer says."""
        for name in FROM_THE_DATABASE:
            self.gauges[name].clear()
        self._take_open(figures.open, now)
        for row in figures.lanes:
            self.gauges["outbox_intents"].labels(row.lane).set(row.intents)
            self.gauges["outbox_oldest_seconds"].labels(row.lane).set(float(row.oldest))
        for row in figures.heard:
            self.gauges["custodian_heard_seconds"].labels(row.custodian).set(float(row.age))
            self.gauges["custodian_lag_seconds"].labels(row.custodian).set(row.lag)
        for row in figures.owed:
            self.gauges["custodian_open_tasks"].labels(row.custodian).set(row.tasks)
            self.gauges["custodian_oldest_task_seconds"].labels(row.custodian).set(float(row.oldest))
        for row in figures.failed:
            self.gauges["custodian_failed"].labels(row.custodian).set(row.requests)
        for row in figures.stopped:
            self.gauges["stopped_seconds"].labels(row.scope, row.what).set(float(row.age))
        self.gauges["log_unnumbered_oldest_seconds"].set(figures.unnumbered_s)

    def _take_open(self, rows: Iterable[Row[Any]], now: datetime) -> None:
        for reason in Blocked:
            self.gauges["requests_blocked"].labels(reason)
        self.gauges["requests_residual"].set(0)
        oldest: dict[tuple[str, str], float] = {}
        for row in rows:
            days = left(row.due, now.astimezone(zone(regime(row.regime))).date())
            self.gauges["requests_open"].labels(row.kind, row.state, days).inc(row.requests)
            oldest[row.kind, row.state] = max(oldest.get((row.kind, row.state), 0.0), float(row.oldest))
            if row.blocked_by is not None:
                self.gauges["requests_blocked"].labels(row.blocked_by).inc(row.requests)
            if row.residual:
                self.gauges["requests_residual"].inc(row.requests)
        for (kind, state), age in oldest.items():
            self.gauges["requests_longest_wait_seconds"].labels(kind, state).set(age)

    def take_news(self, rows: Sequence[Row[Any]]) -> None:
        """Count what the log says that it did not say before."""
        for row in rows:
            self.counters["log_entries"].labels(row.event).inc(row.entries)
            if row.reissues:
                self.counters["reissues"].labels(row.operation).inc(int(row.reissues))
            if row.event in LATE:
                self.counters["answers_late"].labels(row.custodian).inc(row.entries)
            if row.event in (Event.TASK_FAILED, Event.TASK_REJECTED):
                self.counters["task_failures"].labels(row.custodian).inc(row.entries)

    def take_letters(self, marks: Sequence[Mark], *, now: datetime, reachable: bool) -> None:
        """Show which dead letters nobody has dealt with."""
        self.gauges["broker_reachable"].set(reachable)
        self.gauges["dead_letters"].clear()
        for mark in marks:
            self.gauges["dead_letters"].labels(mark.reader, mark.refusal).inc()
        oldest = min((mark.at for mark in marks), default=now.timestamp())
        self.gauges["dead_letters_oldest_seconds"].set(max(0.0, now.timestamp() - oldest))


Named = dict[str, tuple[str, tuple[str, ...]]]
GAUGES: Final[Named] = {
    "requests_open": ("Open requests about real people, by days left until due", ("kind", "state", "left")),
    "requests_blocked": ("Open requests that wait for a decision of ours", ("reason",)),
    "requests_residual": ("Erasures that wait for new signatures because a probe found something", ()),
    "requests_longest_wait_seconds": ("How long a request has been in this state at most", ("kind", "state")),
    "outbox_intents": ("Intents not dispatched yet", ("lane",)),
    "outbox_oldest_seconds": ("Age of the oldest intent", ("lane",)),
    "custodian_heard_seconds": ("Time since a custodian was last heard, or admitted", ("custodian",)),
    "custodian_lag_seconds": ("Age of the oldest command that a custodian has in hand", ("custodian",)),
    "custodian_open_tasks": ("Tasks sent and not answered", ("custodian",)),
    "custodian_oldest_task_seconds": ("Age of the oldest of them", ("custodian",)),
    "custodian_failed": ("Requests held up by a task that failed, or waits to be tried again", ("custodian",)),
    "stopped_seconds": ("How long erasing, or all that is sent to a custodian, has been stopped", ("scope", "what")),
    "log_unnumbered_oldest_seconds": ("Age of the oldest log entry that the notary has not numbered", ()),
    "dead_letters": ("Dead letters that nobody has dealt with", ("reader", "refusal")),
    "dead_letters_oldest_seconds": ("Age of the oldest of them", ()),
    "broker_reachable": ("Whether Kafka answered when the dead letters were last looked at", ()),
}
COUNTERS: Final[Named] = {
    "api_requests": ("Answered requests", ("method", "route", "status")),
    "log_entries": ("Entries of the log since this process began to read it", ("event",)),
    "reissues": ("Commands sent again, by task", ("operation",)),
    "answers_late": ("Answers that came too late to change anything", ("custodian",)),
    "task_failures": ("Failures and rejections that custodians reported", ("custodian",)),
}
FROM_THE_DATABASE: Final = tuple(
    name for name, (_, labels) in GAUGES.items() if labels and not name.startswith("dead_letters")
)
