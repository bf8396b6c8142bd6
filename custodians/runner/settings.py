"""Settings of a worker: from a YAML file, and from the environment, which wins."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from contracts.heartbeat import HEARTBEAT_SECONDS
from contracts.ids import WorkerId
from contracts.wire import WORD

PREFIX: Final = "DSAR_CUSTODIAN_"

HomePath = Annotated[Path, BeforeValidator(lambda given: Path(given).expanduser())]
"""A path in which `~` is one's own home."""


class WorkerSettings(BaseModel):
    """One worker of one custodian. Either `data_map`, or a class of one's own with its `declaration`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    environment: str = Field(pattern=WORD)
    worker: WorkerId = Field(pattern=WORD)
    home: HomePath  # its keys and its ledger
    command_keys: HomePath  # the orchestrator's public keys
    store: SecretStr  # the address of what it owns: its credential may be in it

    data_map: str | None = None  # a file, or the name of a sample
    plugin: str | None = None  # module:Class
    declaration: HomePath | None = None

    kafka: str
    kafka_prefix: str = ""
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    kafka_tls: bool = False

    heartbeat_s: float = HEARTBEAT_SECONDS
    health_host: str = "127.0.0.1"
    health_port: int | None = Field(default=None, ge=1, le=65_535)  # a door for probes and scrapers
    grace_s: float = 20.0  # how long a stop waits for what runs

    @model_validator(mode="after")
    def _names_one_custodian(self) -> Self:
        if (self.data_map is None) == (self.plugin is None):
            raise ValueError("name either a data map or a plugin")
        if (self.plugin is None) != (self.declaration is None):
            raise ValueError("a plugin needs a declaration, and only a plugin does")
        return self


def load(config: Path | None) -> WorkerSettings:
    """Read the settings; raise `ValidationError`, which shows no value."""
    given = yaml.safe_load(config.read_text()) if config is not None else {}
    if isinstance(given, Mapping):
        named = {name: f"{PREFIX}{name.upper()}" for name in WorkerSettings.model_fields}
        given = {**given, **{name: os.environ[variable] for name, variable in named.items() if variable in os.environ}}
    return WorkerSettings.model_validate(given)
