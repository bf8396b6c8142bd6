"""Being woken: whoever leaves work behind notifies, whoever does it waits here. A notification is only a hint."""

import asyncio
from collections.abc import Collection
from types import TracebackType
from typing import Self

import asyncpg
import structlog

log = structlog.get_logger()

POLL_S = 1.0
"""How long work waits at most if a hint was lost."""

LOOK_EACH_S = 30.0
"""How often a connection on which nothing was said is tried."""

ANSWERS_WITHIN_S = 10.0
"""A database that takes longer to answer is silent."""


class Wakeups:
    """Listens on a connection of its own, made again when it breaks. Enter it to listen."""

    def __init__(self, url: str, channels: Collection[str]) -> None:
        self._url = url
        self._events = {channel: asyncio.Event() for channel in channels}
        self._keeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._keeping = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)

    async def wait(self, channel: str, timeout_s: float = POLL_S) -> bool:
        """Return when something was announced since the last call, or after *timeout_s*; say whether it was."""
        event = self._events[channel]
        told = await _set(event, timeout_s)
        event.clear()
        return told

    async def _keep(self) -> None:
        while True:
            try:
                await self._listen()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
                log.warning("wakeups.lost", error=type(error).__name__)
            await asyncio.sleep(POLL_S)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._url, timeout=ANSWERS_WITHIN_S, command_timeout=ANSWERS_WITHIN_S)
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        try:
            for channel, event in self._events.items():
                await connection.add_listener(channel, lambda *_, event=event: event.set())
            while not await _set(gone, LOOK_EACH_S):
                await connection.execute("select 1")  # raises if a firewall has forgotten us
        finally:
            connection.terminate()


async def _set(event: asyncio.Event, timeout_s: float) -> bool:
    """Wait for *event*, for so long at most; say whether it is set."""
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except TimeoutError:
        return False
    return True
