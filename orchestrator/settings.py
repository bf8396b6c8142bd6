"""What an operator decides: read from the environment (`DSAR_…`), from files of that name, and from nowhere else.

Only wiring and entrypoints read settings; everything below gets values as arguments.
"""

import os
import socket
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contracts.command import Lane
from contracts.wire import WORD

PREFIX: Final = "DSAR_"
SECRETS_DIR: Final = "DSAR_SECRETS_DIR"
"""A folder of files named like the variables in lower case (`dsar_database_url_api`): how containers get secrets."""


class BadSettings(ValueError):
    """A variable is missing or cannot be right. The message names it, and never repeats a value."""


class Role(StrEnum):
    """A part of the program with a database login of its own."""

    API = "api"
    ENGINE = "engine"
    DISPATCHER_ACCESS = "dispatcher_access"
    DISPATCHER_ERASURE = "dispatcher_erasure"
    REPORTER = "reporter"
    NOTARY = "notary"

    @property
    def login(self) -> str:
        """The database role it logs in as."""
        return f"dsar_{self}"

    @property
    def lane(self) -> Lane | None:
        """The lane it dispatches, if it is a dispatcher."""
        lanes = {Role.DISPATCHER_ACCESS: Lane.ACCESS, Role.DISPATCHER_ERASURE: Lane.ERASURE}
        return lanes.get(self)


def _days(given: object) -> object:
    """`1,7,30` as a schedule; nothing at all is an empty one."""
    if not isinstance(given, str):
        return given
    try:
        return tuple(timedelta(days=float(each)) for each in given.split(",") if each.strip())
    except ValueError:
        raise ValueError("expected days with commas between them, as in 1,7,30") from None


Schedule = Annotated[tuple[timedelta, ...], NoDecode, BeforeValidator(_days)]


class Settings(BaseSettings):
    """All of them. What a role needs and may lack is asked for by a method, which names the variable."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    environment: str = Field(default="local", pattern=WORD, min_length=1)
    home: Path = Path("~/.dsar")
    controller: str = Field(default="Example Company", max_length=200)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    database_url: SecretStr | None = None  # of the owner: migrations and the embedded server only
    database_url_api: SecretStr | None = None
    database_url_engine: SecretStr | None = None
    database_url_dispatcher_access: SecretStr | None = None
    database_url_dispatcher_erasure: SecretStr | None = None
    database_url_reporter: SecretStr | None = None
    database_url_notary: SecretStr | None = None

    instance: str = Field(default_factory=socket.gethostname, pattern=WORD)  # of a role that runs more than once

    kafka_bootstrap: str | None = None
    topic_prefix: str = Field(default="", pattern=WORD)
    topic_replicas: int = Field(default=1, ge=1)  # as many as there are brokers, three at most
    blob_url: str | None = None

    link_kek_file: Path | None = None
    reply_kek_file: Path | None = None
    blind_key_file: Path | None = None
    command_key_access_file: Path | None = None
    command_key_erasure_file: Path | None = None
    approvers_file: Path | None = None

    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8080, ge=0, le=65_535)
    public_url: str | None = None
    health_host: str = "127.0.0.1"
    health_port: int | None = Field(default=None, ge=1, le=65_535)  # of every role: a door for probes and scrapers

    grace_seconds: float = Field(default=3 * 24 * 3600.0, ge=0)
    watch_days: Schedule = (timedelta(days=1), timedelta(days=7), timedelta(days=30))

    @classmethod
    def read(cls, **given: Any) -> Self:  # noqa: ANN401 - each field has a type of its own
        """Read the environment; *given* wins over it. Raise `BadSettings` with the names of all that is wrong."""
        try:
            return cls(_secrets_dir=os.environ.get(SECRETS_DIR), **given)
        except ValidationError as error:
            raise BadSettings("; ".join(_told(each["loc"], each["msg"]) for each in error.errors())) from None

    @property
    def root(self) -> Path:
        """The home folder, absolute."""
        return self.home.expanduser().absolute()

    @property
    def grace(self) -> timedelta:
        """How long an approved erasure can still be stopped."""
        return timedelta(seconds=self.grace_seconds)

    def owner_url(self) -> str:
        """The database URL of the owner, for migrations."""
        return self._secret("database_url")

    def database_url_of(self, role: Role) -> str:
        """The database URL of *role*."""
        return self._secret(f"database_url_{role}")

    def bootstrap(self) -> str:
        """Where Kafka is."""
        return self._text("kafka_bootstrap")

    def blobs(self) -> str:
        """Where ciphertext is kept: by default a folder of the home."""
        return self.blob_url or (self.root / "blobs").as_uri()

    def upload_url(self) -> str:
        """The address of the API as custodians reach it."""
        return (self.public_url or f"http://{self.api_host}:{self.api_port}").rstrip("/")

    def link_kek(self) -> Path:
        """The file of the key that wraps link keys."""
        return self._key(self.link_kek_file, "link.kek")

    def reply_kek(self) -> Path:
        """The file of the key that wraps reply keys."""
        return self._key(self.reply_kek_file, "reply.kek")

    def blind_key(self) -> Path:
        """The file of the key that blinds identifiers."""
        return self._key(self.blind_key_file, "blind.key")

    def command_key(self, lane: Lane) -> Path:
        """The file of the key that signs the commands of *lane*."""
        given = {Lane.ACCESS: self.command_key_access_file, Lane.ERASURE: self.command_key_erasure_file}[lane]
        return self._key(given, f"command-{lane}.pem")

    def approvers(self) -> Path:
        """The file that says whose signatures count."""
        return self.approvers_file or self.root / "approvers.toml"

    def _key(self, given: Path | None, name: str) -> Path:
        return given or self.root / "keys" / name

    def _secret(self, name: str) -> str:
        value: SecretStr | None = getattr(self, name)
        if value is None or not value.get_secret_value():
            raise _missing(name)
        return value.get_secret_value()

    def _text(self, name: str) -> str:
        value: str | None = getattr(self, name)
        if not value:
            raise _missing(name)
        return value


def _missing(name: str) -> BadSettings:
    variable = f"{PREFIX}{name.upper()}"
    return BadSettings(f"{variable} is not set; set it, or put it into the file {variable.lower()} in ${SECRETS_DIR}")


def _told(where: tuple[int | str, ...], what: str) -> str:
    return f"{PREFIX}{str(where[0]).upper() if where else '?'}: {what}"
