"""`dsar up`: the whole system of one machine in the foreground, until Ctrl-C."""

import asyncio

from orchestrator.embedded.home import Home
from orchestrator.entrypoints.machine.system import System, system
from orchestrator.settings import Settings


def up(settings: Settings) -> None:
    """Start everything, say where it is, and keep it running.

    Raises `HomeInUse` when it runs already, another `EmbeddedError` for what could not be started.
    """
    with Home.opened(settings.root) as home:
        asyncio.run(_until_stopped(home, settings))


async def _until_stopped(home: Home, settings: Settings) -> None:
    print("starting PostgreSQL, Kafka, the roles and three sample custodians …", flush=True)
    async with system(home, settings) as running:
        print("\n".join(_welcome(running)), flush=True)
        await running.running.supervisor.until_stopped()


def _welcome(running: System) -> list[str]:
    lines = [
        f"ready       {running.url}   (OpenAPI: {running.url}/api/v1/openapi.json)",
        f"home        {running.root}   (logs, keys, data)",
        f"Kafka       {running.running.kafka_bootstrap}",
        f"custodians  {', '.join(each.name for each in running.samples)}",
    ]
    if running.new_token is not None:
        lines.append(f"admin token {running.new_token}   (shown once)")
    return [*lines, "next        dsar request list     stop        Ctrl-C"]
