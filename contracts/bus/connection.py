"""Where the broker is, and who we are there."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from contracts.topics import Channel, topic_of

log = structlog.get_logger()

PATIENCE_S: Final = 60.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A name and a password at the broker, by SCRAM-SHA-256; over TLS, the broker's certificate is checked."""

    username: str
    password: str = field(repr=False)
    tls: bool

    @property
    def ssl_context(self) -> ssl.SSLContext | None:
        """What to check the broker's certificate with."""
        return ssl.create_default_context() if self.tls else None

    def client_options(self) -> Mapping[str, Any]:
        """Return what aiokafka's clients take."""
        return {
            "security_protocol": "SASL_SSL" if self.tls else "SASL_PLAINTEXT",
            "ssl_context": self.ssl_context,
            "sasl_mechanism": "SCRAM-SHA-256",
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A broker and the credential for it. *prefix* keeps environments apart that share a broker."""

    bootstrap: str
    client_id: str
    prefix: str = ""
    login: Login | None = None

    def topic(self, channel: Channel) -> str:
        """Return the physical topic of *channel* on this broker."""
        return topic_of(channel, self.prefix)

    def client_options(self) -> Mapping[str, Any]:
        """Return what aiokafka's own clients take, for topics and replays."""
        return {
            "bootstrap_servers": self.bootstrap,
            "client_id": self.client_id,
            **(self.login.client_options() if self.login else {}),
        }


Ask = Callable[[Connection], Awaitable[None]]


async def _bootstrap(connection: Connection) -> None:
    client = AIOKafkaClient(**connection.client_options())
    try:
        await client.bootstrap()
    finally:
        await client.close()


async def reached(
    connection: Connection,
    stopping: asyncio.Event,
    *,
    within_s: float = PATIENCE_S,
    first_pause_s: float = FIRST_PAUSE_S,
    ask: Ask = _bootstrap,
) -> bool:
    """Wait until the broker answers; False if *stopping* came first. Raises its last error after *within_s*.

    Asked before anything connects: a process that dies because the broker is away is started again and dies again, and
    all of them together keep the machine too busy for the broker to come back.
    """
    deadline, pause = asyncio.get_running_loop().time() + within_s, first_pause_s
    while not stopping.is_set():
        try:
            await ask(connection)
        except (KafkaError, OSError) as error:
            if asyncio.get_running_loop().time() + pause > deadline:
                raise
            log.warning("bus.unreachable", error=type(error).__name__, again_in_s=pause)
        else:
            return True
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)
    return False
