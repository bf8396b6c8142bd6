"""PostgreSQL and Kafka under the harness's own control: each behind a proxy, and each can be killed and kept down."""

import asyncio
import base64
import os
import secrets
import subprocess
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from contracts.bus.connection import Connection
from orchestrator.embedded import kafka, postgres
from orchestrator.embedded.home import Home, write_private
from orchestrator.embedded.jars import default_repository, listed_jars, resolve_jars
from orchestrator.embedded.java import find_java
from orchestrator.embedded.process import Program, environment, run
from tests.crash.child import Child
from tests.crash.proxy import Proxy, is_commit, is_produce

DISK_BYTES: Final = 768 * 1024 * 1024
"""The size of the database's disk, where the machine lets us make one."""
WAL: Final = "128MB"
"""What the log of a busy server may take of it."""


def capped_disk(folder: Path) -> str | None:
    """Make *folder* a disk of its own with a capped size; if that cannot be, say why."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() != 0:
        return "only root may mount a tmpfs"
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stderr.strip()


def release_disk(folder: Path) -> None:
    """Take the disk away again."""
    if os.path.ismount(folder):
        subprocess.run(["umount", str(folder)], check=True)


class Database:
    """PostgreSQL behind its proxy."""

    def __init__(self, home: Home, child: Child, proxy: Proxy) -> None:
        self.child = child
        self.proxy = proxy
        self.disk = home.root / "disk"
        self.direct_url = postgres.url_of(home.root, home.port(postgres.NAME))
        self.proxied_url = postgres.url_of(home.root, proxy.port)

    @classmethod
    async def made(cls, home: Home, stack: AsyncExitStack) -> "Database":
        """Initialise and start it; *stack* stops it. Its data lie on the capped disk, if there is one."""
        before = await postgres._not_as_root()
        await postgres._initialise(home, before, fast=True)
        data = home.root / "pg"
        moved = home.root / "disk" / "pg"
        await asyncio.to_thread(subprocess.run, ["mv", str(data), str(moved)], check=True)
        data.symlink_to(moved)
        program = postgres._program(home, before, fast=True)
        program = replace(program, argv=(*program.argv, "-c", f"max_wal_size={WAL}"))
        child = Child(program, home.log(postgres.NAME))
        stack.push_async_callback(child.stop)
        await child.start()
        await postgres._make_database(home)
        proxy = Proxy(home.port("postgres-proxy"), home.port(postgres.NAME), is_commit)
        stack.push_async_callback(proxy.stop)
        await proxy.start()
        return cls(home, child, proxy)

    def fill_disk(self) -> bool:
        """Leave no byte free; False where the disk is not ours."""
        if not os.path.ismount(self.disk):
            return False
        with (self.disk / "filler").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(256 * 1024))
            except OSError:
                return True

    def free_disk(self) -> None:
        (self.disk / "filler").unlink(missing_ok=True)


class Bus:
    """Kafka behind its proxy: what it advertises is the proxy's address, so no client finds a way around."""

    def __init__(self, home: Home, child: Child, proxy: Proxy) -> None:
        self.child = child
        self.proxy = proxy
        self.direct = f"127.0.0.1:{home.port(kafka.NAME)}"
        self.proxied = f"127.0.0.1:{proxy.port}"

    @classmethod
    async def made(cls, home: Home, stack: AsyncExitStack) -> "Bus":
        """Format and start it; *stack* stops it."""
        java = await find_java()
        jars = await asyncio.to_thread(resolve_jars, listed_jars(), default_repository())
        command = (java, *kafka.JVM, "-cp", os.pathsep.join(map(str, jars)))
        proxy = Proxy(home.port("kafka-proxy"), home.port(kafka.NAME), is_produce)
        settings = kafka._settings(home, home.folder(kafka.NAME) / "data") | {
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{proxy.port},CONTROLLER://127.0.0.1:{home.port(kafka.CONTROLLER)}"
        }
        properties = home.folder(kafka.NAME) / "server.properties"
        write_private(properties, kafka._text_of(settings))
        cluster = base64.urlsafe_b64encode(b"\0" + secrets.token_bytes(15)).decode().rstrip("=")
        tool = ("kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", str(properties))
        outcome = await run((*command, *tool), env=environment())
        if outcome.code != 0:
            raise RuntimeError(outcome.output)

        async def ready() -> bool:
            return await kafka.answers(home.port(kafka.NAME))

        program = Program(
            name=kafka.NAME, argv=(*command, "kafka.Kafka", str(properties)), ready=ready, ready_within=60.0
        )
        child = Child(program, home.log(kafka.NAME))
        stack.push_async_callback(child.stop)
        await child.start()
        stack.push_async_callback(proxy.stop)
        await proxy.start()
        return cls(home, child, proxy)

    def connection(self, client: str) -> Connection:
        """For the harness itself. Kafka sends every client to the proxy, so this one goes through it too."""
        return Connection(bootstrap=self.direct, client_id=client)
