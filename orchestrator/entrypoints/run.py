"""The program of a role's own process: `python -m orchestrator.entrypoints.run ROLE…`. `dsar run` does the same."""

import asyncio
import sys
from collections.abc import Sequence

import uvloop

from orchestrator import telemetry
from orchestrator.entrypoints import running
from orchestrator.entrypoints.working import Refuses
from orchestrator.settings import BadSettings, Role, Settings
from orchestrator.wiring import Wiring


def run(names: Sequence[Role]) -> None:
    """Run these roles until told to stop; raise `BadSettings` if one of them lacks something."""
    settings = Settings.read()
    telemetry.configure("-".join(names), level=settings.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(running.run(names, Wiring(settings)))


def main() -> None:
    """Read the roles from the command line; what is wrong is said in one line."""
    try:
        run([Role(name) for name in sys.argv[1:]])
    except (BadSettings, Refuses, ValueError) as error:
        sys.exit(f"dsar run: {error}")


if __name__ == "__main__":
    main()
