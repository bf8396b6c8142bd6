"""A process under test: kept up as a supervisor would, and killed, frozen, ended or kept down on demand."""

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from orchestrator.embedded.process import Process, Program, polled

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
SETTLED_S: Final = 10.0


@dataclass(slots=True)
class Child:
    """One process. A death that nobody here caused is counted: `own_deaths`."""

    program: Program
    log: Path
    first: Program | None = None  # what it is in its first life only, with a failpoint in it
    own_deaths: int = 0
    codes: list[int | None] = field(default_factory=list)
    _process: Process | None = None
    _keeper: "asyncio.Task[None] | None" = None
    _allowed: asyncio.Event = field(default_factory=asyncio.Event)
    _expected: bool = False
    _stopping: bool = False

    async def start(self) -> None:
        """Start it and keep it up; return when it is ready, if it can tell."""
        self._allowed.set()
        self._keeper = asyncio.create_task(self._keep())
        await self.ready()

    async def ready(self) -> None:
        """Return when it runs and says that it is ready."""
        async with asyncio.timeout(self.program.ready_within):
            await polled(self._is_up)
            if self.program.ready is not None:
                await polled(self.program.ready)

    async def _is_up(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """Its number while it runs."""
        return None if self._process is None else self._process.identity.pid

    def kill(self, *, tree: bool = False) -> None:
        """SIGKILL, with all descendants if *tree*. It comes back by itself."""
        for pid in self._pids(tree=tree):
            self._send(pid, signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Any other signal."""
        for pid in self._pids(tree=False):
            self._send(pid, number)

    def freeze(self) -> None:
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._pids(tree=False):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def hold(self) -> None:
        """Do not bring it back until it is released."""
        self._allowed.clear()

    def release(self) -> None:
        self._allowed.set()

    async def down(self) -> None:
        """Return when nothing of it runs any more."""
        await polled(self._is_down)

    async def _is_down(self) -> bool:
        return self._process is None

    def _pids(self, *, tree: bool) -> list[int]:
        pid = self.pid
        if pid is None:
            return []
        if not tree:
            return [pid]
        try:
            return [pid, *(each.pid for each in psutil.Process(pid).children(recursive=True))]
        except psutil.NoSuchProcess:
            return [pid]

    def _send(self, pid: int, number: signal.Signals) -> None:
        if number is not signal.SIGSTOP:
            self._expected = True
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping:
            began = asyncio.get_running_loop().time()
            await self._live()
            if asyncio.get_running_loop().time() - began > SETTLED_S:
                pause = FIRST_PAUSE_S
            await asyncio.sleep(0 if self._stopping else pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
            await self._allowed.wait()

    async def _live(self) -> None:
        self._expected = False
        program, self.first = self.first or self.program, None
        self._process = await Process.spawn(program, self.log)
        code = await self._process.wait()
        self._process = None
        self.codes.append(code)
        if not self._expected and not self._stopping:
            self.own_deaths += 1

    async def stop(self) -> bool:
        """End it politely, for good; whether it went by itself in time."""
        self._stopping = True
        self._allowed.set()
        self.thaw()
        process = self._process
        in_time = True
        if process is not None:
            began = asyncio.get_running_loop().time()
            await process.stop(first=self.program.stop_with, grace=self.program.grace)
            in_time = asyncio.get_running_loop().time() - began < self.program.grace
        if self._keeper is not None:
            await self._keeper
        return in_time
