"""The parts of the benchmark: many at once, one alone, very many in a row, a person with very many rows."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from tests.bench import meter, world
from tests.bench.figures import Span, counted, milliseconds_each, spent
from tests.bench.measuring import Measured, cpu, measured
from tests.bench.office import Drive, Office
from tests.bench.profiling import profiled
from tests.bench.stage import Stage
from tests.bench.talk import Talk
from tests.bench.world import Asked

WARM_UP: Final = 20
BLOCK: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Heavy:
    """What a person with very many rows costs."""

    rows: int
    seconds: float
    report_mb: float
    grown_mb: Mapping[str, float]  # beyond what each process held before


class Bench:
    """Drives requests. Nobody is asked about twice before everybody was."""

    def __init__(self, stage: Stage, *, people: int, profile: bool = False) -> None:
        self._stage = stage
        self._people = people
        self._profile = profile
        self._next = 0
        self._heavy = 0
        self._office = Office(cast=stage.cast, talk=Talk(stage.url), owner=stage.owner)

    async def warm_up(self) -> None:
        for kind in ("access", "erasure"):
            await self._drive(kind).through(self._asked(WARM_UP))

    async def many(self, name: str, kind: str, count: int, *, rounds: int = 1) -> Measured:
        drive = self._drive(kind)
        asked = self._asked(count, rounds=rounds)
        with self._profiled(name):
            return await measured(self._stage, name, lambda: drive.through(asked))

    async def alone(self, kind: str, count: int) -> tuple[float, float]:
        """The median and the longest of so many, one after the other, with nothing else going on; in seconds."""
        spans: list[Span] = []
        for each in self._asked(count):
            spans += await self._drive(kind, look_every_s=0.003).through([each])
        seconds = [each.seconds for each in spans]
        return median(seconds), max(seconds)

    async def in_a_row(self, count: int) -> list[float]:
        """The CPU of each request, in milliseconds, block after block."""
        readings = [cpu(self._stage)]
        for _ in range(count // BLOCK):
            await self._drive("access").through(self._asked(BLOCK))
            readings.append(cpu(self._stage))
        return [counted(milliseconds_each(spent(before, after), BLOCK)) for before, after in pairwise(readings)]

    async def heavy(self, rows: int) -> Heavy:
        """An access request of somebody with so many rows."""
        n = self._people + self._heavy
        self._heavy += 1
        await world.add_heavy(self._stage.stores, n, events=rows)
        for pid in self._stage.own.values():
            meter.forget_peak(pid)
        before = {name: meter.peak_mb(pid) for name, pid in self._stage.own.items()}
        drive = self._drive("access", stuck_s=600.0)
        [span] = await drive.through([Asked(n=n, rounds=1)])
        after = {name: meter.peak_mb(pid) for name, pid in self._stage.own.items()}
        return Heavy(rows=rows, seconds=span.seconds, report_mb=drive.sizes[0] / 2**20, grown_mb=spent(before, after))

    def _drive(self, kind: str, *, look_every_s: float = 0.05, stuck_s: float = 60.0) -> Drive:
        return Drive(office=self._office, kind=kind, look_every_s=look_every_s, stuck_s=stuck_s)

    def _asked(self, count: int, *, rounds: int = 1) -> list[Asked]:
        first, self._next = self._next, self._next + count
        return [Asked(n=n % self._people, rounds=rounds) for n in range(first, first + count)]

    def _profiled(self, name: str) -> AbstractContextManager[None]:
        if not self._profile:
            return nullcontext()
        return profiled(self._stage.own, self._stage.root / "profiles", name)
