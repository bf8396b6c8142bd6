"""PostgreSQL answers to us alone, keeps its data, and is never confused with another server."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from orchestrator.embedded import postgres
from orchestrator.embedded.errors import PortTaken, Unavailable
from orchestrator.embedded.home import Home, Leftover, read_run
from orchestrator.embedded.identity import Identity, identify
from orchestrator.embedded.process import Process, polled
from orchestrator.embedded.supervisor import Supervisor
from tests.integration.embedded.children import a_program, kill


@pytest_asyncio.fixture(loop_scope="session")
async def supervisor(home: Home) -> AsyncIterator[Supervisor]:
    async with Supervisor(home, on_death=lambda _: None) as supervisor:
        yield supervisor


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_it_answers_and_is_gone_after_the_stop(home: Home) -> None:
    async with Supervisor(home) as supervisor:
        url = await postgres.start(supervisor, fast=True)
        pid = supervisor.pids()["postgres"]
        assert await ask(url, "show server_version_num") == "180006"
        assert postgres.known_url(home.root, read_run(home.root)) == url
    assert await identify(pid) is None
    with pytest.raises(OSError, match="Connect"):
        await ask(url, "select 1")


async def test_only_the_password_opens_it_and_only_from_here(supervisor: Supervisor) -> None:
    url = await postgres.start(supervisor, fast=True)
    password = supervisor.home.root / "postgres.password"
    assert password.stat().st_mode & 0o077 == 0
    assert await ask(url, "show listen_addresses") == "127.0.0.1"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(url.replace(password.read_text(), "guess"), "select 1")


async def test_by_default_nothing_that_was_committed_can_be_lost(supervisor: Supervisor) -> None:
    url = await postgres.start(supervisor)
    assert await ask(url, "show fsync") == "on"
    assert await ask(url, "show synchronous_commit") == "on"


async def test_rows_survive_a_kill(supervisor: Supervisor) -> None:
    url = await postgres.start(supervisor, fast=True)
    await ask(url, "create table kept as select 42 as id")
    first = supervisor.pids()["postgres"]
    kill(first)

    async def answers_again() -> bool:
        try:
            return supervisor.pids()["postgres"] != first and await ask(url, "select id from kept") == 42
        except (OSError, asyncpg.PostgresError):
            return False

    async with asyncio.timeout(20):
        await polled(answers_again)


async def test_rows_survive_a_stop_and_the_address_stays(home: Home) -> None:
    async with Supervisor(home) as supervisor:
        first = await postgres.start(supervisor, fast=True)
        await ask(first, "create table kept as select 42 as id")
    async with Supervisor(home) as supervisor:
        assert await postgres.start(supervisor, fast=True) == first
        assert await ask(first, "select id from kept") == 42


async def test_a_port_that_something_else_uses_is_refused_by_name(supervisor: Supervisor) -> None:
    with socket.create_server(("127.0.0.1", supervisor.home.port("postgres"))) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"port {port} .* belongs to postgres .*run\.json"):
            await postgres.start(supervisor, fast=True)


async def test_a_server_that_was_left_running_is_adopted(home: Home) -> None:
    async with Supervisor(home) as supervisor:
        await postgres.start(supervisor, fast=True)
        program = supervisor._children[0].program
    left = await Process.spawn(program, home.log("postgres"))
    home.remember("postgres", Leftover(identity=left.identity, adopt=True))
    assert program.ready is not None
    await polled(program.ready)
    async with Supervisor(home) as supervisor:
        url = await postgres.start(supervisor, fast=True)
        assert supervisor.pids()["postgres"] == left.identity.pid
        assert await ask(url, "select 1") == 1
    assert await left.wait() == 0


async def test_a_server_over_another_folder_is_not_adopted(home: Home, tmp_path: Path) -> None:
    with Home.opened(tmp_path / "other") as other:
        async with Supervisor(other) as others:
            await postgres.start(others, fast=True)
            assert await postgres._answers_as_ours(other)
            (home.root / "postgres.password").write_text((other.root / "postgres.password").read_text())
            home._keep(read_run(other.root))
            assert not await postgres._answers_as_ours(home)


async def test_a_server_starts_though_its_old_number_is_another_process_now(home: Home) -> None:
    async with Supervisor(home) as supervisor:
        await postgres.start(supervisor, fast=True)
        first = supervisor.pids()["postgres"]
        note = (home.root / "pg" / "postmaster.pid").read_text()
        bystander = await Process.spawn(a_program(), home.log("bystander"))
    (home.root / "pg" / "postmaster.pid").write_text(note.replace(str(first), str(bystander.identity.pid)))
    stale = Identity(pid=bystander.identity.pid, began="before the machine went down")
    home.remember("postgres", Leftover(identity=stale, adopt=True))
    async with Supervisor(home) as supervisor:
        assert await ask(await postgres.start(supervisor, fast=True), "select 1") == 1
        assert await bystander.identity.is_alive()
    await bystander.stop(first=signal.SIGTERM, grace=1)


def uncollected() -> "subprocess.Popen[bytes]":
    """A process that has ended, and for which nobody has waited yet."""
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    return child


async def test_a_server_starts_though_its_dead_predecessor_was_not_collected_yet(home: Home) -> None:
    async with Supervisor(home) as supervisor:
        await postgres.start(supervisor, fast=True)
        first = supervisor.pids()["postgres"]
        note = (home.root / "pg" / "postmaster.pid").read_text()
    dead = uncollected()
    (home.root / "pg" / "postmaster.pid").write_text(note.replace(str(first), str(dead.pid)))
    home.remember("postgres", Leftover(identity=Identity(pid=dead.pid, began="earlier"), adopt=True))
    asyncio.get_running_loop().call_later(1.0, dead.wait)
    async with Supervisor(home) as supervisor:
        assert await ask(await postgres.start(supervisor, fast=True), "select 1") == 1


async def test_an_initialisation_that_was_interrupted_is_begun_anew(supervisor: Supervisor) -> None:
    (supervisor.home.folder("pg.new") / "PG_VERSION").write_text("half")
    assert await ask(await postgres.start(supervisor, fast=True), "select 1") == 1


async def test_root_without_user_namespaces_is_told_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Unavailable, match="DSAR_DATABASE_URL"):
        await postgres._not_as_root()


async def test_root_whose_machine_refuses_user_namespaces_is_told_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "unshare"
    refusing.write_text("#!/bin/sh\necho unshare failed: Operation not permitted >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match=r"Operation not permitted.*DSAR_DATABASE_URL"):
        await postgres._not_as_root()
