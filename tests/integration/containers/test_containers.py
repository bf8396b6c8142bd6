"""PostgreSQL and Kafka from images answer the same questions as the embedded ones."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from testcontainers.community.kafka import KafkaContainer
from testcontainers.community.postgres import PostgresContainer

pytestmark = [pytest.mark.containers, pytest.mark.usefixtures("docker_engine"), pytest.mark.timeout(600)]


@pytest.fixture
def container_url(docker_engine: None) -> Iterator[str]:
    with PostgresContainer("postgres:18", driver=None) as container:
        yield container.get_connection_url()


@pytest.fixture
def container_bootstrap(docker_engine: None) -> Iterator[str]:
    with KafkaContainer("confluentinc/cp-kafka:7.9.0").with_kraft() as container:
        yield container.get_bootstrap_server()


async def test_postgresql_in_a_container_answers(container_url: str) -> None:
    connection = await asyncpg.connect(container_url)
    version = await connection.fetchval("show server_version_num")
    await connection.close()
    assert int(version) >= 180000


async def test_kafka_in_a_container_keeps_what_it_was_sent(container_bootstrap: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=container_bootstrap)
    await producer.start()
    await producer.send_and_wait("probe", b"value")
    await producer.stop()
    consumer = AIOKafkaConsumer("probe", bootstrap_servers=container_bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    record = await asyncio.wait_for(consumer.getone(), timeout=30)
    await consumer.stop()
    assert record.value == b"value"
