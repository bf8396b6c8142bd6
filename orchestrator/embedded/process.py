"""One child process: how it is started so that it dies with us, watched, and stopped."""

import asyncio
import os
import shutil
import signal
import sys
import threading
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from asyncio.subprocess import Process as AsyncioProcess
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from orchestrator.embedded import watch
from orchestrator.embedded.identity import LINUX, Identity, identify

LOG_LIMIT = 10 * 1024 * 1024  # a longer log is set aside at the next start, replacing the one set aside before
TAIL_BYTES = 4096
POLL_SECONDS = 0.05

Condition = Callable[[], Awaitable[bool]]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our environment for a child, without the switch that would make it compile everything at each start."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return kept | dict(extra or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run, when it counts as ready, and how it wants to be stopped."""

    name: str
    argv: tuple[str, ...] = field(repr=False)
    env: Mapping[str, str] = field(default_factory=environment, repr=False)  # the whole of it
    before: tuple[str, ...] = ()  # a command that becomes the program by exec, such as unshare
    ports: Mapping[str, int] = field(default_factory=dict)  # must be free, by name
    ready: Condition | None = None  # none: ready as soon as it runs
    ready_within: float = 30.0
    stop_with: signal.Signals = signal.SIGTERM
    grace: float = 10.0
    layer: int = 0  # higher ones are stopped first; those of one layer together
    adopt: bool = False  # a leftover that `ready` recognises as ours is kept instead of restarted


class Process:
    """A running process, our own child or an adopted one. It gets the program's stop signal when we die, however."""

    def __init__(self, identity: Identity, child: AsyncioProcess | None, watcher: AsyncioProcess | None) -> None:
        self.identity = identity
        self._child = child
        self._watcher = watcher

    @classmethod
    async def spawn(cls, program: Program, log: Path) -> Self:
        """Start it, output appended to *log*. Only from the main thread: the death signal follows the thread."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("children are started from the main thread only")
        tied = tied_to_us(program.stop_with)
        with log.open("ab") as output:
            child = await asyncio.create_subprocess_exec(
                *program.before, *tied, *program.argv,
                stdin=DEVNULL, stdout=output, stderr=STDOUT, env=program.env, start_new_session=True,
            )  # fmt: skip
        identity = await identify(child.pid) or Identity(pid=child.pid, began="")
        return cls(identity, child, None if tied else await _watch(child.pid, program.stop_with))

    @classmethod
    async def adopt(cls, identity: Identity, program: Program) -> Self:
        """Take over a process that somebody else started; from now on it dies with us."""
        return cls(identity, None, await _watch(identity.pid, program.stop_with))

    async def wait(self) -> int | None:
        """Return the exit code once it is gone; none for an adopted one, whose code only its parent learns."""
        if self._child is not None:
            code: int | None = await self._child.wait()
        else:
            code = None
            await polled(self._is_gone)
        await self._release()
        return code

    async def _is_gone(self) -> bool:
        return not await self.identity.is_alive()

    async def stop(self, *, first: signal.Signals, grace: float) -> None:
        """Ask with *first*, kill after *grace* seconds, return when it is gone."""
        await self._send(first)
        try:
            async with asyncio.timeout(grace):
                await self.wait()
        except TimeoutError:
            await self._send(signal.SIGKILL)
            await self.wait()

    async def _send(self, number: signal.Signals) -> None:
        if await self.identity.is_alive():
            with suppress(ProcessLookupError):
                os.kill(self.identity.pid, number)

    async def _release(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None and watcher.stdin is not None:
            watcher.stdin.write(b".")  # at once: whatever happens to us next, the number may be somebody else's
            watcher.stdin.close()
            await watcher.wait()


async def polled(condition: Condition) -> None:
    """Return once the condition holds, which nothing announces."""
    while True:
        if await condition():
            return
        await asyncio.sleep(POLL_SECONDS)


async def stop_leftover(identity: Identity, *, first: signal.Signals, grace: float = 5.0) -> None:
    """End a process that a killed parent left behind; one that has ended, or whose number was reused, is left alone."""
    await Process(identity, None, None).stop(first=first, grace=grace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command ended and what it said."""

    code: int
    output: str


async def run(argv: tuple[str, ...], *, env: Mapping[str, str], before: tuple[str, ...] = ()) -> Outcome:
    """Run a short command to its end; it is killed when we are cancelled or die."""
    command = (*before, *tied_to_us(signal.SIGTERM), *argv)
    child = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=env)
    try:
        output, _ = await child.communicate()
    except asyncio.CancelledError:
        child.kill()
        await child.wait()
        raise
    return Outcome(code=child.returncode or 0, output=output.decode(errors="replace"))


def tied_to_us(number: signal.Signals) -> tuple[str, ...]:
    """Return a prefix that makes the kernel send *number* to the program when we die; or nothing."""
    setpriv = shutil.which("setpriv") if LINUX else None
    return () if setpriv is None else (setpriv, "--pdeathsig", number.name.removeprefix("SIG"))


async def _watch(pid: int, number: signal.Signals) -> AsyncioProcess:
    script = str(Path(watch.__file__))
    return await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", script, str(pid), str(int(number)),
        stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True,
    )  # fmt: skip


def open_log(path: Path) -> int:
    """Make room in the log; the offset at which the next output begins."""
    size = path.stat().st_size if path.exists() else 0
    if size > LOG_LIMIT:
        path.replace(path.with_name(f"{path.name}.1"))
        return 0
    return size


def tail_of(path: Path, since: int) -> str:
    """Return the end of what was written after the offset *since*."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(since, end - TAIL_BYTES))
        return file.read().decode(errors="replace").rstrip()
