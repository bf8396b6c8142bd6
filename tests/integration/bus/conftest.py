"""A broker with topics of the test's own."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from contracts.bus.connection import Connection
from contracts.bus.sender import Sender
from contracts.topics import TOPICS, Channel


@pytest_asyncio.fixture(loop_scope="session")
async def connection(kafka_bootstrap: str) -> AsyncIterator[Connection]:
    """Topics under a prefix of their own, made as in production but for two partitions each; gone after the test."""
    here = Connection(bootstrap=kafka_bootstrap, client_id="test", prefix=f"t{uuid4().hex[:8]}.")
    admin = AIOKafkaAdminClient(**here.client_options())
    await admin.start()
    await admin.create_topics(
        [NewTopic(here.topic(each), 2, 1, topic_configs=dict(TOPICS[each].config)) for each in Channel]
    )
    yield here
    await admin.delete_topics([here.topic(each) for each in Channel])
    await admin.close()


@pytest_asyncio.fixture(loop_scope="session")
async def sender(connection: Connection) -> AsyncIterator[Sender]:
    async with Sender(connection) as opened:
        yield opened
