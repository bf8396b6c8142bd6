"""Ciphertext in an object store, written once: uploaded parts and the pieces of finished reports."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore, from_url

from contracts.ids import RequestId, TaskId

CHUNK_BYTES: Final = 256 * 1024


class BlobRefused(Exception):
    """Give up: this body cannot be stored under this name. Nothing was written."""


class TooLarge(BlobRefused):
    """More bytes than allowed."""


class WrongDigest(BlobRefused):
    """The bytes are not the announced ones."""


class AnotherBlob(BlobRefused):
    """The name holds other bytes already, and keeps them."""


class BlobMissing(LookupError):
    """Nothing is stored under this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What lies in the store: *new* if this call put it there, else it was there before, byte by byte."""

    size: int
    digest: str
    new: bool


def part_name(request: RequestId, task: TaskId, issue_no: int, n: int) -> str:
    """Name part *n* of an issue."""
    return f"{request}/{task}/{issue_no}/{n}"


def report_name(request: RequestId, version: int, n: int) -> str:
    """Name piece *n* of a version of the report."""
    return f"{request}/report/{version}/{n}"


class Blobs:
    """An object store by address: `file:///folder`, `s3://bucket/folder`, …; credentials come from the environment."""

    def __init__(self, url: str) -> None:
        self._store = from_url(url, mkdir=True) if url.startswith("file:") else from_url(url)

    async def put_stream(
        self, name: str, body: AsyncIterator[bytes], *, limit: int, digest: str | None = None
    ) -> Stored:
        """Store *body* under *name*, whole and durable or not at all; raise `BlobRefused` otherwise.

        Up to *limit* bytes are held in memory until the body is complete and, if *digest* is given, is what was
        announced: what breaks off half-way leaves nothing, and a damaged upload does not block its name. The same
        bytes may be stored again.
        """
        data, actual = await _gathered(body, limit)
        if digest is not None and digest != actual:
            raise WrongDigest(name)
        try:
            await self._store.put_async(name, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            await self._compare(name, actual)
            new = False
        else:
            new = True
        await self._make_durable(name)
        return Stored(size=len(data), digest=actual, new=new)

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """Yield what is stored, in chunks; raise `BlobMissing` if there is nothing."""
        try:
            found = await self._store.get_async(name)
        except FileNotFoundError:
            raise BlobMissing(name) from None
        async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
            yield bytes(chunk)

    async def delete(self, name: str) -> None:
        """Remove what is stored, if it is. May be repeated."""
        try:
            await self._store.delete_async(name)
        except FileNotFoundError:
            return

    async def delete_request(self, request: RequestId) -> int:
        """Remove all parts and reports of a request; return how many there were. May be repeated."""
        return await self._delete_under(f"{request}/")

    async def delete_report(self, request: RequestId, version: int) -> int:
        """Remove what an earlier try to build this version left: a new try has a new key, so other bytes."""
        return await self._delete_under(f"{request}/report/{version}/")

    async def _delete_under(self, folder: str) -> int:
        count = 0
        async for listed in self._store.list(folder):
            for each in listed:
                await self.delete(each["path"])
                count += 1
        return count

    async def _compare(self, name: str, digest: str) -> None:
        there = sha256()
        async for chunk in self.read(name):
            there.update(chunk)
        if there.hexdigest() != digest:
            raise AnotherBlob(name)

    async def _make_durable(self, name: str) -> None:
        # the folder store does not sync: after a power cut a part that an answer counts on would be empty
        if isinstance(self._store, LocalStore) and self._store.prefix is not None:
            await asyncio.to_thread(_sync, Path(self._store.prefix), name)


async def _gathered(body: AsyncIterator[bytes], limit: int) -> tuple[bytes, str]:
    data, digest = bytearray(), sha256()
    async for chunk in body:
        if len(data) + len(chunk) > limit:
            raise TooLarge(f"over {limit} bytes")
        data += chunk
        digest.update(chunk)
    return bytes(data), digest.hexdigest()


def _sync(root: Path, name: str) -> None:
    path = root / name
    for each in (path, *path.relative_to(root).parents):
        descriptor = os.open(root / each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
