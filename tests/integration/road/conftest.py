"""A world for each test, on a migrated database of its own; its log is checked when the test ends."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient

from contracts.bus.connection import Connection
from orchestrator.entrypoints.topics import make_topics
from tests.integration.road.world import POLICY, World, worlds
from tests.integration.store.databases import copied, migrated


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template(postgres_url: str, postgres_admin: asyncpg.Connection) -> AsyncIterator[str]:
    async with migrated(postgres_admin, postgres_url) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def world(postgres_admin: asyncpg.Connection, template: str, tmp_path: Path) -> AsyncIterator[World]:
    async with copied(postgres_admin, template) as url, worlds(url, tmp_path) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def watchful_world(postgres_admin: asyncpg.Connection, template: str, tmp_path: Path) -> AsyncIterator[World]:
    """One that looks again, a day after an erasure, whether all is still gone."""
    policy = replace(POLICY, watch=(timedelta(days=1),))
    async with copied(postgres_admin, template) as url, worlds(url, tmp_path, policy) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def connection(kafka_bootstrap: str) -> AsyncIterator[Connection]:
    """Topics under a prefix of their own, as the product makes them; gone after the test."""
    here = Connection(bootstrap=kafka_bootstrap, client_id="test", prefix=f"t{uuid4().hex[:8]}.")
    made = await make_topics(here)
    yield here
    admin = AIOKafkaAdminClient(**here.client_options())
    await admin.start()
    await admin.delete_topics(made)
    await admin.close()
