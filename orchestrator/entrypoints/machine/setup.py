"""Setting up a home, in a process that ends: `python -m orchestrator.entrypoints.machine.setup [--reseed]`.

What it needs for that (migrations, keys, the bus) is not held by the one that keeps the system running. It is told what
the roles are told, and the database's address as its owner.
"""

import asyncio
import secrets
import sys

import uvloop

from contracts.bus.connection import Connection, reached
from contracts.signed_manifest import SignedManifest
from orchestrator import telemetry
from orchestrator.embedded.home import write_private
from orchestrator.entrypoints.machine import bootstrap, filling, samples
from orchestrator.entrypoints.machine.furnishing import furnish
from orchestrator.entrypoints.machine.household import Household
from orchestrator.entrypoints.topics import make_topics
from orchestrator.entrypoints.watch import check
from orchestrator.entrypoints.working import Refuses
from orchestrator.settings import Role, Settings
from orchestrator.store.migrating import migrate
from orchestrator.store.session import Transactions, connect, transactions

RESEED = "--reseed"
REFUSED, UNREACHABLE = 1, 3


async def set_up(settings: Settings, *, reseed: bool) -> None:
    """Make what is missing: keys, logins, schema, samples, the first admin, topics. Safe to repeat.

    *reseed* fills the samples' stores anew. Raises `RecoveryNeeded` if the database fell back to a backup. The broker
    comes last, and is waited for: it is what takes longest to start.
    """
    household = Household(settings.root)
    furnish(household, settings, secrets.token_bytes)
    found = samples.at_home(
        settings.root,
        settings.owner_url(),
        command_keys=household.command_keys,
        kafka=settings.bootstrap(),
        environment=settings.environment,
    )
    await filling.make_databases(settings.owner_url(), found)
    manifests, _ = await asyncio.gather(
        filling.fill(settings.root, found, reseed=reseed), migrate(settings.owner_url(), household.passwords())
    )
    await _begin(household, settings, manifests)
    bus = Connection(bootstrap=settings.bootstrap(), client_id="dsar-setup", prefix=settings.topic_prefix)
    await reached(bus, asyncio.Event())
    await make_topics(bus, replicas=settings.topic_replicas)


async def _begin(household: Household, settings: Settings, manifests: list[SignedManifest]) -> None:
    """What is written through the API's own login, before there is an API."""
    engine = connect(household.url_of(Role.API, settings.owner_url()), pool_size=2)
    try:
        transaction = transactions(engine)
        await check(transaction, settings.root)
        if not household.token.exists():
            await _first_admin(household, transaction)
        await bootstrap.admit(transaction, manifests)
    finally:
        await engine.dispose()


async def _first_admin(household: Household, transaction: Transactions) -> None:
    """Make the first admin; the token is kept for this machine's own command line."""
    write_private(household.token, await bootstrap.new_admin(transaction))


def main() -> None:
    """Say in a line what is wrong, and in the exit code of which kind it is."""
    telemetry.configure("setup", level="error")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(set_up(Settings.read(), reseed=RESEED in sys.argv[1:]))
    except (Refuses, filling.SampleBroken) as refused:
        _end(REFUSED, str(refused))
    except OSError as error:
        _end(UNREACHABLE, f"not reachable: {type(error).__name__}")


def _end(code: int, told: str) -> None:
    sys.stderr.write(f"{told}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
