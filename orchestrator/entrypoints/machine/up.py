"""`dsar up`: the whole system of one machine in the foreground, until Ctrl-C."""

import asyncio
from collections.abc import Collection

from orchestrator.embedded.home import Home
from orchestrator.entrypoints.machine.samples import Name
from orchestrator.entrypoints.machine.system import System, system
from orchestrator.settings import Settings


def up(settings: Settings, *, without: Collection[Name] = ()) -> None:
    """Start everything but the samples of *without*, say where it is, and keep it running.

    Raises `HomeInUse` when it runs already, another `EmbeddedError` for what could not be started.
    """
    with Home.opened(settings.root) as home:
        asyncio.run(_until_stopped(home, settings, without))


async def _until_stopped(home: Home, settings: Settings, without: Collection[Name]) -> None:
    print("starting PostgreSQL, Kafka, the roles and the sample custodians …", flush=True)
    async with system(home, settings, without=without) as running:
        print("\n".join(_welcome(running, without)), flush=True)
        await running.running.supervisor.until_stopped()


def _welcome(running: System, without: Collection[Name]) -> list[str]:
    lines = [
        f"ready       {running.url}   (OpenAPI: {running.url}/api/v1/openapi.json)",
        f"home        {running.root}   (logs, keys, data)",
        f"Kafka       {running.running.kafka_bootstrap}",
        f"custodians  {', '.join(each.name for each in running.samples)}",
    ]
    if without:
        lines.append(f"left out    {', '.join(without)}   (asked all the same; start again to have the answers)")
    if running.new_token is not None:
        lines.append(f"admin token {running.new_token}   (shown once)")
    return [*lines, "next        dsar request list     stop        Ctrl-C"]
