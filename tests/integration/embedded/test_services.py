"""Both services come and go together, whatever happens to their parent."""

import asyncio
from pathlib import Path

from orchestrator.embedded.home import Home
from orchestrator.embedded.services import services
from tests.integration.embedded.children import gone, kill
from tests.integration.embedded.conftest import Parent


async def test_a_killed_parent_leaves_no_service_behind_and_the_next_one_starts(a_parent: Parent) -> None:
    parent, pids = await a_parent("services")
    kill(parent.pid)
    async with asyncio.timeout(5):
        await gone(*pids.values())
    await parent.wait()
    parent, again = await a_parent("services")
    parent.terminate()
    assert await parent.wait() == 0
    assert pids.keys() == again.keys() == {"postgres", "kafka"}
    await gone(*again.values())


async def test_a_service_whose_address_is_given_is_not_started(tmp_path: Path) -> None:
    with Home.opened(tmp_path / "home") as home:
        async with services(home, database_url="postgresql://db", kafka_bootstrap="broker:9092") as running:
            assert (running.database_url, running.kafka_bootstrap) == ("postgresql://db", "broker:9092")
            assert running.supervisor.pids() == {}
