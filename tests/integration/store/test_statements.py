"""What a batch costs in statements: the same for one request and for five hundred, by name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.command import Lane
from orchestrator.domain.request import Kind
from orchestrator.entrypoints import answers
from orchestrator.flow import intake
from orchestrator.settings import Role
from tests.integration.road.people import an_opening, confirmed, detail, the_usual
from tests.integration.road.world import World

MOST = 16

DISPATCH = [
    "select now()",
    "delete from outbox",
    "select * from request",
    "select t.id, t.request,",
    "select l.request, l.custodian,",
    "select request, n, kind,",
    "select scope, what from dsar_stops()",
    "update request r set",
    "insert into task (id,",
    "insert into issue (task,",
    "with handed_in as (",
    "select request, use, public,",
    "select distinct on (custodian)",
    "select now()",
    "select id from request",
    "with u as (select",
]
"""Both transactions of a dispatch: taking, and confirming. Manifests were read with the first one of the process."""

ANSWERS = [
    "select now()",
    "select request, use, public,",
    "select now()",
    "select * from request",
    "select t.id, t.request,",
    "select l.request, l.custodian,",
    "select request, n, kind,",
    "insert into answer (task,",
    "select distinct u.task, u.issue_no",
    "update request r set",
    "insert into plan_line (request,",
    "insert into identifier (request,",
    "insert into task (id,",
    "with handed_in as (",
    "with left_word as (",
    "with beat as (",
]
"""Opening what was found, in a transaction of its own; then filing and all that follows. The next round
begins, and a custodian says that it lives. The custodians' keys were read with the first batch of the process."""


@contextmanager
def counted(engine: AsyncEngine) -> Iterator[list[str]]:
    """The beginnings of the statements that *engine* executes, BEGIN and COMMIT apart."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:  # noqa: ANN401 - SQLAlchemy's hook
        seen.append(" ".join(statement.split()))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)


def assert_named(seen: list[str], named: list[str]) -> None:
    assert len(seen) == len(named), seen
    assert [each for each, name in zip(seen, named, strict=True) if not each.startswith(name)] == []
    assert len(named) <= MOST


async def searching(world: World, count: int) -> None:
    """So many access requests whose search has just begun."""
    openings = [await an_opening(world, Kind.ACCESS) for _ in range(count)]
    async with world.tx[Role.API]() as tx:
        await intake.open_(tx, openings)
    for each in openings:
        seen = await detail(world, each.request.id, "seen")
        async with world.tx[Role.API]() as tx:
            await confirmed(world, tx, each.request.id, seen)


@pytest.mark.parametrize("count", [1, 500])
async def test_a_dispatch_and_a_batch_of_answers_cost_these_statements_whatever_their_size(
    world: World, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "RING_SECONDS", 3600.0)  # the keys are known: they are read once a minute, not a batch
    profiles, _ = await the_usual(world)
    await searching(world, 1)
    await world.drive()
    await searching(world, count)
    dispatcher = replace(world.dispatchers[Lane.ACCESS], limit=500)
    with counted(world.engines[Role.DISPATCHER_ACCESS]) as seen:
        await dispatcher.once()
    assert_named(seen, DISPATCH)

    for each in world.custodians.values():
        world.put(await world.answered_by(each))
    world.put([profiles.beat(int(world.now()))])
    with counted(world.engines[Role.ENGINE]) as seen:
        await world.file()
    assert_named(seen, ANSWERS)
