"""Ciphertext in an object store, written once: uploaded parts and the pieces of finished reports."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from obstore import Bytes
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, from_url

from contracts.ids import RequestId, TaskId


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Bytes that are to be stored under a name, and what their SHA-256 was announced to be, in hex."""

    name: str
    data: bytes = field(repr=False)
    digest: str


NotStored = BlobRefused | OSError | BaseError
"""Why one blob was not stored: refused for what it is, or the store failed."""


def part_name(request: RequestId, task: TaskId, issue_no: int, n: int) -> str:
    """Name part *n* of an issue: all of a request lie in one folder, since each folder is made durable by itself."""
    return f"{request}/{task}.{issue_no}.{n}"


def report_name(request: RequestId, version: int, key: bytes, n: int) -> str:
    """Name piece *n* of a version of the report under its content key.

    Each try to build it has a key, so pieces of its own: two reporters, of which one has lost its lock without knowing,
    never mix theirs. What a try that was cut off left stays, unreadable, until all of the request is deleted.
    """
    return f"{request}/report.{version}.{sha256(key).hexdigest()[:16]}.{n}"


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
        (result,) = await self._put_all([Blob(name=name, data=data, digest=actual)])
        if isinstance(result, Exception):
            raise result
        return result

    async def put_many(self, blobs: Sequence[Blob]) -> list[Stored | NotStored]:
        """Store each of these small ones by the promises of `put_stream`; return what came of each, in their order.

        One that is refused, or that the store does not take, does not keep the others. All are durable on return, at
        the price of one visit to the disk's thread, and of one sync a folder. Raises `OSError` if a sync fails: then
        nothing is known of any.
        """
        results: list[Stored | NotStored] = [WrongDigest(each.name) for each in blobs]
        good = [n for n, each in enumerate(blobs) if sha256(each.data).hexdigest() == each.digest]
        for n, result in zip(good, await self._put_all([blobs[n] for n in good]), strict=True):
            results[n] = result
        return results

    async def _put_all(self, blobs: Sequence[Blob]) -> list[Stored | NotStored]:
        if isinstance(self._store, LocalStore):
            return await asyncio.to_thread(_put_in_folder, self._store, blobs)
        return await asyncio.gather(*(self._put(each) for each in blobs))

    async def _put(self, blob: Blob) -> Stored | NotStored:
        try:
            return await self._created(blob)
        except (OSError, BaseError) as error:
            return error

    async def _created(self, blob: Blob) -> Stored | AnotherBlob:
        try:
            await self._store.put_async(blob.name, blob.data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            there = await self._store.get_async(blob.name)
            return _compared(blob, await there.bytes_async())
        return _stored(blob, new=True)

    async def get_many(self, names: Sequence[str]) -> list[bytes | None]:
        """Return what is stored under each name, whole, or None where there is nothing, in one visit to the store."""
        if isinstance(self._store, LocalStore):
            return await asyncio.to_thread(_got_from_folder, self._store, names)
        return await asyncio.gather(*(self._got(name) for name in names))

    async def _got(self, name: str) -> bytes | None:
        try:
            found = await self._store.get_async(name)
        except FileNotFoundError:
            return None
        return bytes(await found.bytes_async())

    async def get(self, name: str) -> bytes:
        """Return what is stored, whole; raise `BlobMissing` if there is nothing."""
        (found,) = await self.get_many([name])
        if found is None:
            raise BlobMissing(name)
        return found

    async def delete(self, name: str) -> None:
        """Remove what is stored, if it is. May be repeated."""
        try:
            await self._store.delete_async(name)
        except FileNotFoundError:
            return

    async def delete_request(self, request: RequestId) -> int:
        """Remove all parts and reports of a request; return how many there were. May be repeated."""
        return await self._delete_under(f"{request}/")

    async def _delete_under(self, folder: str) -> int:
        count = 0
        async for listed in self._store.list(folder):
            for each in listed:
                await self.delete(each["path"])
                count += 1
        return count


async def _gathered(body: AsyncIterator[bytes], limit: int) -> tuple[bytes, str]:
    data, digest = bytearray(), sha256()
    async for chunk in body:
        if len(data) + len(chunk) > limit:
            raise TooLarge(f"over {limit} bytes")
        data += chunk
        digest.update(chunk)
    return bytes(data), digest.hexdigest()


def _stored(blob: Blob, *, new: bool) -> Stored:
    return Stored(size=len(blob.data), digest=blob.digest, new=new)


def _compared(blob: Blob, there: Bytes) -> Stored | AnotherBlob:
    same = sha256(there).hexdigest() == blob.digest
    return _stored(blob, new=False) if same else AnotherBlob(blob.name)


def _got_from_folder(store: LocalStore, names: Sequence[str]) -> list[bytes | None]:
    return [_got_file(store, name) for name in names]


def _got_file(store: LocalStore, name: str) -> bytes | None:
    try:
        return bytes(store.get(name).bytes())
    except FileNotFoundError:
        return None


def _put_in_folder(store: LocalStore, blobs: Sequence[Blob]) -> list[Stored | NotStored]:
    results = [_put_file(store, each) for each in blobs]
    kept = [each.name for each, result in zip(blobs, results, strict=True) if isinstance(result, Stored)]
    # the folder store does not sync: after a power cut a part that an answer counts on would be empty
    _sync(str(store.prefix), kept)
    return results


def _put_file(store: LocalStore, blob: Blob) -> Stored | NotStored:
    try:
        return _created(store, blob)
    except (OSError, BaseError) as error:
        return error


def _created(store: LocalStore, blob: Blob) -> Stored | AnotherBlob:
    try:
        store.put(blob.name, blob.data, mode="create", use_multipart=False)
    except AlreadyExistsError:
        return _compared(blob, store.get(blob.name).bytes())
    return _stored(blob, new=True)


def _sync(root: str, names: Sequence[str]) -> None:
    """Make files durable, and the folders above them, each once and a folder after what is in it."""
    folders = {name[:end] for name in names for end in range(len(name)) if name[end] == "/"}
    above = [""] if names else []
    for each in (*names, *sorted(folders, key=len, reverse=True), *above):
        descriptor = os.open(f"{root}/{each}", os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
