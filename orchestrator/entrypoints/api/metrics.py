"""What the API counts about itself, and what it reads from the database when a scraper comes."""

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from orchestrator.store.views.health import Figures


@dataclass(frozen=True, slots=True)
class Metrics:
    """One registry a process. Labels are names of ours: routes, states, lanes, custodians; never an id."""

    registry: CollectorRegistry = field(default_factory=lambda: CollectorRegistry(auto_describe=True))
    requests: Counter = field(init=False)
    seconds: Histogram = field(init=False)
    open: Gauge = field(init=False)
    overdue: Gauge = field(init=False)
    outbox: Gauge = field(init=False)
    outbox_age: Gauge = field(init=False)
    heard_age: Gauge = field(init=False)

    def __post_init__(self) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=self.registry)

        made = {
            "requests": Counter(
                "dsar_api_requests", "Answered requests", ("method", "route", "status"), registry=self.registry
            ),
            "seconds": Histogram("dsar_api_seconds", "Time to answer", ("method", "route"), registry=self.registry),
            "open": gauge("dsar_requests_open", "Open data subject requests", "kind", "state"),
            "overdue": gauge("dsar_requests_overdue", "Open requests past their due date", "kind", "state"),
            "outbox": gauge("dsar_outbox_intents", "Intents not dispatched yet", "lane"),
            "outbox_age": gauge("dsar_outbox_oldest_seconds", "Age of the oldest intent", "lane"),
            "heard_age": gauge("dsar_custodian_heard_seconds", "Time since a custodian was last heard", "custodian"),
        }
        for name, metric in made.items():
            object.__setattr__(self, name, metric)

    def answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(method, route).observe(seconds)

    def take(self, figures: Figures) -> None:
        """Show what the database says now, and nothing that it no longer says."""
        for gauge in (self.open, self.overdue, self.outbox, self.outbox_age, self.heard_age):
            gauge.clear()
        for row in figures.open:
            self.open.labels(row.kind, row.state).set(row.requests)
            self.overdue.labels(row.kind, row.state).set(row.overdue)
        for row in figures.lanes:
            self.outbox.labels(row.lane).set(row.intents)
            self.outbox_age.labels(row.lane).set(float(row.oldest))
        for row in figures.heard:
            self.heard_age.labels(row.custodian).set(float(row.age))
