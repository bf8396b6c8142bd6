"""The system under test: services, every role and every custodian as a process of its own, and the people's data."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import yaml

from contracts.signed_manifest import SignedManifest, sign_manifest
from custodians.runner import keys as worker_keys
from custodians.sdk import Declaration
from orchestrator.embedded.home import Home
from orchestrator.embedded.process import Program, environment
from orchestrator.entrypoints.machine import bootstrap
from orchestrator.entrypoints.machine.furnishing import furnish
from orchestrator.entrypoints.machine.household import Household
from orchestrator.entrypoints.machine.system import _answers
from orchestrator.entrypoints.topics import make_topics
from orchestrator.settings import Role, Settings
from orchestrator.store.migrating import migrate
from orchestrator.store.session import connect, transactions
from tests.crash.bus import Place
from tests.crash.child import Child
from tests.crash.options import CUSTODIAN, Options
from tests.crash.people import REGISTRAR, Person
from tests.crash.schedule import ROLES, named
from tests.crash.services import Bus, Database, capped_disk, release_disk
from tests.crash.shelf import Shelf

ROOT: Final = Path(__file__).parents[2]
GRACE_S: Final = 1.0
HEARTBEAT_S: Final = 2.0
READY_WITHIN_S: Final = 90.0
STOP_WITHIN_S: Final = 20.0


@dataclass(slots=True, kw_only=True)
class World:
    """What runs, by name."""

    home: Home
    options: Options
    database: Database
    bus: Bus
    token: str = field(default="", repr=False)
    no_disk: str | None = None  # why the disk cannot be filled
    roles: dict[str, Child] = field(default_factory=dict)
    keepers: dict[str, Child] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)  # who did not stop in time
    spoiled: list[Place] = field(default_factory=list)  # answers that must become dead letters

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.home.port('api')}"

    @property
    def children(self) -> dict[str, Child]:
        """Everything but the services."""
        return self.roles | self.keepers

    @property
    def everybody(self) -> dict[str, Child]:
        return {"kafka": self.bus.child, "postgres": self.database.child} | self.children

    def shelf(self, keeper: int) -> Shelf:
        """Open a custodian's store, as its owner would."""
        return Shelf(store_of(self.home.root, keeper))

    async def stop_children(self) -> None:
        """Stop custodians and roles as one stops them."""
        for layer in (self.keepers, self.roles):
            stopped = await asyncio.gather(*(child.stop() for child in layer.values()))
            self.late += [name for name, in_time in zip(layer, stopped, strict=True) if not in_time]


def store_of(root: Path, keeper: int) -> Path:
    """The file of a custodian's store, fact log included."""
    return root / "keepers" / named(keeper) / "store.sqlite"


@asynccontextmanager
async def world(root: Path, options: Options, everybody: Sequence[Person]) -> AsyncIterator[World]:
    """Start everything in *root*; nothing of it runs afterwards."""
    async with AsyncExitStack() as stack:
        home = stack.enter_context(Home.opened(root))
        no_disk = capped_disk(root / "disk")
        stack.callback(release_disk, root / "disk")
        database, bus = await asyncio.gather(Database.made(home, stack), Bus.made(home, stack))
        made = World(home=home, options=options, database=database, bus=bus, no_disk=no_disk)
        stack.push_async_callback(made.stop_children)
        await _furnish(made, everybody)
        yield made


async def _furnish(made: World, everybody: Sequence[Person]) -> None:
    settings = Settings(home=made.home.root)
    household = Household(made.home.root)
    furnish(household, settings, secrets.token_bytes)
    await migrate(made.database.direct_url, household.passwords())
    await make_topics(made.bus.connection("crash-topics"))
    manifests = [_move_in(made, number, everybody) for number in range(made.options.custodians)]
    engine = connect(household.url_of(Role.API, made.database.direct_url), pool_size=1)
    try:
        transaction = transactions(engine)
        made.token = await bootstrap.new_admin(transaction)
        await bootstrap.admit(transaction, manifests)
    finally:
        await engine.dispose()
    made.roles = {name: _child(made, Role(name.partition("-")[0]), _role(made, household, name)) for name in ROLES}
    numbers = range(made.options.custodians)
    made.keepers = {named(each): _child(made, CUSTODIAN, _keeper(made, each)) for each in numbers}
    await asyncio.gather(*(child.start() for child in made.children.values()))


