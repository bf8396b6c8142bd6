"""The sample custodians of one machine: their stores, their homes, their processes. Each knows its own store only."""

import asyncio
import secrets
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import asyncpg
from sqlalchemy import make_url

from contracts.signed_manifest import SignedManifest
from orchestrator.embedded.home import write_private
from orchestrator.embedded.process import Program, environment

APPLICATION: Final = 1
"""The layer of everything that uses the services: it is stopped before them."""

HEARTBEAT_S: Final = 5
"""On one machine a silent custodian is to be seen at once."""


class Name(StrEnum):
    """Which samples there are."""

    USER_PROFILES = "user-profiles"
    TRANSACTION_HISTORY = "transaction-history"
    RECOMMENDATION_LOGS = "recommendation-logs"


IN_DATABASES: Final = (Name.USER_PROFILES, Name.TRANSACTION_HISTORY)


class SampleBroken(RuntimeError):
    """A sample custodian's own command failed. The message is what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sample custodian: a home of its own, and what its worker is told."""

    name: Name
    home: Path
    store: str
    command_keys: Path
    kafka: str
    environment: str

    @property
    def variables(self) -> Mapping[str, str]:
        """The whole environment of its processes."""
        prefix = "DSAR_CUSTODIAN_"
        return environment(
            {
                f"{prefix}ENVIRONMENT": self.environment,
                f"{prefix}WORKER": f"{self.name}-1",
                f"{prefix}HOME": str(self.home),
                f"{prefix}COMMAND_KEYS": str(self.command_keys),
                f"{prefix}STORE": self.store,
                f"{prefix}DATA_MAP": self.name,
                f"{prefix}KAFKA": self.kafka,
                f"{prefix}HEARTBEAT_S": str(HEARTBEAT_S),
            }
        )

    def program(self) -> Program:
        """Its worker."""
        return Program(name=self.name, argv=(*_command(), "run"), env=self.variables, layer=APPLICATION)

    async def make(self) -> SignedManifest:
        """Make its keys and fill its store with made-up people; return its manifest."""
        await _call((*_command(), "keys", "init"), self.variables)
        _, told = await asyncio.gather(self.seed(), _call((*_command(), "manifest"), self.variables))
        return SignedManifest.model_validate_json(told)

    async def seed(self) -> None:
        """Bring its made-up people back, as if nobody had ever been erased."""
        await _call((*_command(), "seed", self.name), self.variables)


def _command() -> tuple[str, ...]:
    return (str(Path(sys.executable).with_name("dsar-custodian")),)


async def _call(argv: tuple[str, ...], variables: Mapping[str, str]) -> bytes:
    child = await asyncio.create_subprocess_exec(*argv, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=variables)
    told, said = await child.communicate()
    if child.returncode:
        ending = said.decode(errors="replace")[-2000:]
        raise SampleBroken(f"dsar-custodian {' '.join(argv[1:])}: exit code {child.returncode}: {ending}")
    return told


async def prepared(root: Path, owner_url: str, *, command_keys: Path, kafka: str, environment: str) -> list[Sample]:
    """The samples of a home, each with a store of its own that is there and empty or filled already."""
    found = []
    for name in Name:
        home = root / "custodians" / name
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if name in IN_DATABASES:
            store = await _database(owner_url, f"sample_{name.replace('-', '_')}", _password(home / "store-password"))
        else:
            (home / "store").mkdir(exist_ok=True, mode=0o700)
            store = (home / "store").as_uri()
        found.append(
            Sample(
                name=name,
                home=home,
                store=store,
                command_keys=command_keys,
                kafka=kafka,
                environment=environment,
            )
        )
    return found


def _password(file: Path) -> str:
    if not file.exists():
        write_private(file, secrets.token_hex(24))
    return file.read_text(encoding="utf-8")


async def _database(owner_url: str, name: str, password: str) -> str:
    """A database that belongs to the sample alone: not even the orchestrator's logins may use it."""
    connection = await asyncpg.connect(owner_url)
    try:
        if not await connection.fetchval("select 1 from pg_roles where rolname = $1", name):
            await connection.execute(f"create role {name} login")
        await connection.execute(f"alter role {name} password '{password}'")  # hexadecimal: our own
        if not await connection.fetchval("select 1 from pg_database where datname = $1", name):
            await connection.execute(f"create database {name} owner {name}")
    finally:
        await connection.close()
    url = make_url(owner_url).set(username=name, password=password, database=name)
    return url.render_as_string(hide_password=False)


def needs(root: Path) -> bool:
    """Whether the samples of this home have not been made yet."""
    return not all((root / "custodians" / name / "keys").exists() for name in Name)
