"""Waiting for a broker that is away when a process starts."""

import asyncio

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

from contracts.bus.connection import Connection, Login, reached

BROKER = Connection(bootstrap="nowhere:9092", client_id="test")


class Away:
    """A broker that answers from a certain time on."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.asked = 0

    async def __call__(self, _: Connection) -> None:
        self.asked += 1
        if self.asked <= self.times:
            raise KafkaConnectionError


async def test_a_broker_that_is_away_is_waited_for() -> None:
    broker = Away(3)
    assert await reached(BROKER, asyncio.Event(), first_pause_s=0.001, ask=broker)
    assert broker.asked == 4


async def test_who_is_told_to_stop_meanwhile_does() -> None:
    stopping = asyncio.Event()

    async def ask(_: Connection) -> None:
        stopping.set()
        raise KafkaConnectionError

    assert not await reached(BROKER, stopping, ask=ask)


async def test_a_broker_that_stays_away_is_an_error_in_the_end() -> None:
    with pytest.raises(KafkaConnectionError):
        await reached(BROKER, asyncio.Event(), within_s=0.02, first_pause_s=0.001, ask=Away(1_000))


@pytest.mark.parametrize(("tls", "protocol"), [(False, "SASL_PLAINTEXT"), (True, "SASL_SSL")])
async def test_a_login_is_one_that_the_library_takes(tls: bool, protocol: str) -> None:
    login = Login(username="crm", password="secret", tls=tls)
    client = AIOKafkaClient(**Connection(bootstrap="nowhere:9092", client_id="test", login=login).client_options())
    assert (client._security_protocol, client._sasl_mechanism) == (protocol, "SCRAM-SHA-256")
    assert (client._ssl_context is not None) is tls
    assert "secret" not in repr(login)
    await client.close()
