"""The whole system on one machine: services, roles and sample custodians, started in order and gone together."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx2

from contracts.bus.connection import Connection
from contracts.ids import EventId
from contracts.signed_manifest import SignedManifest
from orchestrator.domain.staff import Role as StaffRole
from orchestrator.embedded.home import Home, write_private
from orchestrator.embedded.process import Condition, Program, environment
from orchestrator.embedded.services import Running, services
from orchestrator.entrypoints.machine import samples
from orchestrator.entrypoints.machine.household import Household
from orchestrator.entrypoints.machine.samples import Sample
from orchestrator.entrypoints.topics import make_topics
from orchestrator.flow import registry, staff
from orchestrator.settings import Role, Settings
from orchestrator.store.schema import migrate
from orchestrator.store.session import Transactions, connect, transactions

PROCESSES: Final[Mapping[str, Sequence[Role]]] = {
    "orchestrator": (Role.API, Role.ENGINE, Role.REPORTER, Role.NOTARY),
    "dispatcher-access": (Role.DISPATCHER_ACCESS,),
    "dispatcher-erasure": (Role.DISPATCHER_ERASURE,),
}
"""What shares a process here: never two command keys, never a custodian."""

BOOTSTRAP: Final = "bootstrap"


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A running system: where it is, and the token of its first admin if it was made just now."""

    url: str
    root: Path
    new_token: str | None = field(repr=False)
    running: Running
    transactions: Transactions
    samples: Sequence[Sample]


@asynccontextmanager
async def system(home: Home, settings: Settings, *, reseed: bool = False) -> AsyncIterator[System]:
    """Start everything, in the order in which it needs each other; stop it the other way round.

    *reseed* fills the samples' stores anew, as if nobody had ever been erased.
    """
    household = Household(home.root)
    household.furnish(settings, secrets.token_bytes)
    given = settings.database_url.get_secret_value() if settings.database_url else None
    async with services(home, database_url=given, kafka_bootstrap=settings.kafka_bootstrap) as running:
        custodians, _, _ = await asyncio.gather(
            _samples(home, household, settings, running),
            migrate(running.database_url, household.passwords()),
            make_topics(
                Connection(bootstrap=running.kafka_bootstrap, client_id="dsar-up", prefix=settings.topic_prefix)
            ),
        )
        filling = _filled(custodians, new=samples.needs(home.root), reseed=reseed)
        url = f"http://{settings.api_host}:{home.port('api')}"
        engine = connect(household.url_of(Role.API, running.database_url), pool_size=2)
        try:
            transaction = transactions(engine)
            token = await _first_admin(household, transaction)
            await _start_roles(home, household, settings, running, url)
            await _admit(transaction, await filling)
            for each in custodians:
                await running.supervisor.start(each.program())
            home.announce("api", url)
            yield System(
                url=url,
                root=home.root,
                new_token=token,
                running=running,
                transactions=transaction,
                samples=custodians,
            )
        finally:
            await engine.dispose()


def _connection(running: Running, settings: Settings) -> Connection:
    return Connection(bootstrap=running.kafka_bootstrap, client_id="dsar-up", prefix=settings.topic_prefix)


async def _samples(home: Home, household: Household, settings: Settings, running: Running) -> list[Sample]:
    return await samples.prepared(
        home.root,
        running.database_url,
        command_keys=household.command_keys,
        kafka=running.kafka_bootstrap,
        environment=settings.environment,
    )


def _filled(custodians: Sequence[Sample], *, new: bool, reseed: bool) -> asyncio.Task[list[SignedManifest]]:
    """Begin to fill the stores, beside the start of the roles; the result is what must be admitted."""

    async def fill() -> list[SignedManifest]:
        if new:
            return list(await asyncio.gather(*(each.make() for each in custodians)))
        if reseed:
            await asyncio.gather(*(each.seed() for each in custodians))
        return []

    return asyncio.create_task(fill())


async def _first_admin(household: Household, transaction: Transactions) -> str | None:
    """Make the first member of staff, once: an admin, whose token is shown and kept for this machine's CLI."""
    if household.token.exists():
        return None
    token = staff.token_of(secrets.token_bytes(32))
    async with transaction() as tx:
        name = f"st_{secrets.token_hex(6)}"
        await staff.add(tx, _entry(), staff=name, name="First admin", roles=[StaffRole.ADMIN], by=BOOTSTRAP)
        await staff.issue(tx, _entry(), staff=name, token=token, by=BOOTSTRAP)
    write_private(household.token, token)
    return token


def _entry() -> EventId:
    return EventId(uuid4())


async def _admit(transaction: Transactions, manifests: Sequence[SignedManifest]) -> None:
    async with transaction() as tx:
        for each in manifests:
            await registry.admit(tx, each, by=BOOTSTRAP, entry_id=_entry())


async def _start_roles(home: Home, household: Household, settings: Settings, running: Running, url: str) -> None:
    shared = {
        "DSAR_HOME": str(home.root),
        "DSAR_ENVIRONMENT": settings.environment,
        "DSAR_CONTROLLER": settings.controller,
        "DSAR_LOG_LEVEL": settings.log_level,
        "DSAR_KAFKA_BOOTSTRAP": running.kafka_bootstrap,
        "DSAR_TOPIC_PREFIX": settings.topic_prefix,
        "DSAR_GRACE_SECONDS": str(settings.grace_seconds),
        "DSAR_WATCH_DAYS": ",".join(str(each.total_seconds() / 86_400) for each in settings.watch_days),
        "DSAR_API_HOST": settings.api_host,
        "DSAR_API_PORT": str(home.port("api")),
    }
    programs = []
    for name, roles in PROCESSES.items():
        own = {f"DSAR_DATABASE_URL_{role.upper()}": household.url_of(role, running.database_url) for role in roles}
        programs.append(
            Program(
                name=name,
                argv=(sys.executable, "-m", "orchestrator.entrypoints.run", *roles),
                env=environment(shared | own),
                ports={"api": home.port("api")} if Role.API in roles else {},
                ready=_answers(url) if Role.API in roles else None,
                grace=20.0,
            )
        )
    await asyncio.gather(*(running.supervisor.start(each) for each in programs))


def _answers(url: str) -> Condition:
    async def ready() -> bool:
        try:
            async with httpx2.AsyncClient(timeout=2.0) as client:
                return bool((await client.get(f"{url}/readyz")).status_code == httpx2.codes.OK)
        except httpx2.HTTPError:
            return False

    return ready