def _move_in(made: World, number: int, everybody: Sequence[Person]) -> SignedManifest:
    """Make a custodian's home, keys and store; return what must be admitted."""
    home = store_of(made.home.root, number).parent
    home.mkdir(parents=True, mode=0o700)
    (home / "declaration.yaml").write_text(yaml.safe_dump(_declared(number, made.options.custodians)))
    shelf = made.shelf(number)
    shelf.put((key, each.email, each.customer, 1) for each in everybody for key in each.rows(number))
    shelf.close()
    own = worker_keys.create(home, secrets.token_bytes)
    declared = Declaration.model_validate(_declared(number, made.options.custodians))
    return sign_manifest(declared.manifest(own.declared), own.signer)


def _declared(number: int, of: int) -> dict[str, object]:
    """The first half is asked by address; the others need the customer id, which the registrar tells."""
    by_address = number < max(1, of // 2)
    provides = [{"kind": "customer_id", "link": "exact"}] if number == REGISTRAR else []
    return {
        "id": named(number),
        "owner": f"Team {number}",
        "needs": ["email" if by_address else "customer_id"],
        "provides": provides,
        "classes": [{"name": "records", "label": "Your records", "level": 1}],
    }


def _role(made: World, household: Household, name: str) -> Program:
    role = Role(name.partition("-")[0])
    serves = role is Role.API
    variables = {
        "DSAR_HOME": str(made.home.root),
        "DSAR_INSTANCE": name,
        "DSAR_KAFKA_BOOTSTRAP": made.bus.proxied,
        "DSAR_GRACE_SECONDS": str(GRACE_S),
        "DSAR_WATCH_DAYS": "",
        "DSAR_API_PORT": str(made.home.port("api")),
        f"DSAR_DATABASE_URL_{role.upper()}": household.url_of(role, made.database.proxied_url),
    }
    return Program(
        name=name,
        argv=("orchestrator.entrypoints.run", role),
        env=_environment(variables),
        ready=_answers(made.url) if serves else None,
        ready_within=READY_WITHIN_S,
        grace=STOP_WITHIN_S,
    )


def _keeper(made: World, number: int) -> Program:
    home = store_of(made.home.root, number).parent
    prefix = "DSAR_CUSTODIAN_"
    plugin = "Registrar" if number == REGISTRAR else "Keeper"
    variables = {
        f"{prefix}ENVIRONMENT": "local",
        f"{prefix}WORKER": f"{named(number)}-1",
        f"{prefix}HOME": str(home),
        f"{prefix}COMMAND_KEYS": str(Household(made.home.root).command_keys),
        f"{prefix}STORE": str(store_of(made.home.root, number)),
        f"{prefix}PLUGIN": f"tests.crash.keeper:{plugin}",
        f"{prefix}DECLARATION": str(home / "declaration.yaml"),
        f"{prefix}KAFKA": made.bus.proxied,
        f"{prefix}HEARTBEAT_S": str(HEARTBEAT_S),
    }
    return Program(
        name=named(number),
        argv=("custodians.cli:main", "run"),
        env=_environment(variables),
        grace=STOP_WITHIN_S + 10.0,  # a worker lets what runs end first
    )


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in environment().items() if not key.startswith("DSAR_")}
    return kept | {"PYTHONPATH": str(ROOT)} | dict(variables)


def _child(made: World, process: str, program: Program) -> Child:
    """Through the launcher, with what is to be planted in this process; failpoints in its first life only."""
    mutants = [part for name in made.options.mutants.get(process, ()) for part in ("--mutant", name)]
    failpoints = [part for name in made.options.failpoints.get(process, ()) for part in ("--failpoint", name)]
    launcher = (sys.executable, "-m", "tests.crash.launch", *mutants)
    launched = replace(program, argv=(*launcher, "--", *program.argv))
    first = replace(program, argv=(*launcher, *failpoints, "--", *program.argv)) if failpoints else None
    return Child(launched, made.home.log(program.name), first)
