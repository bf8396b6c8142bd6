"""The whole system on one machine: services, roles and sample custodians, started in order and gone together.

This is what stays for as long as the system runs: it starts processes and keeps them. What they need is loaded by them.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from orchestrator.embedded.home import Home
from orchestrator.embedded.process import Condition, Program, environment
from orchestrator.embedded.services import Running, services
from orchestrator.embedded.supervisor import Supervisor
from orchestrator.entrypoints.machine import samples
from orchestrator.entrypoints.machine.errors import NotSetUp
from orchestrator.entrypoints.machine.household import Household
from orchestrator.entrypoints.machine.samples import Sample
from orchestrator.settings import Role, Settings

SETUP: Final = "orchestrator.entrypoints.machine.setup"
ROLES: Final = "orchestrator.entrypoints.run"
PROGRAMS: Final = (SETUP, ROLES)
"""Run by their names, and not imported here."""

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
    samples: Sequence[Sample]  # those that run


@asynccontextmanager
async def system(
    home: Home, settings: Settings, *, reseed: bool = False, without: Collection[samples.Name] = ()
) -> AsyncIterator[System]:
    """Start everything, in the order in which it needs each other; stop it the other way round.

    *reseed* fills the samples' stores anew, as if nobody had ever been erased. The samples of *without* are admitted
    like the others and asked like the others, but do not run. Raises `NotSetUp`.
    """
    start = _Start(home, settings)
    is_new = not start.household.token.exists()
    given = settings.database_url.get_secret_value() if settings.database_url else None
    set_up = partial(start.set_up, reseed=reseed)
    async with services(
        home, database_url=given, kafka_bootstrap=settings.kafka_bootstrap, meanwhile=set_up
    ) as running:
        start_up = running.supervisor.start
        await asyncio.gather(*(start_up(each) for each in start.roles(running.database_url)))
        present = [each for each in start.samples(running.database_url) if each.name not in without]
        for each in present:
            await start_up(each.program())
        home.announce("api", start.url)
        yield System(
            url=start.url,
            root=home.root,
            new_token=start.household.token.read_text(encoding="utf-8") if is_new else None,
            running=running,
            samples=present,
        )


class _Start:
    """What is known while the system starts."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self.home, self.settings = home, settings
        self.url = f"http://{settings.api_host}:{home.port('api')}"
        self.kafka = settings.kafka_bootstrap or f"127.0.0.1:{home.port('kafka')}"
        self.household = Household(home.root)

    async def set_up(self, supervisor: Supervisor, owner_url: str, *, reseed: bool) -> None:
        """Set the home up; it begins as soon as there is a database."""
        argv = (sys.executable, "-m", SETUP, *(["--reseed"] if reseed else []))
        ended = await supervisor.run(argv, env=environment(self._shared() | {"DSAR_DATABASE_URL": owner_url}))
        if ended.code:
            raise NotSetUp(ended.code, ended.output.strip())

    def samples(self, owner_url: str) -> list[Sample]:
        """The sample custodians, over the stores that were set up for them."""
        return samples.at_home(
            self.home.root,
            owner_url,
            command_keys=self.household.command_keys,
            kafka=self.kafka,
            environment=self.settings.environment,
        )

    def roles(self, owner_url: str) -> list[Program]:
        """The processes of the orchestrator, each with the logins and keys of its own roles."""
        return [self._program(name, roles, owner_url) for name, roles in PROCESSES.items()]

    def _program(self, name: str, roles: Sequence[Role], owner_url: str) -> Program:
        logins = {f"DSAR_DATABASE_URL_{role.upper()}": self.household.url_of(role, owner_url) for role in roles}
        serves = Role.API in roles
        return Program(
            name=name,
            argv=(sys.executable, "-m", ROLES, *roles),
            env=environment(self._shared() | logins),
            ports={"api": self.home.port("api")} if serves else {},
            ready=_answers(self.url) if serves else None,
            layer=samples.APPLICATION,
            grace=20.0,
        )

    def _shared(self) -> dict[str, str]:
        given = self.settings
        return {
            "DSAR_HOME": str(self.home.root),
            "DSAR_ENVIRONMENT": given.environment,
            "DSAR_CONTROLLER": given.controller,
            "DSAR_LOG_LEVEL": given.log_level,
            "DSAR_INSTANCE": given.instance,
            "DSAR_KAFKA_BOOTSTRAP": self.kafka,
            "DSAR_TOPIC_PREFIX": given.topic_prefix,
            "DSAR_GRACE_SECONDS": str(given.grace_seconds),
            "DSAR_WATCH_DAYS": ",".join(str(each.total_seconds() / 86_400) for each in given.watch_days),
            "DSAR_API_HOST": given.api_host,
            "DSAR_API_PORT": str(self.home.port("api")),
        }


def _answers(url: str) -> Condition:
    async def ready() -> bool:
        return await asyncio.to_thread(_is_ready, urlsplit(url).netloc)

    return ready


def _is_ready(host: str) -> bool:
    connection = HTTPConnection(host, timeout=2.0)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
