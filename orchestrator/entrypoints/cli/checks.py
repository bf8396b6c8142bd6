"""What `dsar doctor` looks at, each by itself and all within two seconds."""

import asyncio
import shutil
import stat
import sys
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx2
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from contracts.command import Lane
from orchestrator.embedded import postgres
from orchestrator.embedded.errors import EmbeddedError
from orchestrator.embedded.home import Run, read_run
from orchestrator.settings import Settings
from orchestrator.store.schema import head

PATIENCE_S: Final = 1.5
LEAST_FREE_BYTES: Final = 1 << 30
OLDEST_PYTHON: Final = (3, 11)
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Verdict(StrEnum):
    """How it looks."""

    OK = "ok"
    ABSENT = "absent"  # not there, which is no fault
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at; *fix* is a command or a sentence to act on."""

    what: str
    verdict: Verdict
    told_shortly: str
    fix: str | None = None

    def told(self) -> dict[str, Any]:
        """As a document."""
        return asdict(self)


async def everything(settings: Settings) -> list[Finding]:
    """Look at all of it, at once."""
    root = settings.root
    try:
        run = read_run(root)
    except EmbeddedError as error:
        return [_wrong("home", "run.json cannot be read", str(error))]
    watched: list[Awaitable[list[Finding]]] = [_database(settings, run), _broker(settings, run), _api(run)]
    seen = await asyncio.gather(*watched)
    return [_python(), _disk(root), *_keys(settings), *(each for found in seen for each in found)]


def _python() -> Finding:
    version = ".".join(str(each) for each in sys.version_info[:3])
    if sys.version_info[:2] < OLDEST_PYTHON:
        return _wrong("Python", version, "install Python 3.11 or newer, and make the environment anew")
    return _ok("Python", version)


def _disk(root: Path) -> Finding:
    there = next(each for each in (root, *root.parents) if each.exists())
    free = shutil.disk_usage(there).free
    told = f"{free >> 20} MiB free for {root}"
    if free < LEAST_FREE_BYTES:
        return _wrong("disk", told, "free 1 GiB, or set DSAR_HOME to a folder on another disk")
    return _ok("disk", told)


def _keys(settings: Settings) -> list[Finding]:
    files = [settings.link_kek(), settings.reply_kek(), settings.blind_key()]
    files += [settings.command_key(lane) for lane in Lane]
    there = [each for each in files if each.exists()]
    if not there:
        return [_absent("keys", f"none in {settings.root / 'keys'} yet; `dsar up` makes them")]
    missing = [each.name for each in files if each not in there]
    readable = [each for each in there if each.stat().st_mode & OTHERS]
    if missing:
        fix = "restore them from the backup of keys: what they wrap cannot be read without them"
        return [_wrong("keys", f"missing: {', '.join(missing)}", fix)]
    if readable:
        return [_wrong("keys", "others can read them", "chmod 600 " + " ".join(str(each) for each in readable))]
    return [_ok("keys", f"{len(there)} files, readable by their owner alone")]


async def _database(settings: Settings, run: Run) -> list[Finding]:
    given = settings.database_url.get_secret_value() if settings.database_url else None
    try:
        url = given or postgres.known_url(settings.root, run)
    except EmbeddedError as error:
        return [_wrong("database", "its password is gone", str(error))]
    if url is None:
        return [_absent("database", "none is running; `dsar up` starts one, or set DSAR_DATABASE_URL")]
    try:
        async with asyncio.timeout(PATIENCE_S):
            connection = await asyncpg.connect(url)
            found = await _revision(connection)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return [_wrong("database", "does not answer", "start it: `dsar up`; or see whether DSAR_DATABASE_URL is right")]
    if found != head():
        told = f"at {found or 'nothing'}, this program wants {head()}"
        return [_ok("database", "answers"), _wrong("schema", told, "dsar db migrate")]
    return [_ok("database", "answers"), _ok("schema", found)]


async def _revision(connection: asyncpg.Connection) -> str | None:
    try:
        found: str | None = await connection.fetchval("select version_num from alembic_version")
    except asyncpg.UndefinedTableError:
        found = None
    finally:
        await connection.close()
    return found


async def _broker(settings: Settings, run: Run) -> list[Finding]:
    bootstrap = settings.kafka_bootstrap or run.addresses.get("kafka")
    if bootstrap is None:
        return [_absent("Kafka", "none is running; `dsar up` starts one, or set DSAR_KAFKA_BOOTSTRAP")]
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=1000)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await client.bootstrap()
    except (OSError, KafkaError):
        return [_wrong("Kafka", "does not answer", "start it: `dsar up`; or see whether DSAR_KAFKA_BOOTSTRAP is right")]
    finally:
        await client.close()
    return [_ok("Kafka", "answers")]


async def _api(run: Run) -> list[Finding]:
    url = run.addresses.get("api")
    if url is None:
        return [_absent("API", "none is running here; `dsar up` starts one")]
    try:
        async with httpx2.AsyncClient(timeout=PATIENCE_S) as client:
            ready = (await client.get(f"{url}/readyz")).status_code == httpx2.codes.OK
    except httpx2.TransportError:
        return [_wrong("API", f"{url} does not answer", "start it: `dsar up`")]
    return [_ok("API", f"{url} is ready") if ready else _wrong("API", "not ready", "dsar up")]


def _ok(what: str, told: str) -> Finding:
    return Finding(what=what, verdict=Verdict.OK, told_shortly=told)


def _absent(what: str, told: str) -> Finding:
    return Finding(what=what, verdict=Verdict.ABSENT, told_shortly=told)


def _wrong(what: str, told: str, fix: str) -> Finding:
    return Finding(what=what, verdict=Verdict.WRONG, told_shortly=told, fix=fix)
