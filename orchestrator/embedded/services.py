"""PostgreSQL and Kafka on this machine, started together and gone together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from orchestrator.embedded import kafka, postgres
from orchestrator.embedded.home import Home
from orchestrator.embedded.supervisor import Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Where the services are, and who keeps them running; further children are started with it."""

    supervisor: Supervisor
    database_url: str = field(repr=False)  # of the owner, password included
    kafka_bootstrap: str


Meanwhile = Callable[[Supervisor, str], Awaitable[None]]
"""What can be done with the database's address while Kafka, which takes longer, is still starting."""


@asynccontextmanager
async def services(
    home: Home,
    *,
    database_url: str | None = None,
    kafka_bootstrap: str | None = None,
    fast: bool = False,
    meanwhile: Meanwhile | None = None,
) -> AsyncIterator[Running]:
    """Both services, ready to be used; one whose address is given is not started, but passed on.

    On the way out everything that was started through the supervisor is stopped, higher layers first.
    """
    async with Supervisor(home) as supervisor:
        url, bootstrap = await _together(
            _and_then(supervisor, _given(database_url) or postgres.start(supervisor, fast=fast), meanwhile),
            _given(kafka_bootstrap) or kafka.start(supervisor),
        )
        yield Running(supervisor=supervisor, database_url=url, kafka_bootstrap=bootstrap)


async def _and_then(supervisor: Supervisor, address: Awaitable[str], meanwhile: Meanwhile | None) -> str:
    found = await address
    if meanwhile is not None:
        await meanwhile(supervisor, found)
    return found


def _given(address: str | None) -> "Awaitable[str] | None":
    return None if address is None else asyncio.sleep(0, address)


async def _together(first: Awaitable[str], second: Awaitable[str]) -> tuple[str, str]:
    """Both results; when one fails the other is given up, and the first error is the one that is told."""
    tasks = (asyncio.ensure_future(first), asyncio.ensure_future(second))
    try:
        url, bootstrap = await asyncio.gather(*tasks)
        return url, bootstrap
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
