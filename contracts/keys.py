"""Keys: private ones in files of their own, public ones in a ring that knows who may say what, and when."""

import os
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from joserfc.jwk import OKPKey

from contracts.command import LANE_OF, Lane, Operation
from contracts.ids import CustodianId

KEY_BYTES: Final = 32
CLOCK_TOLERANCE_S: Final = 120
"""How far two clocks may lie apart."""


class WrongKeyFile(ValueError):
    """The file holds no private key of the kind that was asked for. The message names the file, never its content."""


def kid_of(public: bytes) -> str:
    """Return the key id of a raw public key: the first 8 bytes of its SHA-256, in hex."""
    return sha256(public).digest()[:8].hex()


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 private key. Make it from a secret seed of 32 bytes, or load it."""

    private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls, seed: bytes) -> Self:
        """Return the key of *seed*: 32 bytes that nobody can guess."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the PEM file *path*; raise `WrongKeyFile` if it holds something else."""
        private = _load(path)
        if not isinstance(private, Ed25519PrivateKey):
            raise WrongKeyFile(f"{path}: not an Ed25519 private key")
        return cls(private)

    def save(self, path: Path) -> None:
        """Write a PEM file that only its owner can read; raise `FileExistsError` rather than overwrite a key."""
        _save(path, self.private)

    @cached_property
    def public(self) -> bytes:
        """The raw public key."""
        return self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @cached_property
    def kid(self) -> str:
        """The id of the public key."""
        return kid_of(self.public)

    def sign(self, data: bytes) -> bytes:
        """Return the raw signature, 64 bytes. The same data gives the same signature."""
        return self.private.sign(data)


@dataclass(frozen=True)
class SealingKey:
    """An X25519 private key: opens what was sealed to its public half."""

    private: X25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls, seed: bytes) -> Self:
        """Return the key of *seed*: 32 bytes that nobody can guess."""
        return cls(X25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the PEM file *path*; raise `WrongKeyFile` if it holds something else."""
        private = _load(path)
        if not isinstance(private, X25519PrivateKey):
            raise WrongKeyFile(f"{path}: not an X25519 private key")
        return cls(private)

    def save(self, path: Path) -> None:
        """Write a PEM file that only its owner can read; raise `FileExistsError` rather than overwrite a key."""
        _save(path, self.private)

    @cached_property
    def public(self) -> bytes:
        """The raw public key."""
        return self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @cached_property
    def kid(self) -> str:
        """The id of the public key."""
        return kid_of(self.public)

    @cached_property
    def jwk(self) -> OKPKey:
        """The key as the sealing library holds it, made once; told its public half, it never writes the private one."""
        public = urlsafe_b64encode(self.public).rstrip(b"=").decode()
        return OKPKey(self.private, {"crv": "X25519", "x": public})


def _load(path: Path) -> object:
    try:
        return load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):  # not PEM, or under a password
        raise WrongKeyFile(f"{path}: not an unencrypted PEM private key") from None


def _save(path: Path, private: Ed25519PrivateKey | X25519PrivateKey) -> None:
    text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSigningKey:
    """A pinned public key: whose it is, what it may order (None: nothing, it answers), and when it counts.

    Times are seconds since the epoch. A key that was retired did sign what is dated before; a revoked one is never
    believed again from that moment on, whatever date its holder writes.
    """

    public: bytes
    owner: str
    operations: frozenset[Operation] | None = None
    not_before: int = 0
    retire_after: int | None = None
    revoked_at: int | None = None
    kid: str = field(init=False)

    def __post_init__(self) -> None:
        if len(self.public) != KEY_BYTES:
            raise ValueError(f"a public key has {KEY_BYTES} bytes")
        object.__setattr__(self, "kid", kid_of(self.public))

    @classmethod
    def of_lane(
        cls,
        lane: Lane,
        public: bytes,
        *,
        not_before: int = 0,
        retire_after: int | None = None,
        revoked_at: int | None = None,
    ) -> Self:
        """Pin the command key of a lane: it may order the operations of that lane and no other."""
        return cls(
            public=public,
            owner=f"dispatcher/{lane}",
            operations=frozenset(operation for operation, its in LANE_OF.items() if its is lane),
            not_before=not_before,
            retire_after=retire_after,
            revoked_at=revoked_at,
        )

    @classmethod
    def of_custodian(
        cls,
        custodian: CustodianId,
        public: bytes,
        *,
        not_before: int = 0,
        retire_after: int | None = None,
        revoked_at: int | None = None,
    ) -> Self:
        """Pin the answering key of a custodian: it orders nothing."""
        return cls(
            public=public,
            owner=custodian,
            not_before=not_before,
            retire_after=retire_after,
            revoked_at=revoked_at,
        )

    def counts(self, now: int, *, dated: int | None = None, retired_s: int = 0) -> bool:
        """Whether what this key signed is believed *now*, if it is *dated* so (else as if it were signed now).

        Of a retired key, up to *retired_s* seconds longer: for readers that cannot trust the date.
        """
        if self.revoked_at is not None and now >= self.revoked_at:
            return False
        signed_at = now if dated is None else dated
        if self.retire_after is not None and signed_at > self.retire_after + retired_s + CLOCK_TOLERANCE_S:
            return False
        return signed_at >= self.not_before - CLOCK_TOLERANCE_S


class KeyRing(Mapping[str, PublicSigningKey]):
    """All pinned keys by kid. Never changes: a reader that reloads takes a new ring."""

    def __init__(self, keys: Iterable[PublicSigningKey] = ()) -> None:
        self._keys = {key.kid: key for key in keys}

    def __getitem__(self, kid: str) -> PublicSigningKey:
        return self._keys[kid]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)
