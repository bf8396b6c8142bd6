"""`dsar up` as something that can be killed: all of it between two instructions, or one process of it."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.embedded.home import read_run
from orchestrator.embedded.identity import Identity
from orchestrator.embedded.process import environment
from tests.e2e.program import BIN, READY_WITHIN_S, STOPPED_WITHIN_S, TIED, Machine, running_in

WAITED_S = 60.0
SETTINGS = {"DSAR_GRACE_SECONDS": "0", "DSAR_WATCH_DAYS": ""}

Moment = Callable[[], Awaitable[bool]]


@dataclass(slots=True)
class Mortal:
    """A home, and the system that runs in it for now."""

    home: Path
    lives: int = 0
    _program: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def machine(self) -> Machine:
        return Machine(home=self.home, token=(self.home / "token").read_text(), started_s=0.0)

    def start(self) -> None:
        """Start it, for the first time or after its death, as the README says."""
        self.lives += 1
        said = self.home.with_name(f"said-{self.lives}.txt")
        with said.open("wb") as out:
            self._program = subprocess.Popen(
                [*TIED, str(BIN / "dsar"), "up"],
                env=environment({"DSAR_HOME": str(self.home), **SETTINGS}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        deadline = time.monotonic() + READY_WITHIN_S
        while "\nnext " not in said.read_text():
            assert self._program.poll() is None, said.read_text()
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.1)

    def stop(self) -> None:
        """End it politely; nothing of it may be left."""
        program, self._program = self._program, None
        if program is not None:
            program.send_signal(signal.SIGTERM)
            ended = program.wait(timeout=STOPPED_WITHIN_S)
            assert ended == 0
            assert running_in(self.home) == []

    async def killed(self, moment: Moment) -> None:
        """Wait for the moment and kill everything in it: stopped first, so that the moment does not pass meanwhile."""
        deadline = time.monotonic() + WAITED_S
        while not (await moment() and await self._still(moment)):
            assert time.monotonic() < deadline, "the moment did not come"
            await asyncio.sleep(0.01)
        self._kill()

    async def _still(self, moment: Moment) -> bool:
        """Stop all but the database, which is asked, and say whether it is the moment; if not, all go on."""
        stopped = [pid for pid, name in self._tree().items() if "postgres" not in Path(name).name]
        _signal(stopped, signal.SIGSTOP)
        if await moment():
            return True
        _signal(stopped, signal.SIGCONT)
        return False

    def _kill(self) -> None:
        assert self._program is not None
        deadline = time.monotonic() + STOPPED_WITHIN_S
        while tree := self._tree():  # again for what the database had just forked
            assert time.monotonic() < deadline, tree.keys()
            _signal(tree, signal.SIGKILL)
            self._program.poll()
        assert self._program.wait() == -signal.SIGKILL
        self._program = None

    def _tree(self) -> Mapping[int, str]:
        """Every process that works in this home, and what it is called."""
        listed = (each.split(None, 2) for each in running_in(self.home))
        return {int(pid): name for pid, name, *_ in listed}

    def child(self, name: str) -> Identity | None:
        """The process that runs under this name now."""
        written = read_run(self.home).processes.get(name)
        return None if written is None else written.identity

    def kill_one(self, name: str) -> Identity:
        """Kill one process; return which it was."""
        child = self.child(name)
        assert child is not None
        os.kill(child.pid, signal.SIGKILL)
        return child


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


@contextmanager
def mortal(home: Path) -> Iterator[Mortal]:
    """A system in a fresh home; at the end it is stopped as one stops it."""
    home.mkdir(mode=0o700)
    system = Mortal(home)
    try:
        system.start()
        yield system
    finally:
        system.stop()
