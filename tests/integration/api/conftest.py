"""A migrated database with staff in it, copied for each test; the API logs in with the privileges of its own role."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest_asyncio
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orchestrator.store import migrating
from orchestrator.store.session import connect, transactions
from tests.integration import shared
from tests.integration.api.world import World, people

ROLES_OF_THE_CLUSTER = 7236002
"""Logins belong to the whole server: two workers that migrate at once would both create them."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def populated(postgres_url: str, postgres_admin: asyncpg.Connection) -> AsyncIterator[str]:
    """The URL of a database to copy."""
    url = await shared.create_database(postgres_admin, postgres_url)
    await postgres_admin.execute(f"select pg_advisory_lock({ROLES_OF_THE_CLUSTER})")
    try:
        await migrating.migrate(url, {})
    finally:
        await postgres_admin.execute(f"select pg_advisory_unlock({ROLES_OF_THE_CLUSTER})")
    engine = connect(url, pool_size=1)
    async with transactions(engine)() as tx:
        await people(tx)
    await engine.dispose()
    yield url
    await shared.drop_database(postgres_admin, url)


@pytest_asyncio.fixture(loop_scope="session")
async def world(
    postgres_url: str, postgres_admin: asyncpg.Connection, populated: str, tmp_path: Path
) -> AsyncIterator[World]:
    """The API over a database of its own."""
    template = make_url(populated).database or ""
    url = await shared.create_database(postgres_admin, postgres_url, template=template)
    made = World(engine=as_role(url, "dsar_api"), owner=connect(url, pool_size=1), folder=tmp_path)
    yield made
    await made.close()
    await shared.drop_database(postgres_admin, url)


def as_role(url: str, role: str) -> AsyncEngine:
    """A connection with the privileges of *role*, without its password."""
    return create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        connect_args={"server_settings": {"role": role}},
        pool_size=5,
        isolation_level="READ COMMITTED",
    )
