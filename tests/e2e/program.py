"""`dsar` as a program of its own: called, kept up in a home, stopped by its pid; and what it leaves behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from orchestrator.embedded import postgres
from orchestrator.embedded.home import read_run
from orchestrator.embedded.process import environment, tied_to_us
from orchestrator.entrypoints.machine.samples import Name, Sample

BIN = Path(sys.executable).parent
READY_WITHIN_S = 150.0
STOPPED_WITHIN_S = 60.0
TIED = tied_to_us(signal.SIGTERM)


def called(*argv: str, env: Mapping[str, str], within_s: float = 120.0) -> subprocess.CompletedProcess[str]:
    """Run `dsar` to its end, in no other environment than *env*."""
    command = [*TIED, str(BIN / "dsar"), *argv]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=within_s)


def running_in(home: Path) -> list[str]:
    """Name every process that works in *home*: by its arguments or, where we may see them, environment and folder."""
    return [
        f"{pid} {words[:80]}" for pid, words in arguments().items() if str(home) in words or str(home) in _around(pid)
    ]


def arguments() -> Mapping[int, str]:
    """The command line of every process but ourselves, as anybody on this machine can read it."""
    table = subprocess.run(["ps", "-axww", "-o", "pid=,args="], capture_output=True, text=True, check=True)
    rows = (line.split(None, 1) for line in table.stdout.splitlines())
    return {int(pid): " ".join(words) for pid, *words in rows if int(pid) != os.getpid()}


def _around(pid: int) -> str:
    with suppress(OSError):  # it has ended meanwhile, is somebody else's, or this system tells nothing
        folder = Path(f"/proc/{pid}")
        return (folder / "environ").read_text(errors="replace") + str((folder / "cwd").readlink())
    return ""


@dataclass(slots=True)
class Worker:
    """The sample custodian that `dsar up` leaves out: started and stopped by the tests, by hand."""

    sample: Sample
    log: Path
    _child: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        if self._child is None:
            program = self.sample.program()
            with self.log.open("ab") as out:
                self._child = subprocess.Popen(
                    [*TIED, *program.argv], env=program.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out
                )

    def stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.send_signal(signal.SIGTERM)
            ended = child.wait(timeout=STOPPED_WITHIN_S)
            assert ended in {0, -signal.SIGTERM}  # the latter if it had only just begun


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A system that runs in *home*, all but the one custodian that is started by hand."""

    home: Path
    token: str = field(repr=False)
    started_s: float

    @property
    def url(self) -> str:
        return read_run(self.home).addresses["api"]

    @property
    def kafka(self) -> str:
        return read_run(self.home).addresses["kafka"]

    @property
    def database(self) -> str:
        found = postgres.known_url(self.home, read_run(self.home))
        assert found is not None
        return found

    @cached_property
    def worker(self) -> Worker:
        home = self.home / "custodians" / Name.RECOMMENDATION_LOGS
        sample = Sample(
            name=Name.RECOMMENDATION_LOGS,
            home=home,
            store=(home / "store").as_uri(),
            command_keys=self.home / "keys" / "command-keys.yaml",
            kafka=self.kafka,
            environment="local",
        )
        return Worker(sample, self.home / "logs" / "by-hand.log")

    def cli(self, *argv: str, token: str) -> subprocess.CompletedProcess[str]:
        """Call `dsar` as the member of staff to whom *token* belongs."""
        return called(*argv, env=environment({"DSAR_HOME": str(self.home), "DSAR_TOKEN": token}))


@contextmanager
def up(home: Path, *argv: str, **variables: str) -> Iterator[Machine]:
    """Keep `dsar up` running for as long as the block lasts; nothing of it is left after that."""
    said = home.with_suffix(".said")
    began = time.monotonic()
    with said.open("wb") as out:
        program = subprocess.Popen(
            [*TIED, str(BIN / "dsar"), "up", *argv],
            env=environment({"DSAR_HOME": str(home), **variables}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        token = _admin_token(program, said, began + READY_WITHIN_S)
        machine = Machine(home=home, token=token, started_s=time.monotonic() - began)
        try:
            yield machine
        finally:
            machine.worker.stop()
    finally:
        program.send_signal(signal.SIGTERM)
        ended = program.wait(timeout=STOPPED_WITHIN_S)
    assert ended == 0
    assert running_in(home) == []


def _admin_token(program: "subprocess.Popen[bytes]", said: Path, deadline: float) -> str:
    while True:
        text = said.read_text()
        token = next((line.split()[2] for line in text.splitlines() if line.startswith("admin token")), None)
        if token is not None and "next  " in text:
            return token
        assert program.poll() is None, text
        assert time.monotonic() < deadline, text
        time.sleep(0.1)
