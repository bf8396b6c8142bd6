"""A custodian that does whatever a test gives it to do, and a worker that must outlive it."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, cast

from contracts.answer import Answer
from contracts.command import Operation
from contracts.identifiers import Identifier
from contracts.results import Failed
from custodians.sdk import Custodian, DataClass, Holding, Record, Subject
from tests.custodians.bench import LETTERS, Bench, a_command, a_declaration, a_task

READS = (Operation.COLLECT, Operation.PREVIEW, Operation.PROBE)
EVERY = (*READS, Operation.ERASE)
BAD = Failed(retryable=False, error="BadPlugin")


def a_record(n: int = 1, data_class: DataClass = LETTERS) -> Record:
    return Record(data_class=data_class, key=n, fields={"n": n})


class Hostile(Custodian):
    """Runs what a test gives it in the place of each method."""

    def __init__(self, **does: Callable[..., Any]) -> None:
        self.does = does

    async def resolve(self, subject: Subject) -> Collection[Identifier]:
        return cast("Collection[Identifier]", await self.does["resolve"](subject)) if "resolve" in self.does else ()

    def collect(self, subject: Subject) -> AsyncIterator[Record]:
        return cast("AsyncIterator[Record]", self.does["collect"](subject))

    async def erase(self, holdings: Sequence[Holding]) -> None:
        if "erase" in self.does:
            await self.does["erase"](holdings)


async def one(_: Subject) -> AsyncIterator[Record]:
    yield a_record()


def raising(error: BaseException) -> Callable[[Subject], AsyncIterator[Record]]:
    async def collect(_: Subject) -> AsyncIterator[Record]:
        raise error
        yield

    return collect


def hostile(bench: Bench, *, limit_s: int = 30, **does: Callable[..., Any]) -> Bench:
    limits = tuple(each.model_copy(update={"time_limit_s": limit_s}) for each in a_declaration().operations)
    return replace(bench, custodian=Hostile(**does), declaration=a_declaration(operations=limits))


async def answered(bench: Bench, operation: Operation) -> Answer:
    """Ask, and ask somebody else's task after it: the worker must still be there."""
    preview = {LETTERS: 1_000}
    async with bench.life() as life:
        await life.take(a_command(operation, preview=preview))
        (answer,) = bench.answers
        assert not life.jobs()
        life.worker._work._custodian = Hostile(collect=one)
        await life.take(a_command(Operation.PROBE, task=a_task(2)))
    assert bench.answers[-1].task_id == a_task(2)
    assert bench.answers[-1].outcome is None
    return answer
