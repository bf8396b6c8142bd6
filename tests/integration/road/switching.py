"""Switches in a world: turned by the API's login, and what waits for them."""

from uuid import uuid4

from sqlalchemy import text

from contracts.ids import EventId
from orchestrator.domain.stops import EVERYWHERE, What, Why, Wish
from orchestrator.settings import Role
from orchestrator.store import stops
from orchestrator.store.session import transactions
from tests.integration.road.world import World


async def turn(world: World, *, stop: bool, scope: str = EVERYWHERE, what: What = What.ERASURE) -> bool:
    wish = Wish(scope=scope, what=what, stopped=stop, why=Why.INCIDENT if stop else Why.RESOLVED)
    async with world.tx[Role.API]() as tx:
        return await stops.turn(tx, wish, by="st_oncall", entry_id=EventId(uuid4()))


async def stop(world: World, scope: str = EVERYWHERE) -> bool:
    return await turn(world, stop=True, scope=scope)


async def release(world: World, scope: str = EVERYWHERE) -> bool:
    return await turn(world, stop=False, scope=scope)


async def pause(world: World, custodian: str) -> bool:
    return await turn(world, stop=True, scope=custodian, what=What.COMMANDS)


async def resume(world: World, custodian: str) -> bool:
    return await turn(world, stop=False, scope=custodian, what=What.COMMANDS)


async def waiting(world: World) -> list[tuple[str, str]]:
    """The operation and custodian of each task that a switch holds back."""
    async with transactions(world.owner)() as tx:
        rows = await tx.connection.execute(text("select operation, custodian from held_back order by 1, 2"))
        return [(row.operation, row.custodian) for row in rows]


async def told(world: World) -> list[str]:
    """What the log says of switches and pauses."""
    return [str(leaf.event) for leaf in await world.log() if str(leaf.event).startswith(("switch.", "custodian."))]
