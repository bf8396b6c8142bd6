"""Taking requests in costs the same few statements, whether it is one or fifty."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from tests.integration.api.world import World, a_form


@contextmanager
def counted(world: World) -> Iterator[list[str]]:
    """The statements that the API sends meanwhile, by their first words."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(" ".join(statement.split()[:4]))

    event.listen(world.engine.sync_engine, "before_cursor_execute", note)
    yield seen
    event.remove(world.engine.sync_engine, "before_cursor_execute", note)


async def statements(world: World, name: str, count: int) -> list[str]:
    rows = [a_form() | {"idempotency_key": f"{name}-{n}"} for n in range(count)]
    with counted(world) as seen:
        answer = await world.call("support", "POST", "/requests", {"requests": rows})
    assert {each["status"] for each in answer.json()["results"]} == {201}
    return seen


async def test_fifty_cost_the_same_statements_as_one(world: World) -> None:
    await statements(world, "warm", 1)
    one = await statements(world, "one", 1)
    assert await statements(world, "fifty", 50) == one
    assert len(one) <= 8
