"""PostgreSQL and Kafka for a whole test run: started by the first test that asks, shared by all its workers."""

import asyncio
import fcntl
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg

from orchestrator.embedded.identity import Identity, identify
from orchestrator.embedded.process import environment

T = TypeVar("T")

RUN_FOLDER = "DSAR_TEST_RUN"
RUN_PID = "DSAR_TEST_RUN_PID"
OWN_SERVICE = {"postgres": "DSAR_DATABASE_URL", "kafka": "DSAR_KAFKA_BOOTSTRAP"}
TITLES = {"postgres": "PostgreSQL", "kafka": "Kafka"}
START_SECONDS = 90
STOP_SECONDS = 20
IN_MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 2 << 30


def begin_run() -> None:
    """Make the folder of this run; workers find it by the environment that they inherit."""
    os.environ[RUN_FOLDER] = tempfile.mkdtemp(prefix="dsar-tests-", dir=_quickest_folder())
    os.environ[RUN_PID] = str(os.getpid())


def end_run() -> None:
    """Stop what was started for this run and remove its folder."""
    folder = _folder()
    keepers = [Identity.model_validate_json(path.read_text()) for path in folder.glob("*.pid")]
    for keeper in keepers:
        _signal(keeper, signal.SIGTERM)
    for keeper in keepers:
        _wait_until_gone(keeper)
    shutil.rmtree(folder)
    del os.environ[RUN_FOLDER]


def begin(name: str) -> None:
    """Have the service started, once per run, without waiting for it."""
    with _lock(name):
        if name_is_given(name) or _pid_file(name).exists():
            return
        log = _folder() / f"{name}.log"
        pid = os.posix_spawn(
            sys.executable,
            (sys.executable, "-m", "tests.integration.keeper", name, str(_folder()), os.environ[RUN_PID]),
            environment(),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,  # Ctrl-C is for pytest, which then ends the keeper
        )
        identity = _ask(identify(pid))
        assert identity is not None
        _pid_file(name).write_text(identity.model_dump_json())


def address(name: str) -> str:
    """The address of the service; waits until it is ready."""
    begin(name)
    if name_is_given(name):
        return os.environ[OWN_SERVICE[name]]
    keeper = Identity.model_validate_json(_pid_file(name).read_text())
    deadline = time.monotonic() + START_SECONDS
    while not _ready_file(name).exists():
        if time.monotonic() > deadline or not _ask(keeper.is_alive()):
            raise RuntimeError(f"{name} did not start:\n{(_folder() / f'{name}.log').read_text()}")
        time.sleep(0.05)
    found: str = json.loads(_ready_file(name).read_text())["address"]
    return found


def announce(folder: Path, name: str, *, address: str, version: str) -> None:
    draft = folder / f"{name}.draft"
    draft.write_text(json.dumps({"address": address, "version": version}))
    draft.replace(folder / f"{name}.ready")


def note_containers(text: str) -> None:
    (_folder() / "containers").write_text(text)


def summary_lines() -> Iterator[str]:
    for name, title in TITLES.items():
        if name_is_given(name):
            yield f"{title}: from {OWN_SERVICE[name]}"
        elif _ready_file(name).exists():
            yield f"{title}: embedded {json.loads(_ready_file(name).read_text())['version']}"
        else:
            yield f"{title}: no test of this run asked for the shared one"
    containers = _folder() / "containers"
    yield f"testcontainers: {containers.read_text() if containers.exists() else 'no test of this run asked'}"


def name_is_given(name: str) -> bool:
    return OWN_SERVICE[name] in os.environ


async def create_database(admin: asyncpg.Connection, url: str, *, template: str = "template0") -> str:
    """Make a database with a name of its own, empty or a copy of *template*, and return its URL."""
    name = f"test_{secrets.token_hex(8)}"
    await admin.execute(f"create database {name} template {template} strategy file_copy")
    return urlsplit(url)._replace(path=f"/{name}").geturl()


async def drop_database(admin: asyncpg.Connection, url: str) -> None:
    await admin.execute(f"drop database {urlsplit(url).path.removeprefix('/')} with (force)")


def _ask(question: Coroutine[Any, Any, T]) -> T:
    """Run it apart from the loop of the tests, which `asyncio.run` would unset."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(question)
    finally:
        loop.close()


def _quickest_folder() -> Path | None:
    """Return the memory of this machine where it lends enough of it: a database then costs 12 ms instead of 300."""
    free = shutil.disk_usage(IN_MEMORY).free if IN_MEMORY.is_dir() and os.access(IN_MEMORY, os.W_OK) else 0
    return IN_MEMORY if free >= ENOUGH_BYTES else None


def _folder() -> Path:
    return Path(os.environ[RUN_FOLDER])


def _pid_file(name: str) -> Path:
    return _folder() / f"{name}.pid"


def _ready_file(name: str) -> Path:
    return _folder() / f"{name}.ready"


@contextmanager
def _lock(name: str) -> Iterator[None]:
    with (_folder() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _signal(keeper: Identity, number: signal.Signals) -> None:
    if _ask(keeper.is_alive()):
        with suppress(ProcessLookupError):
            os.kill(keeper.pid, number)


def _wait_until_gone(keeper: Identity) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while _ask(keeper.is_alive()):
        if time.monotonic() > deadline:
            _signal(keeper, signal.SIGKILL)
        time.sleep(0.05)
