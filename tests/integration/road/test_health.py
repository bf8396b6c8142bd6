"""Each process has a door of its own for probes and scrapers; it knows when the database is gone."""

import asyncpg
import httpx2
from sqlalchemy import make_url

from contracts.bus.connection import Connection
from orchestrator.settings import Role
from tests.integration.road.engines import until
from tests.integration.road.test_roles import ROLES, free_port, running, stops_in_time
from tests.integration.road.world import World

LOOPS = {"answers", "clock", "dispatcher_access", "dispatcher_erasure", "reporter", "notary"}


async def asked(port: int, path: str) -> httpx2.Response | None:
    async with httpx2.AsyncClient() as client:
        try:
            return await client.get(f"http://127.0.0.1:{port}{path}")
        except httpx2.TransportError:
            return None


async def test_a_process_says_that_it_is_ready_and_what_each_of_its_loops_does(
    world: World, connection: Connection
) -> None:
    port = free_port()

    async def ready() -> bool:
        found = await asked(port, "/readyz")
        return found is not None and found.status_code == 200

    async with running(world, connection, *ROLES, DSAR_HEALTH_PORT=str(port)) as process:
        await until(ready)
        live, told = await asked(port, "/livez"), await asked(port, "/metrics")
        assert live is not None
        assert told is not None
        assert live.status_code == 200
        assert all(f'dsar_last_progress_timestamp_seconds{{loop="{each}"}}' in told.text for each in LOOPS)
        assert 'dsar_consumer_lag_seconds{loop="answers"} 0.0' in told.text
        assert 'dsar_brake_pulled{loop="answers"} 0.0' in told.text
        await stops_in_time(process)


async def test_a_process_whose_database_is_gone_lives_and_is_not_ready(
    world: World, connection: Connection, postgres_admin: asyncpg.Connection
) -> None:
    name, port = make_url(world.url).database, free_port()

    async def database() -> str:
        found = await asked(port, "/readyz")
        return "" if found is None else str(found.json()["database"])

    async def is_there() -> bool:
        return await database() == "ok"

    async def is_gone() -> bool:
        return await database() == "not reachable"

    async with running(world, connection, Role.NOTARY, DSAR_HEALTH_PORT=str(port)) as process:
        await until(is_there)
        await postgres_admin.execute(f"alter database {name} allow_connections false")
        await postgres_admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        await until(is_gone)
        live = await asked(port, "/livez")
        assert live is not None
        assert live.status_code == 200
        await postgres_admin.execute(f"alter database {name} allow_connections true")
        await until(is_there)
        await stops_in_time(process)
