"""A worker's keys: its own in its home folder, and the orchestrator's, pinned by lane."""

import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from contracts.command import Lane
from contracts.keys import KEY_BYTES, KeyRing, PublicSigningKey, SealingKey, SigningKey
from contracts.manifest import KeyDeclared, KeyUse

SIGN: Final = "sign.pem"
SEAL: Final = "seal.pem"
OLDER_SEALS: Final = "seal-*.pem"
LEDGER: Final = "ledger.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerKeys:
    """What a worker signs with, what it can open, and what it locks its work lists with."""

    signer: SigningKey
    seal: SealingKey
    sealers: Mapping[str, SealingKey]  # by kid, with those that were rotated out and may still be in use
    ledger: bytes = field(repr=False)

    @property
    def declared(self) -> tuple[KeyDeclared, ...]:
        """The public halves, as the manifest names them."""
        return (
            KeyDeclared(use=KeyUse.SIGN, public=b64encode(self.signer.public).decode()),
            KeyDeclared(use=KeyUse.SEAL, public=b64encode(self.seal.public).decode()),
        )

    @property
    def kids(self) -> tuple[str, ...]:
        """All kids, for the heartbeat."""
        return (self.signer.kid, *self.sealers)


def create(home: Path, secret: Callable[[int], bytes]) -> WorkerKeys:
    """Make the keys that are missing; what is there stays as it is."""
    folder = home / "keys"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (folder / SIGN).exists():
        SigningKey.generate(secret(KEY_BYTES)).save(folder / SIGN)
    if not (folder / SEAL).exists():
        SealingKey.generate(secret(KEY_BYTES)).save(folder / SEAL)
    if not (folder / LEDGER).exists():
        descriptor = os.open(folder / LEDGER, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret(KEY_BYTES))
    return load(home)


def load(home: Path) -> WorkerKeys:
    """Read the keys of *home*; raise `FileNotFoundError` or `WrongKeyFile`."""
    folder = home / "keys"
    seal = SealingKey.load(folder / SEAL)
    older = [SealingKey.load(path) for path in sorted(folder.glob(OLDER_SEALS))]
    return WorkerKeys(
        signer=SigningKey.load(folder / SIGN),
        seal=seal,
        sealers={key.kid: key for key in (seal, *older)},
        ledger=(folder / LEDGER).read_bytes(),
    )


class CommandKey(BaseModel):
    """A key of the orchestrator, as the file of pinned keys names it. Times are seconds since the epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lane: Lane
    public: str  # base64 of 32 raw bytes
    not_before: int = 0
    retire_after: int | None = None
    revoked_at: int | None = None

    def pinned(self) -> PublicSigningKey:
        return PublicSigningKey.of_lane(
            self.lane,
            b64decode(self.public, validate=True),
            not_before=self.not_before,
            retire_after=self.retire_after,
            revoked_at=self.revoked_at,
        )


_COMMAND_KEYS: Final = TypeAdapter(list[CommandKey])


def command_ring(path: Path) -> KeyRing:
    """Read the orchestrator's command keys: a list of `{lane, public, …}` in YAML or JSON."""
    return KeyRing(key.pinned() for key in _COMMAND_KEYS.validate_python(yaml.safe_load(path.read_text())))
