"""The port to whoever keeps the keys that wrap a request's keys, and the one that keeps them in a file."""

import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEK_BYTES: Final = 32
NONCE_BYTES: Final = 12
OTHERS: Final = 0o077
"""The permission bits of everyone but the owner."""


class CannotUnwrap(Exception):
    """Wrapped under another key or for another context, or altered. It says no more."""


class UnfitKeyFile(ValueError):
    """The file cannot serve as a key-encrypting key. The message names the file, never its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """A secret under a key-encrypting key, and which one."""

    kek_id: str
    ciphertext: bytes = field(repr=False)

    def to_bytes(self) -> bytes:
        """Return one value for a column."""
        return self.kek_id.encode() + b":" + self.ciphertext

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read `to_bytes` back; raise `CannotUnwrap` if it is something else."""
        kek_id, colon, ciphertext = data.partition(b":")
        if not (colon and kek_id.isascii()):
            raise CannotUnwrap("not a wrapped key")
        return cls(kek_id=kek_id.decode(), ciphertext=ciphertext)


class Kms(Protocol):
    """Wraps and unwraps short secrets. A process holds one for each use that it may unwrap, and no other.

    *context* says what the secret is for; unwrapping under any other context fails.
    """

    async def wrap(self, plaintext: bytes, context: bytes) -> Wrapped: ...

    async def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes: ...


class FileKms:
    """AES-256-GCM under a key in a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        secret = _read(path)
        self._cipher = AESGCM(secret)
        self.kek_id = hmac.digest(secret, b"dsar-kek-id-v1", "sha256")[:8].hex()

    @staticmethod
    def create(path: Path, secret: bytes) -> None:
        """Write a new key file; raise `FileExistsError` rather than overwrite: all that it wraps would be lost."""
        if len(secret) != KEK_BYTES:
            raise ValueError(f"a key-encrypting key has {KEK_BYTES} bytes")
        unfinished = path.with_name(f".{path.name}.unfinished")
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        with _removed_after(unfinished):
            os.link(unfinished, path)

    async def wrap(self, plaintext: bytes, context: bytes) -> Wrapped:
        nonce = os.urandom(NONCE_BYTES)  # drawn here, as a remote service would
        return Wrapped(kek_id=self.kek_id, ciphertext=nonce + self._cipher.encrypt(nonce, plaintext, context))

    async def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        if wrapped.kek_id != self.kek_id:
            raise CannotUnwrap("wrapped under another key")
        nonce, ciphertext = wrapped.ciphertext[:NONCE_BYTES], wrapped.ciphertext[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, ciphertext, context)
        except (InvalidTag, ValueError):
            raise CannotUnwrap("not wrapped for this context") from None


def _read(path: Path) -> bytes:
    if path.stat().st_mode & OTHERS:
        raise UnfitKeyFile(f"{path}: others than its owner can open it")
    secret = path.read_bytes()
    if len(secret) != KEK_BYTES:
        raise UnfitKeyFile(f"{path}: not {KEK_BYTES} bytes")
    return secret


@contextmanager
def _removed_after(path: Path) -> Iterator[None]:
    try:
        yield
    finally:
        path.unlink()
