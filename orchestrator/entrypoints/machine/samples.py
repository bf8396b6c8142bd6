"""The sample custodians of one machine: their stores, their homes, their processes. Each knows its own store only."""

import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from orchestrator.embedded.home import write_private
from orchestrator.embedded.process import Program, environment
from orchestrator.entrypoints.machine.household import logged_in

APPLICATION: Final = 1
"""The layer of everything that uses the services: it is stopped before them."""

HEARTBEAT_S: Final = 5
"""On one machine a silent custodian is to be seen at once."""


WORKER: Final = "custodians.commands.worker"
"""What `dsar-custodian run` does, run by its name."""


class Name(StrEnum):
    """Which samples there are."""

    USER_PROFILES = "user-profiles"
    TRANSACTION_HISTORY = "transaction-history"
    RECOMMENDATION_LOGS = "recommendation-logs"


IN_DATABASES: Final = (Name.USER_PROFILES, Name.TRANSACTION_HISTORY)


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
        return Program(name=self.name, argv=(sys.executable, "-m", WORKER), env=self.variables, layer=APPLICATION)


def command() -> tuple[str, ...]:
    """The custodian teams' own tool, beside this Python."""
    return (str(Path(sys.executable).with_name("dsar-custodian")),)


def at_home(root: Path, owner_url: str, *, command_keys: Path, kafka: str, environment: str) -> list[Sample]:
    """The samples of a home, each with a store of its own: a database on this server, or a folder."""
    return [
        Sample(
            name=name,
            home=root / "custodians" / name,
            store=_store(root / "custodians" / name, name, owner_url),
            command_keys=command_keys,
            kafka=kafka,
            environment=environment,
        )
        for name in Name
    ]


def _store(home: Path, name: Name, owner_url: str) -> str:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if name in IN_DATABASES:
        login = login_of(name)
        return logged_in(owner_url, login, store_password(home), database=login)
    (home / "store").mkdir(exist_ok=True, mode=0o700)
    return (home / "store").as_uri()


def login_of(name: Name) -> str:
    """The login of a sample that lives in a database, and the name of that."""
    return f"sample_{name.replace('-', '_')}"


def store_password(home: Path) -> str:
    """The password of that login, made once."""
    file = home / "store-password"
    if not file.exists():
        write_private(file, secrets.token_hex(24))
    return file.read_text(encoding="utf-8")
