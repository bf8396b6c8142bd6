"""The nemesis: carries the schedule out, fault by fault, and notes when each was over."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg
from aiokafka.errors import KafkaError

from tests.crash.deeds import DEEDS, NotPossible
from tests.crash.evidence import Span
from tests.crash.options import Kind
from tests.crash.schedule import BROKER, DATABASE, DISK, Fault
from tests.crash.world import World


@dataclass(slots=True)
class Nemesis:
    """What was done, and when it was healed; what could not be done, and why."""

    world: World
    done: Counter[Kind] = field(default_factory=Counter)
    skipped: Counter[tuple[Kind, str]] = field(default_factory=Counter)
    spans: list[Span] = field(default_factory=list)
    late_s: float = 0.0

    async def rage(self, faults: Sequence[Fault]) -> None:
        """Carry it out; return when the last fault is healed.

        On a slow machine a service needs longer to come back than the schedule gives it: everything after that comes as
        much later, or nothing would ever be up.
        """
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for fault in faults:
                await asyncio.sleep(max(0.0, began + fault.at + self.late_s - time.monotonic()))
                await self._in_order(fault.target)
                self.late_s = max(self.late_s, time.monotonic() - began - fault.at)
                tasks.create_task(self._carry_out(fault))

    async def _in_order(self, target: str) -> None:
        broker, database = self.world.bus.child, self.world.database.child
        for child in {BROKER: [broker], DATABASE: [database], DISK: [database]}.get(target, []):
            with suppress(TimeoutError):
                await child.ready()

    async def _carry_out(self, fault: Fault) -> None:
        began = time.time()
        try:
            await DEEDS[fault.kind](self.world, fault)
        except NotPossible as error:
            self.skipped[fault.kind, str(error)] += 1
        except (KafkaError, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self.skipped[fault.kind, f"in the middle of another: {type(error).__name__}"] += 1
        else:
            self.done[fault.kind] += 1
            self.spans.append(Span(kind=fault.kind, target=fault.target, began=began, healed=time.time()))
