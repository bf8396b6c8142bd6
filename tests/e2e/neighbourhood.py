"""A system whose custodians are processes of their own, to be frozen, misled and brought back while others work."""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import httpx2
import yaml

from contracts.bus.connection import Connection
from contracts.signed_manifest import SignedManifest, sign_manifest
from custodians.runner import keys
from custodians.sdk import Declaration
from orchestrator.embedded.home import Home
from orchestrator.embedded.process import Program, environment
from orchestrator.embedded.services import Running, services
from orchestrator.entrypoints.machine import bootstrap
from orchestrator.entrypoints.machine.cast import Actor
from orchestrator.entrypoints.machine.furnishing import furnish
from orchestrator.entrypoints.machine.household import Household
from orchestrator.entrypoints.machine.system import _answers
from orchestrator.entrypoints.topics import make_topics
from orchestrator.settings import Role, Settings
from orchestrator.store.migrating import migrate
from orchestrator.store.session import connect, transactions
from tests.e2e.neighbour import CLASS

ROOT: Final = Path(__file__).parents[2]
APPLICATION: Final = 1
HEARTBEAT_S: Final = 2
AT_ONCE: Final = 50
PATIENCE_S: Final = 60.0
READY_WITHIN_S: Final = 120.0  # eleven processes start at once
JOBS: Final = ("support", "verifier", "reviewer", "oncall")
NEIGHBOURS: Final = ("amber", "birch", "cedar")
FROZEN, MISLED = "flint", "gravel"
EVERYBODY: Final = (*NEIGHBOURS, FROZEN, MISLED)
DISPATCHER: Final = Role.DISPATCHER_ACCESS

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """The running system, and who works in it."""

    root: Path
    running: Running
    owner: asyncpg.Connection = field(repr=False)  # looks on
    staff: Mapping[str, Actor]

    def freeze(self, name: str) -> None:
        """It hangs: it holds its connections, and does nothing any more."""
        os.kill(self.running.supervisor.pids()[name], signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        os.kill(self.running.supervisor.pids()[name], signal.SIGCONT)

    async def mislead(self, name: str, *, astray: bool = True) -> None:
        """Start it again, with keys under which every command is a forgery, or with the right ones."""
        home = self.root / "custodians" / name
        (home / "command-keys.yaml").write_text((home / ("wrong" if astray else "right")).read_text())
        before = self.running.supervisor.pids()[name]
        since = await self.owner.fetchval("select now()")
        os.kill(before, signal.SIGKILL)
        await self.until(UNHEARD, name, since)

    async def until(self, none_left: str, *given: object) -> None:
        """Return once the query *none_left* gives nothing but 0, false or null."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if not await self.owner.fetchval(none_left, *given):
                    return
                await asyncio.sleep(0.03)

    async def open(self, count: int, **more: object) -> list[UUID]:
        """Take in so many requests of people who are verified; custodians are asked from here on."""
        found: list[UUID] = []
        for begin in range(0, count, AT_ONCE):
            rows = [_row(more) for _ in range(min(AT_ONCE, count - begin))]
            told = await self.staff["support"].post("/api/v1/requests", {"requests": rows})
            found += [UUID(each["id"]) for each in told["results"]]
        return found

    async def decide(self, who: str, what: str, requests: Sequence[UUID], **said: object) -> None:
        for begin in range(0, len(requests), AT_ONCE):
            rows = [{"id": str(each), **said} for each in requests[begin : begin + AT_ONCE]]
            told = await self.staff[who].post(f"/api/v1/requests/{what}", {"requests": rows})
            assert {each["status"] for each in told["results"]} == {200}, told

    async def verify(self, requests: Sequence[UUID]) -> None:
        await self.decide("verifier", "verify", requests, method="counter", evidence="Showed up at the counter.")


UNHEARD: Final = "select not exists (select 1 from heartbeat where custodian = $1 and heard_at > $2)"


def _row(more: Mapping[str, object]) -> Json:
    known = secrets.token_hex(8)
    return {
        "kind": "access",
        "identifiers": [{"kind": "email", "value": f"{known}@example.com"}],
        "idempotency_key": str(uuid4()),
        **more,
    }


@asynccontextmanager
async def street(root: Path) -> AsyncIterator[Street]:
    """Start everything in *root*; stop it again at the end."""
    with Home.opened(root) as home:
        settings = Settings(home=root)
        household, wrong = Household(root), Household(root / "elsewhere")
        furnish(household, settings, secrets.token_bytes)
        furnish(wrong, Settings(home=wrong.root), secrets.token_bytes)
        manifests = [_moved_in(root / "custodians" / name, household, wrong) for name in EVERYBODY]
        async with services(home, fast=True) as running:
            await migrate(running.database_url, household.passwords())
            await make_topics(Connection(bootstrap=running.kafka_bootstrap, client_id="street"))
            token = await _admitted(household, running, manifests)
            url = f"http://127.0.0.1:{home.port('api')}"
            programs = [_role(role, home, household, running, url) for role in Role]
            programs += [_custodian(root / "custodians" / name, running) for name in EVERYBODY]
            await asyncio.gather(*(running.supervisor.start(each) for each in programs))
            owner = await asyncpg.connect(running.database_url)
            async with httpx2.AsyncClient(base_url=url, timeout=60.0) as client:
                made = Street(root=root, running=running, owner=owner, staff=await _hired(client, token))
                try:
                    yield made
                finally:
                    await owner.close()
                    for name in (FROZEN, DISPATCHER):
                        made.thaw(name)  # or it could not end when told to


async def _admitted(household: Household, running: Running, manifests: Sequence[SignedManifest]) -> str:
    engine = connect(household.url_of(Role.API, running.database_url), pool_size=1)
    try:
        await bootstrap.admit(transactions(engine), manifests)
        return await bootstrap.new_admin(transactions(engine))
    finally:
        await engine.dispose()


async def _hired(client: httpx2.AsyncClient, token: str) -> Mapping[str, Actor]:
    admin, staff = Actor(id="admin", client=client, token=token), {}
    for job in JOBS:
        joined = await admin.post("/api/v1/staff", {"name": f"Somebody for {job}", "roles": [job]})
        issued = await admin.post(f"/api/v1/staff/{joined['id']}/tokens", {})
        staff[job] = Actor(id=joined["id"], client=client, token=issued["token"])
    return staff


def _moved_in(home: Path, right: Household, wrong: Household) -> SignedManifest:
    home.mkdir(parents=True, mode=0o700)
    for name, household in (("right", right), ("wrong", wrong), ("command-keys.yaml", right)):
        (home / name).write_text(household.command_keys.read_text())
    declared = {
        "id": home.name,
        "owner": f"{home.name} team",
        "needs": ["email"],
        "classes": [{"name": CLASS, "label": "Notes", "level": 1}],
    }
    (home / "declaration.yaml").write_text(yaml.safe_dump(declared))
    own = keys.create(home, secrets.token_bytes)
    return sign_manifest(Declaration.model_validate(declared).manifest(own.declared), own.signer)


def _role(role: Role, home: Home, household: Household, running: Running, url: str) -> Program:
    serves = role is Role.API
    variables = {
        "DSAR_HOME": str(home.root),
        "DSAR_KAFKA_BOOTSTRAP": running.kafka_bootstrap,
        "DSAR_API_PORT": str(home.port("api")),
        "DSAR_LOG_LEVEL": "warning",
        f"DSAR_DATABASE_URL_{role.upper()}": household.url_of(role, running.database_url),
    }
    return Program(
        name=role,
        argv=(sys.executable, "-m", "orchestrator.entrypoints.run", role),
        env=environment(variables),
        ports={"api": home.port("api")} if serves else {},
        ready=_answers(url) if serves else None,
        ready_within=READY_WITHIN_S,
        layer=APPLICATION,
    )


def _custodian(home: Path, running: Running) -> Program:
    given = {
        "environment": "local",
        "worker": f"{home.name}-1",
        "home": home,
        "command_keys": home / "command-keys.yaml",
        "store": "nowhere",
        "plugin": "tests.e2e.neighbour:Neighbour",
        "declaration": home / "declaration.yaml",
        "kafka": running.kafka_bootstrap,
        "heartbeat_s": HEARTBEAT_S,
    }
    variables = {f"DSAR_CUSTODIAN_{name.upper()}": str(value) for name, value in given.items()}
    argv = (str(Path(sys.executable).with_name("dsar-custodian")), "run")
    return Program(name=home.name, argv=argv, env=environment(variables | {"PYTHONPATH": str(ROOT)}), layer=APPLICATION)
