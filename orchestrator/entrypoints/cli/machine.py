"""`dsar demo`, `dsar up`, `dsar run`, `dsar db`: the programs of a machine, beside those that talk to the API."""

import asyncio
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from contracts.bus.connection import Connection
from orchestrator import telemetry
from orchestrator.audit.outside import UnfitLog
from orchestrator.embedded.errors import EmbeddedError, HomeInUse, StopRequested
from orchestrator.entrypoints import run as role_program
from orchestrator.entrypoints.cli.client import Code, Failed, failing
from orchestrator.entrypoints.cli.output import AsJson, as_document, facts, line
from orchestrator.entrypoints.machine import bootstrap
from orchestrator.entrypoints.machine.cast import Refused
from orchestrator.entrypoints.machine.curtain import as_json as told
from orchestrator.entrypoints.machine.curtain import as_lines
from orchestrator.entrypoints.machine.demo import DemoStuck
from orchestrator.entrypoints.machine.demo import demo as play
from orchestrator.entrypoints.machine.household import Household
from orchestrator.entrypoints.machine.samples import Name, SampleBroken
from orchestrator.entrypoints.machine.up import up as keep_up
from orchestrator.entrypoints.machine.view import View
from orchestrator.entrypoints.topics import make_topics
from orchestrator.entrypoints.working import Refuses
from orchestrator.settings import BadSettings, Role, Settings
from orchestrator.store import schema
from orchestrator.store.session import connect, transactions

demo_app = typer.Typer(rich_markup_mode=None, add_completion=False)
up_app = typer.Typer(rich_markup_mode=None, add_completion=False)
run_app = typer.Typer(rich_markup_mode=None, add_completion=False)
db_app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@demo_app.command()
def demo(*, as_json: AsJson = False) -> None:
    """Drive one access and one erasure request to their ends on this machine, and stop everything again."""
    telemetry.configure("demo", level="warning")
    with failing(as_json=as_json), in_words():
        played = play(Settings.read(), View(Console(), silent=as_json))
    if as_json:
        as_document(told(played))
    else:
        for each in as_lines(played):
            line(each)


Without = Annotated[
    list[Name] | None,
    typer.Option(
        "--without",
        metavar="|".join(Name),
        help="Do not start this sample: see what it means that a custodian is away. May be repeated.",
    ),
]


@up_app.command()
def up(without: Without = None) -> None:
    """Keep the whole system running in the foreground: services, roles, three sample custodians. Ctrl-C stops it."""
    telemetry.configure("up", level="warning")
    with failing(as_json=False), in_words():
        keep_up(Settings.read(), without=without or [])


@run_app.command()
def run(roles: Annotated[list[Role], typer.Argument(help="One or more: " + ", ".join(Role) + ".")]) -> None:
    """Run roles in this process until SIGTERM, as the environment says (DSAR_…)."""
    with failing(as_json=False), in_words():
        role_program.run(roles)


@db_app.command()
def migrate(*, as_json: AsJson = False) -> None:
    """Bring the database up to date and give every role its login. Safe to repeat; a job of its own, as the owner."""
    with failing(as_json=as_json), in_words():
        settings = Settings.read()
        household = Household(settings.root)
        household.furnish_logins(secrets.token_bytes)
        revision = asyncio.run(schema.migrate(settings.owner_url(), household.passwords()))
    if as_json:
        as_document({"revision": revision})
    else:
        facts([("revision", revision), ("logins", ", ".join(role.login for role in Role))])


@db_app.command()
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


@db_app.command()
def admin(*, as_json: AsJson = False) -> None:
    """Add an admin without the API: the first one, or when nobody can log in any more. The log names it."""
    with failing(as_json=as_json), in_words():
        token = asyncio.run(_new_admin(Settings.read().database_url_of(Role.API)))
    if as_json:
        as_document({"token": token})
    else:
        line(f"{token}   (shown once)")


@db_app.command()
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


@contextmanager
def in_words() -> Iterator[None]:
    """Turn what can go wrong on a machine into a message and an exit code."""
    try:
        yield
    except BadSettings as bad:
        raise Failed(Code.USAGE, str(bad)) from None
    except StopRequested:
        sys.exit(Code.OK)
    except HomeInUse as taken:
        raise Failed(Code.CONFLICT, str(taken)) from None
    except EmbeddedError as broken:
        raise Failed(Code.UNREACHABLE, str(broken)) from None
    except (DemoStuck, Refused, Refuses, SampleBroken, UnfitLog) as stuck:
        raise Failed(Code.REFUSED, str(stuck)) from None
    except OSError as error:
        raise Failed(Code.UNREACHABLE, f"not reachable: {type(error).__name__}") from None
