"""State, entry and intent stand together or not at all, wherever the process or the connection dies."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel

from contracts.command import Lane
from orchestrator.domain.case import Case, Step
from orchestrator.domain.draft import Draft
from orchestrator.domain.errors import EffectWithoutEntry, StaleRequest
from orchestrator.domain.events import Event
from orchestrator.domain.request import Kind
from orchestrator.settings import Role
from orchestrator.store import cases
from orchestrator.store.session import Transaction, transactions
from orchestrator.store.tables import every
from tests.integration.road.people import approved, asked, awaiting_approval, the_usual, withdrawn
from tests.integration.road.world import World

assert every  # the tables, registered
EVERYTHING = text(
    " union all ".join(f"select '{name}', cast(t as text) from \"{name}\" t" for name in SQLModel.metadata.tables)
)
MOST_STATEMENTS = 40


class Died(BaseException):
    """The process has ended: no handler of the product may take it for an error of its own."""


@contextmanager
def dying(engine: AsyncEngine, nth: int) -> Iterator[list[str]]:
    """Die before the *nth* statement on *engine*; gives what was begun."""
    seen: list[str] = []

    def die(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:  # noqa: ANN401 - SQLAlchemy's hook
        seen.append(" ".join(statement.split()))
        if len(seen) > nth:
            raise Died

    event.listen(engine.sync_engine, "before_cursor_execute", die)
    try:
        yield seen
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", die)


async def tables(world: World) -> list[tuple[str, str]]:
    """All rows of all tables."""
    async with transactions(world.owner)() as tx:
        return sorted(tuple(row) for row in await tx.connection.execute(EVERYTHING))


async def died_everywhere(world: World, role: Role, act: Callable[[], Awaitable[object]], *, commits: int = 1) -> int:
    """Have *act* die before each of its statements; nothing is left of any try. Gives how many there were."""
    before = await tables(world)
    for nth in count():
        assert nth < MOST_STATEMENTS
        with dying(world.engines[role], nth) as seen:
            try:
                await act()
            except Died:
                pass
            else:
                break
        if seen.count("select now()") > commits:  # it died in what comes after the first commit
            break
        assert await tables(world) == before
    assert await tables(world) != before
    return nth


async def test_a_step_that_says_nothing_is_refused(world: World) -> None:
    await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    before = await tables(world)
    async with world.tx[Role.ENGINE]() as tx:
        case = await cases.lock_one(tx, request)
        moved = replace(case.request, partial=True)
        with pytest.raises(EffectWithoutEntry):
            await cases.write(tx, [Step(request=moved, was=case.request.version, entries=())])
    assert await tables(world) == before


async def test_a_step_with_more_changes_than_entries_is_refused(world: World) -> None:
    await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    async with world.tx[Role.ENGINE]() as tx:
        step = a_step(world, await cases.lock_one(tx, request), tx)
        jumped = replace(step, request=replace(step.request, version=step.request.version + 1))
        with pytest.raises(EffectWithoutEntry):
            await cases.write(tx, [jumped])


def a_step(world: World, case: Case, tx: Transaction) -> Step:
    draft = Draft(case, at=tx.now, policy=world.policy, actor="st_rev")
    draft.note(Event.DATA_READ)
    return draft.step()


async def test_one_step_on_what_has_changed_since_stops_its_whole_batch(world: World) -> None:
    await the_usual(world)
    changed, still = await asked(world, Kind.ACCESS), await asked(world, Kind.ACCESS)
    async with world.tx[Role.ENGINE]() as tx:
        held = await cases.lock(tx, [changed, still])
        steps = [a_step(world, case, tx) for case in held.values()]
    await withdrawn(world, changed)
    before = await tables(world)
    with pytest.raises(StaleRequest):
        async with world.tx[Role.ENGINE]() as tx:
            await cases.write(tx, steps)
    assert await tables(world) == before


async def test_answers_that_begin_a_round_are_filed_whole_or_not_at_all(world: World) -> None:
    await the_usual(world)
    await asked(world, Kind.ACCESS)
    await world.dispatch()
    for each in world.custodians.values():
        world.put(await world.answered_by(each))
    assert await died_everywhere(world, Role.ENGINE, world.file, commits=3) >= 12
    await world.drive()


async def test_a_command_is_issued_whole_or_not_at_all(world: World) -> None:
    await the_usual(world)
    await asked(world, Kind.ACCESS)
    dispatcher = world.dispatchers[Lane.ACCESS]
    assert await died_everywhere(world, Role.DISPATCHER_ACCESS, dispatcher.once) >= 8
    await world.drive()
    await world.later(seconds=6)


async def test_a_second_approval_is_written_whole_or_not_at_all(world: World) -> None:
    await the_usual(world)
    request = await awaiting_approval(world)
    await approved(world, request, "st_a")
    assert await died_everywhere(world, Role.API, lambda: approved(world, request, "st_b"), commits=9) >= 8


async def test_an_erasure_is_let_go_whole_or_not_at_all(world: World) -> None:
    await the_usual(world)
    request = await awaiting_approval(world)
    await approved(world, request)
    world.ahead += world.policy.grace
    assert await died_everywhere(world, Role.ENGINE, world.tick) >= 8
    assert (await world.events(request))[-1] == "erase.begun"
