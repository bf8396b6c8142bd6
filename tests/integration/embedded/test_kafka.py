"""The broker answers, keeps what it acknowledged, and says why when it cannot start."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from orchestrator.embedded import kafka
from orchestrator.embedded.errors import DiedAtStart, PortTaken
from orchestrator.embedded.home import Home
from orchestrator.embedded.identity import identify
from orchestrator.embedded.process import polled
from orchestrator.embedded.supervisor import Supervisor
from tests.integration.embedded.children import kill

TOPIC = "kept"


@pytest_asyncio.fixture(loop_scope="session")
async def supervisor(home: Home) -> AsyncIterator[Supervisor]:
    async with Supervisor(home, on_death=lambda _: None) as supervisor:
        yield supervisor


async def make_topic(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    await admin.close()


async def send(bootstrap: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    await producer.send_and_wait(TOPIC, value)
    await producer.stop()


async def first_record(bootstrap: str) -> bytes:
    consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    value: bytes = (await asyncio.wait_for(consumer.getone(), timeout=20)).value
    await consumer.stop()
    return value


async def test_what_it_acknowledged_survives_a_kill_and_it_is_gone_after_the_stop(home: Home) -> None:
    async with Supervisor(home, on_death=lambda _: None) as supervisor:
        bootstrap = await kafka.start(supervisor)
        await make_topic(bootstrap)
        await send(bootstrap, b"acknowledged")
        first = supervisor.pids()["kafka"]
        kill(first)

        async def answers_again() -> bool:
            return supervisor.pids()["kafka"] != first and await kafka.answers(home.port("kafka"))

        async with asyncio.timeout(30):
            await polled(answers_again)
        assert await first_record(bootstrap) == b"acknowledged"
        second = supervisor.pids()["kafka"]
    assert await identify(second) is None
    assert not await kafka.answers(home.port("kafka"))


@pytest.mark.parametrize("name", ["kafka", "kafka-controller"])
async def test_a_port_that_something_else_uses_is_refused_by_name(supervisor: Supervisor, name: str) -> None:
    with socket.create_server(("127.0.0.1", supervisor.home.port(name))) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"port {port} .* belongs to {name} "):
            await kafka.start(supervisor)


async def test_a_broker_that_dies_at_its_start_shows_the_end_of_its_log(supervisor: Supervisor) -> None:
    data = supervisor.home.folder("kafka") / "data"
    data.mkdir()
    (data / "meta.properties").write_text("version=1\ncluster.id=another\nnode.id=7\n")
    with pytest.raises(DiedAtStart, match=r"meta\.properties"):
        await kafka.start(supervisor)


async def test_an_open_port_is_no_broker(home: Home) -> None:
    with socket.create_server(("127.0.0.1", home.port("kafka"))):
        assert not await kafka.answers(home.port("kafka"))


def test_any_folder_can_be_named_in_a_properties_file() -> None:
    assert kafka._text_of({"log.dirs": "/home/zo\u00eb/a\\b"}) == "log.dirs=/home/zo\\u00eb/a\\\\b\n"
