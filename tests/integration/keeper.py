"""Runs one service for a test run, as a process of its own, until that run ends or is killed."""

import asyncio
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import asyncpg

from orchestrator.embedded import kafka, postgres
from orchestrator.embedded.errors import StopRequested
from orchestrator.embedded.home import Home
from orchestrator.embedded.identity import Identity, identify
from orchestrator.embedded.jars import listed_jars
from orchestrator.embedded.process import polled
from orchestrator.embedded.supervisor import Supervisor
from tests.integration.shared import announce


async def keep(name: str, folder: Path, run_pid: int) -> None:
    run = await identify(run_pid)
    with Home.opened(folder / name) as home:
        async with Supervisor(home) as supervisor:
            watch = asyncio.create_task(end_with(run, supervisor))
            with suppress(StopRequested):
                await serve(name, folder, supervisor)
            watch.cancel()
    if run is None or not await run.is_alive():
        shutil.rmtree(folder, ignore_errors=True)  # nobody else is left to do it; the other service's keeper ends too


async def serve(name: str, folder: Path, supervisor: Supervisor) -> None:
    address = await (postgres.start(supervisor, fast=True) if name == "postgres" else kafka.start(supervisor))
    version = await postgres_version(address) if name == "postgres" else kafka_version()
    announce(folder, name, address=address, version=version)
    await supervisor.until_stopped()


async def end_with(run: Identity | None, supervisor: Supervisor) -> None:
    async def has_ended() -> bool:
        return run is None or not await run.is_alive()

    await polled(has_ended)
    supervisor.request_stop()


async def postgres_version(url: str) -> str:
    connection = await asyncpg.connect(url)
    version: str = await connection.fetchval("show server_version")
    await connection.close()
    return version


def kafka_version() -> str:
    return next(jar.version for jar in listed_jars() if jar.artifact.startswith("kafka_"))


if __name__ == "__main__":
    asyncio.run(keep(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
