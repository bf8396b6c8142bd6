"""The whole system on one machine: services, roles and sample custodians, started in order and gone together."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx2

from contracts.bus.connection import Connection
from contracts.signed_manifest import SignedManifest
from orchestrator.embedded.home import Home, write_private
from orchestrator.embedded.process import Condition, Program, environment
from orchestrator.embedded.services import Running, services
from orchestrator.entrypoints.machine import bootstrap, samples
from orchestrator.entrypoints.machine.household import Household
from orchestrator.entrypoints.machine.samples import Sample
from orchestrator.entrypoints.topics import make_topics
from orchestrator.entrypoints.watch import check
from orchestrator.settings import Role, Settings
from orchestrator.store.schema import migrate
from orchestrator.store.session import Transactions, connect, transactions

PROCESSES: Final[Mapping[str, Sequence[Role]]] = {
    "orchestrator": (Role.API, Role.ENGINE, Role.REPORTER, Role.NOTARY),
    "dispatcher-access": (Role.DISPATCHER_ACCESS,),
    "dispatcher-erasure": (Role.DISPATCHER_ERASURE,),
}
"""What shares a process here: never two command keys, never a custodian."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A running system: where it is, and the token of its first admin if it was made just now."""

    url: str
    root: Path
    new_token: str | None = field(repr=False)
    running: Running
    transactions: Transactions
    samples: Sequence[Sample]  # those that run


@asynccontextmanager
async def system(
    home: Home, settings: Settings, *, reseed: bool = False, without: Collection[samples.Name] = ()
) -> AsyncIterator[System]:
    """Start everything, in the order in which it needs each other; stop it the other way round.

    *reseed* fills the samples' stores anew, as if nobody had ever been erased. The samples of *without* are admitted
    like the others and asked like the others, but do not run.
    """
    start = _Start(home, settings, reseed=reseed)
    given = settings.database_url.get_secret_value() if settings.database_url else None
    async with services(
        home, database_url=given, kafka_bootstrap=settings.kafka_bootstrap, meanwhile=start.prepare
    ) as running:
        bus = Connection(bootstrap=running.kafka_bootstrap, client_id="dsar-up", prefix=settings.topic_prefix)
        await make_topics(bus, replicas=settings.topic_replicas)
        engine = connect(start.household.url_of(Role.API, running.database_url), pool_size=2)
        try:
            transaction = transactions(engine)
            await check(transaction, home.root)
            token = await _first_admin(start.household, transaction)
            await asyncio.gather(*(running.supervisor.start(each) for each in start.roles(running)))
            await bootstrap.admit(transaction, await start.filling)
            present = [each for each in start.samples if each.name not in without]
            for each in present:
                await running.supervisor.start(each.program())
            home.announce("api", start.url)
            yield System(
                url=start.url,
                root=home.root,
                new_token=token,
                running=running,
                transactions=transaction,
                samples=present,
            )
        finally:
            await engine.dispose()


class _Start:
    """What is known while the system starts."""

    def __init__(self, home: Home, settings: Settings, *, reseed: bool) -> None:
        self.home, self.settings, self._reseed = home, settings, reseed
        self.url = f"http://{settings.api_host}:{home.port('api')}"
        self.samples: list[Sample] = []
        self.filling: asyncio.Future[list[SignedManifest]] = asyncio.get_running_loop().create_future()
        self.household = Household(home.root)
        self.household.furnish(settings, secrets.token_bytes)

    async def prepare(self, database_url: str) -> None:
        """What needs the database alone: its schema, and the samples' stores, which go on filling."""
        self.samples = await samples.prepared(
            self.home.root,
            database_url,
            command_keys=self.household.command_keys,
            kafka=self.settings.kafka_bootstrap or f"127.0.0.1:{self.home.port('kafka')}",
            environment=self.settings.environment,
        )
        self.filling = asyncio.create_task(self._fill())
        await migrate(database_url, self.household.passwords())

    async def _fill(self) -> list[SignedManifest]:
        """Fill the stores; return what must be admitted."""
        if samples.needs(self.home.root):
            return list(await asyncio.gather(*(each.make() for each in self.samples)))
        if self._reseed:
            await asyncio.gather(*(each.seed() for each in self.samples))
        return []

    def roles(self, running: Running) -> list[Program]:
        """The processes of the orchestrator, each with the logins and keys of its own roles."""
        return [self._program(name, roles, running) for name, roles in PROCESSES.items()]

    def _program(self, name: str, roles: Sequence[Role], running: Running) -> Program:
        logins = {
            f"DSAR_DATABASE_URL_{role.upper()}": self.household.url_of(role, running.database_url) for role in roles
        }
        serves = Role.API in roles
        return Program(
            name=name,
            argv=(sys.executable, "-m", "orchestrator.entrypoints.run", *roles),
            env=environment(self._shared(running) | logins),
            ports={"api": self.home.port("api")} if serves else {},
            ready=_answers(self.url) if serves else None,
            layer=samples.APPLICATION,
            grace=20.0,
        )

    def _shared(self, running: Running) -> dict[str, str]:
        given = self.settings
        return {
            "DSAR_HOME": str(self.home.root),
            "DSAR_ENVIRONMENT": given.environment,
            "DSAR_CONTROLLER": given.controller,
            "DSAR_LOG_LEVEL": given.log_level,
            "DSAR_INSTANCE": given.instance,
            "DSAR_KAFKA_BOOTSTRAP": running.kafka_bootstrap,
            "DSAR_TOPIC_PREFIX": given.topic_prefix,
            "DSAR_GRACE_SECONDS": str(given.grace_seconds),
            "DSAR_WATCH_DAYS": ",".join(str(each.total_seconds() / 86_400) for each in given.watch_days),
            "DSAR_API_HOST": given.api_host,
            "DSAR_API_PORT": str(self.home.port("api")),
        }


async def _first_admin(household: Household, transaction: Transactions) -> str | None:
    """Make the first admin, once; the token is shown, and kept for this machine's own command line."""
    if household.token.exists():
        return None
    token = await bootstrap.new_admin(transaction)
    write_private(household.token, token)
    return token


def _answers(url: str) -> Condition:
    async def ready() -> bool:
        try:
            async with httpx2.AsyncClient(timeout=2.0) as client:
                return bool((await client.get(f"{url}/readyz")).status_code == httpx2.codes.OK)
        except httpx2.HTTPError:
            return False

    return ready
