"""One part of the benchmark measured: meters read before and after, and what that makes per request."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.bench import meter, world
from tests.bench.figures import CLIENT, CUSTODIANS, Span, milliseconds_each, run_seconds, spent
from tests.bench.meter import Statement
from tests.bench.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What so many requests cost."""

    name: str
    spans: Sequence[Span]
    cpu_ms: Mapping[str, float]  # each
    peaks_mb: Mapping[str, float]
    messages: Mapping[str, float]  # each, by topic
    statements: Sequence[Statement] = field(repr=False)

    @property
    def count(self) -> int:
        return len(self.spans)

    @property
    def a_second(self) -> float:
        return self.count / run_seconds(self.spans)

    @property
    def statements_each(self) -> dict[str, float]:
        """By login of the database."""
        found: dict[str, float] = {}
        for each in self.statements:
            if each.is_work:
                found[each.login] = found.get(each.login, 0) + each.calls / self.count
        return found


async def measured(stage: Stage, name: str, work: Callable[[], Awaitable[Sequence[Span]]]) -> Measured:
    """Do *work* between two readings of every meter."""
    sent = await meter.messages(stage.bus)
    await meter.forget_statements(stage.owner)
    before = cpu(stage)
    spans = await work()
    after = cpu(stage)
    ran = [each for each in await meter.statements(stage.owner) if each.login != "dsar_owner"]
    now = await meter.messages(stage.bus)
    count = len(spans)
    return Measured(
        name=name,
        spans=spans,
        cpu_ms=milliseconds_each(spent(before, after), count),
        peaks_mb={role: meter.peak_mb(pid) for role, pid in stage.own.items()},
        messages={topic: (end - sent[topic]) / count for topic, end in now.items()},
        statements=ran,
    )


def cpu(stage: Stage) -> dict[str, float]:
    """What each role has used since it began, the custodians together."""
    used = meter.cpu_seconds(stage.roots, apart=[stage.onlooker])
    together = {name: used.pop(name) for name in world.NAMES}
    return used | {CUSTODIANS: sum(together.values()), CLIENT: meter.own_seconds()}
