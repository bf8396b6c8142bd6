"""`dsar db`: the database and the topics of a deployment, by whoever owns them."""

import asyncio
import secrets

import typer

from contracts.bus.connection import Connection
from orchestrator.entrypoints.cli.codes import Code, failing
from orchestrator.entrypoints.cli.mishaps import in_words
from orchestrator.entrypoints.cli.output import AsJson, as_document, facts, line
from orchestrator.entrypoints.machine import bootstrap
from orchestrator.entrypoints.machine.furnishing import furnish_logins
from orchestrator.entrypoints.machine.household import Household
from orchestrator.entrypoints.topics import make_topics
from orchestrator.settings import Role, Settings
from orchestrator.store import schema
from orchestrator.store.migrating import migrate as bring_up_to_date
from orchestrator.store.session import connect, transactions

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.command()
def migrate(*, as_json: AsJson = False) -> None:
    """Bring the database up to date and give every role its login. Safe to repeat; a job of its own, as the owner."""
    with failing(as_json=as_json), in_words():
        settings = Settings.read()
        household = Household(settings.root)
        furnish_logins(household, secrets.token_bytes)
        revision = asyncio.run(bring_up_to_date(settings.owner_url(), household.passwords()))
    if as_json:
        as_document({"revision": revision})
    else:
        facts([("revision", revision), ("logins", ", ".join(role.login for role in Role))])


@app.command()
def topics(*, as_json: AsJson = False) -> None:
    """Make the Kafka topics that are missing, with their settings. Safe to repeat; nothing else makes one."""
    with failing(as_json=as_json), in_words():
        settings = Settings.read()
        bus = Connection(bootstrap=settings.bootstrap(), client_id="dsar-topics", prefix=settings.topic_prefix)
        made = asyncio.run(make_topics(bus, replicas=settings.topic_replicas))
    if as_json:
        as_document({"made": made})
    else:
        line("made " + ", ".join(made) if made else "all topics are there")


@app.command()
def admin(*, as_json: AsJson = False) -> None:
    """Add an admin without the API: the first one, or when nobody can log in any more. The log names it."""
    with failing(as_json=as_json), in_words():
        token = asyncio.run(_new_admin(Settings.read().database_url_of(Role.API)))
    if as_json:
        as_document({"token": token})
    else:
        line(f"{token}   (shown once)")


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Say which revision the database has, and which one this program needs; exit 1 if they differ."""
    with failing(as_json=as_json), in_words():
        has = asyncio.run(_revision(Settings.read().owner_url()))
    needs = schema.head()
    if as_json:
        as_document({"database": has, "program": needs})
    else:
        facts([("database", has or "empty"), ("program", needs)])
    if has != needs:
        raise typer.Exit(Code.REFUSED)


async def _new_admin(url: str) -> str:
    engine = connect(url, pool_size=1)
    try:
        return await bootstrap.new_admin(transactions(engine))
    finally:
        await engine.dispose()


async def _revision(url: str) -> str | None:
    engine = connect(url, pool_size=1)
    try:
        async with transactions(engine)() as tx:
            return await schema.revision(tx)
    finally:
        await engine.dispose()
