"""Whose clock decides: the database's, whatever the host says."""

from sqlalchemy import text

from orchestrator.settings import Role
from tests.integration.road.world import World


async def test_a_transaction_goes_by_the_clock_of_the_database(world: World) -> None:
    async with world.tx[Role.ENGINE]() as tx:
        began = (await tx.connection.execute(text("select now()"))).scalar_one()
    assert tx.now == began
