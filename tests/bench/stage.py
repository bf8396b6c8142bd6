"""The whole system on one machine, each role a process of its own, with the benchmark's three custodians."""

import secrets
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import asyncpg
import httpx2
from pydantic import SecretStr

from contracts.bus.connection import Connection
from contracts.signed_manifest import SignedManifest, sign_manifest
from custodians import plugins
from custodians.runner import keys
from custodians.runner.settings import WorkerSettings
from orchestrator.embedded.home import Home, write_private
from orchestrator.embedded.process import Condition, Program, environment
from orchestrator.embedded.services import Running, services
from orchestrator.entrypoints.machine import bootstrap
from orchestrator.entrypoints.machine.cast import Cast
from orchestrator.entrypoints.machine.furnishing import furnish
from orchestrator.entrypoints.machine.household import Household
from orchestrator.entrypoints.topics import make_topics
from orchestrator.settings import Role, Settings
from orchestrator.store.migrating import migrate
from orchestrator.store.session import connect, transactions
from tests.bench import world
from tests.bench.figures import BROKER, DATABASE

APPLICATION: Final = 1
ENVIRONMENT: Final = "bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A running system, and who works in it."""

    url: str
    root: Path
    running: Running
    stores: Mapping[str, str] = field(repr=False)
    owner: asyncpg.Connection  # looks on; its own work is not counted
    cast: Cast
    bus: Connection

    @property
    def own(self) -> dict[str, int]:
        """The processes of ours by role or custodian."""
        others = {"postgres", "kafka"}
        return {name: pid for name, pid in self.running.supervisor.pids().items() if name not in others}

    @property
    def roots(self) -> dict[str, int]:
        """All processes, broker and database with their own names."""
        pids = self.running.supervisor.pids()
        return self.own | {BROKER: pids["kafka"], DATABASE: pids["postgres"]}

    @property
    def onlooker(self) -> int:
        """The server process behind our own connection, which runs in a namespace of its own."""
        return int(self.owner.get_server_pid())


@asynccontextmanager
async def staged(home: Home, *, people: int, profile: bool = False) -> AsyncIterator[Stage]:
    """Start everything over a world of so many people; stop it again at the end."""
    await _count_statements(home)
    settings = Settings(environment=ENVIRONMENT, home=home.root)
    household = Household(home.root)
    furnish(household, settings, secrets.token_bytes)
    async with services(home) as running:
        await migrate(running.database_url, household.passwords())
        stores = await world.make(running.database_url, secrets.token_hex(16))
        await world.fill(stores, people=people)
        bus = Connection(bootstrap=running.kafka_bootstrap, client_id="bench")
        await make_topics(bus)
        workers = [_worker(home, name, stores[name], household, running) for name in world.NAMES]
        token = await _admitted(household.url_of(Role.API, running.database_url), workers)
        url = f"http://127.0.0.1:{home.port('api')}"
        for program in (*_roles(home, household, running, url), *map(_program, workers)):
            await running.supervisor.start(_sampled(program, home) if profile else program)
        cast = await _hired(url, token)
        write_private(settings.approvers(), cast.trust_list())
        async with _looking_on(running.database_url) as owner:
            yield Stage(url=url, root=home.root, running=running, stores=stores, owner=owner, cast=cast, bus=bus)


@asynccontextmanager
async def _looking_on(url: str) -> AsyncIterator[asyncpg.Connection]:
    owner = await asyncpg.connect(url)
    try:
        await owner.execute("create extension if not exists pg_stat_statements")
        yield owner
    finally:
        await owner.close()


async def _admitted(url: str, workers: Sequence[WorkerSettings]) -> str:
    """Admit the custodians; return the token of an admin."""
    engine = connect(url, pool_size=2)
    try:
        await bootstrap.admit(transactions(engine), [_introduced(each) for each in workers])
        return await bootstrap.new_admin(transactions(engine))
    finally:
        await engine.dispose()


async def _hired(url: str, token: str) -> Cast:
    async with httpx2.AsyncClient(base_url=url, timeout=30.0) as client:
        return await Cast.hired(client, token, secrets.token_bytes)


async def _count_statements(home: Home) -> None:
    """Have the server count statements; it can only be told before it starts."""
    async with services(home, kafka_bootstrap="none") as running:
        owner = await asyncpg.connect(running.database_url)
        await owner.execute("alter system set shared_preload_libraries = 'pg_stat_statements'")
        await owner.close()


def _worker(home: Home, name: str, store: str, household: Household, running: Running) -> WorkerSettings:
    return WorkerSettings(
        environment=ENVIRONMENT,
        worker=f"{name}-1",
        home=home.root / "custodians" / name,
        command_keys=household.command_keys,
        store=SecretStr(store),
        data_map=str(world.data_map(name)),
        kafka=running.kafka_bootstrap,
    )


def _introduced(settings: WorkerSettings) -> SignedManifest:
    """Make its keys; return its manifest."""
    settings.home.mkdir(parents=True, mode=0o700)
    own = keys.create(settings.home, secrets.token_bytes)
    return sign_manifest(plugins.declaration_of(settings).manifest(own.declared), own.signer)


def _program(settings: WorkerSettings) -> Program:
    given = settings.model_dump(include={"environment", "worker", "home", "command_keys", "data_map", "kafka"})
    variables = {f"DSAR_CUSTODIAN_{name.upper()}": str(value) for name, value in given.items()}
    variables["DSAR_CUSTODIAN_STORE"] = settings.store.get_secret_value()
    return Program(
        name=settings.home.name,
        argv=_python("custodians.cli:main", "run"),
        env=environment(variables),
        layer=APPLICATION,
    )


def _roles(home: Home, household: Household, running: Running, url: str) -> Sequence[Program]:
    shared = {
        "DSAR_HOME": str(home.root),
        "DSAR_ENVIRONMENT": ENVIRONMENT,
        "DSAR_INSTANCE": "bench",
        "DSAR_KAFKA_BOOTSTRAP": running.kafka_bootstrap,
        "DSAR_GRACE_SECONDS": "0",
        "DSAR_WATCH_DAYS": "",
        "DSAR_API_HOST": "127.0.0.1",
        "DSAR_API_PORT": str(home.port("api")),
    }
    return [
        Program(
            name=role,
            argv=_python("orchestrator.entrypoints.run:main", role),
            env=environment(
                shared | {f"DSAR_DATABASE_URL_{role.upper()}": household.url_of(role, running.database_url)}
            ),
            ready=_answering(url) if role is Role.API else None,
            layer=APPLICATION,
            grace=20.0,
        )
        for role in Role
    ]


def _python(program: str, *arguments: str) -> tuple[str, ...]:
    module, _, function = program.partition(":")
    return (sys.executable, "-c", f"from {module} import {function}; {function}()", *arguments)


def _sampled(program: Program, home: Home) -> Program:
    """The same, noting where its CPU goes."""
    python, _, code, *arguments = program.argv
    module, file = code.split()[1], home.folder("profiles") / program.name
    return replace(program, argv=(python, "-m", "tests.bench.sampled", str(file), f"{module}:main", *arguments))


def _answering(url: str) -> Condition:
    async def ready() -> bool:
        try:
            async with httpx2.AsyncClient(timeout=2.0) as client:
                return bool((await client.get(f"{url}/readyz")).status_code == httpx2.codes.OK)
        except httpx2.HTTPError:
            return False

    return ready
