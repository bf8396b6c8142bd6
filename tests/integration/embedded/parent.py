"""A parent to kill: runs two sleepers or both services, and prints the pids of its children once they run."""

import asyncio
import json
import sys
from pathlib import Path

from orchestrator.embedded.home import Home
from orchestrator.embedded.services import services
from orchestrator.embedded.supervisor import Supervisor
from tests.integration.embedded.children import SLEEPER, a_program


async def both_services(home: Home) -> None:
    async with services(home, fast=True) as running:
        tell(running.supervisor)
        await running.supervisor.until_stopped()


async def two_sleepers(home: Home) -> None:
    async with Supervisor(home) as supervisor:
        for name in ("first", "second"):
            await supervisor.start(a_program(name, f"import atexit; atexit.register(print, 'end'); {SLEEPER}"))
        tell(supervisor)
        await supervisor.until_stopped()


def tell(supervisor: Supervisor) -> None:
    sys.stdout.write(json.dumps(supervisor.pids()) + "\n")
    sys.stdout.flush()


def main() -> None:
    story = {"services": both_services, "sleepers": two_sleepers}[sys.argv[1]]
    with Home.opened(Path(sys.argv[2])) as home:
        asyncio.run(story(home))


if __name__ == "__main__":
    main()
