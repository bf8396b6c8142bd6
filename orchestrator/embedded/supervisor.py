"""Keeps child processes running and leaves none behind: started in order, healed when killed, stopped in reverse."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog

from orchestrator.embedded.errors import DiedAtStart, NotReady, PortTaken, StopRequested
from orchestrator.embedded.home import Home, Leftover
from orchestrator.embedded.ports import is_free
from orchestrator.embedded.process import Outcome, Process, Program, open_log, polled, run, stop_leftover, tail_of

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds before a dead child is started again, doubling
SETTLED = 10.0  # a child that lived this long starts again at the first pause

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """A child ended that nobody had asked to."""

    name: str
    pid: int
    code: int | None
    log: Path
    tail: str


def log_death(death: Death) -> None:
    logger.error("child.died", name=death.name, pid=death.pid, code=death.code, log=str(death.log), tail=death.tail)


@dataclass(slots=True, kw_only=True)
class _Child:
    program: Program
    process: Process
    log: Path
    since: int  # offset in the log at which this process began to write
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    keeper: "asyncio.Task[None] | None" = None


class Supervisor:
    """An async context: on the way out, however that comes about, every child is stopped and gone.

    While it is open, SIGTERM, SIGINT and SIGHUP do nothing but end `until_stopped` and any `start` under way.
    """

    def __init__(self, home: Home, *, on_death: Callable[[Death], None] = log_death) -> None:
        self.home = home
        self._on_death = on_death
        self._children: list[_Child] = []
        self._stop = asyncio.Event()

    async def __aenter__(self) -> Self:
        for number in STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self.request_stop)
        for name, leftover in self.home.leftovers.items():
            if not leftover.adopt:
                await self._clear(name, leftover)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for layer in sorted({child.program.layer for child in self._children}, reverse=True):
                ending = [child for child in self._children if child.program.layer == layer]
                await asyncio.gather(*(self._end(child) for child in ending))
            self._children.clear()
        finally:
            for number in STOP_SIGNALS:
                asyncio.get_running_loop().remove_signal_handler(number)

    async def start(self, program: Program) -> None:
        """Return once the program is ready; from then on it is started again whenever it dies.

        Raises `PortTaken`, `DiedAtStart` or `NotReady`, and `StopRequested` when the end is asked for meanwhile.
        """
        if self._stop.is_set():
            raise StopRequested
        child = await self._adopted(program) or await self._spawned(program)
        self._children.append(child)
        await self._until_ready(child)
        child.keeper = asyncio.create_task(self._keep(child))

    async def run(self, argv: tuple[str, ...], *, env: Mapping[str, str]) -> Outcome:
        """Run a short command to its end; raise `StopRequested` when the end of everything is asked for meanwhile."""
        command = asyncio.ensure_future(run(argv, env=env))
        await _first_of(command, self._stop.wait())
        if self._stop.is_set():  # a terminal interrupts the command too: how it ended says nothing then
            raise StopRequested
        return command.result()

    async def until_stopped(self) -> None:
        await self._stop.wait()

    def request_stop(self) -> None:
        self._stop.set()

    def pids(self) -> dict[str, int]:
        """Name the children that run at this moment."""
        return {child.program.name: child.process.identity.pid for child in self._children}

    async def _adopted(self, program: Program) -> _Child | None:
        leftover = self.home.leftovers.get(program.name)
        if leftover is None:
            return None
        alive = program.adopt and program.ready is not None and await leftover.identity.is_alive()
        if not (alive and program.ready is not None and await program.ready()):
            await self._clear(program.name, leftover, first=program.stop_with)
            return None
        logger.info("child.adopted", name=program.name, pid=leftover.identity.pid)
        process = await Process.adopt(leftover.identity, program)
        log = self.home.log(program.name)
        return _Child(program=program, process=process, log=log, since=open_log(log))

    async def _clear(self, name: str, leftover: Leftover, *, first: signal.Signals = signal.SIGTERM) -> None:
        if await leftover.identity.is_alive():
            logger.warning("child.leftover_stopped", name=name, pid=leftover.identity.pid)
            await stop_leftover(leftover.identity, first=first)
        self.home.forget(name)

    async def _spawned(self, program: Program) -> _Child:
        for name, port in program.ports.items():
            if not is_free(port):
                raise PortTaken(name, port, self.home.run_file)
        log = self.home.log(program.name)
        since = open_log(log)
        return _Child(program=program, process=await self._spawn(program, log), log=log, since=since)

    async def _spawn(self, program: Program, log: Path) -> Process:
        process = await Process.spawn(program, log)
        self.home.remember(program.name, Leftover(identity=process.identity, adopt=program.adopt))
        return process

    async def _until_ready(self, child: _Child) -> None:
        program = child.program
        if program.ready is None:
            return
        try:
            async with asyncio.timeout(program.ready_within):
                first = await _first_of(polled(program.ready), child.process.wait(), self._stop.wait())
        except TimeoutError:
            raise NotReady(program.name, program.ready_within, child.log, tail_of(child.log, child.since)) from None
        if first == 0:
            return
        if self._stop.is_set():
            raise StopRequested
        code = await child.process.wait()
        raise DiedAtStart(program.name, code, child.log, tail_of(child.log, child.since))

    async def _keep(self, child: _Child) -> None:
        pause = FIRST_PAUSE
        while not child.stopping.is_set():
            began = asyncio.get_running_loop().time()
            if await _first_of(child.stopping.wait(), child.process.wait()) == 0:
                return
            await self._report(child)
            if asyncio.get_running_loop().time() - began > SETTLED:
                pause = FIRST_PAUSE
            if await _first_of(child.stopping.wait(), asyncio.sleep(pause)) == 0:
                return
            pause = min(2 * pause, LONGEST_PAUSE)
            await self._start_again(child)

    async def _start_again(self, child: _Child) -> None:
        child.since = open_log(child.log)
        try:
            child.process = await self._spawn(child.program, child.log)
        except OSError as error:  # its program or its log is out of reach for now: the next turn tries again
            logger.error("child.not_started", name=child.program.name, error=type(error).__name__)

    async def _report(self, child: _Child) -> None:
        self._on_death(
            Death(
                name=child.program.name,
                pid=child.process.identity.pid,
                code=await child.process.wait(),
                log=child.log,
                tail=tail_of(child.log, child.since),
            )
        )

    async def _end(self, child: _Child) -> None:
        child.stopping.set()
        if child.keeper is not None:
            await child.keeper
        await child.process.stop(first=child.program.stop_with, grace=child.program.grace)
        self.home.forget(child.program.name)


async def _first_of(*awaitables: Awaitable[object]) -> int:
    """Return the number of the one that ended first; the others are cancelled and gone on return."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    first = next(index for index, task in enumerate(tasks) if task in done)
    tasks[first].result()
    return first
