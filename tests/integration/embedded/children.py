"""Small programs to supervise, and a parent to kill."""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from orchestrator.embedded.identity import identify
from orchestrator.embedded.process import Condition, Program, environment, polled, tail_of

SLEEPER = "import signal; print('awake', flush=True); signal.pause()"


def a_program(
    name: str = "sleeper",
    script: str = SLEEPER,
    *,
    ready: Condition | None = None,
    ready_within: float = 10.0,
    grace: float = 5.0,
    layer: int = 0,
    adopt: bool = False,
    env: Mapping[str, str] | None = None,
) -> Program:
    return Program(
        name=name,
        argv=(sys.executable, "-c", script),
        env=environment(env),
        ready=ready,
        ready_within=ready_within,
        grace=grace,
        layer=layer,
        adopt=adopt,
    )


def said(log: Path, word: str) -> Condition:
    """Whether the child has written this word; ready children say something."""

    async def condition() -> bool:
        return word in tail_of(log, 0)

    return condition


async def gone(*pids: int) -> None:
    """Return once none of these processes runs any more."""

    async def condition() -> bool:
        return not [pid for pid in pids if await identify(pid) is not None]

    await polled(condition)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
