"""The services that integration tests share; an address given by the environment is used instead of our own."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from tests.integration import shared


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin both at once: the first test that needs one then waits less."""
    asked = {name for item in session.items if isinstance(item, pytest.Function) for name in item.fixturenames}
    for fixture, service in (("kafka_bootstrap", "kafka"), ("postgres_url", "postgres")):
        if fixture in asked and not session.config.option.collectonly:
            shared.begin(service)


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """A PostgreSQL whose user may create databases and roles."""
    return shared.address("postgres")


@pytest.fixture(scope="session")
def kafka_bootstrap() -> str:
    """A broker that creates no topic by itself."""
    return shared.address("kafka")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_admin(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="session")
async def fresh_database(postgres_url: str, postgres_admin: asyncpg.Connection) -> AsyncIterator[str]:
    """The URL of a new and empty database, gone after the test."""
    url = await shared.create_database(postgres_admin, postgres_url)
    yield url
    await shared.drop_database(postgres_admin, url)
