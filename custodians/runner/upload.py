"""Uploading: each part encrypted, sent to where its grant says, tried again while the receiver is away."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Protocol

import httpx2
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from contracts.answer import PartRef
from contracts.command import UploadGrant
from contracts.ids import TaskId
from contracts.parts import SMALL_PART_BYTES, TAG_BYTES, AnnouncedPart, encrypt_part
from custodians.runner.bundling import Bundles, PutAlone
from custodians.runner.failures import UploadRefused
from custodians.runner.packing import Part
from custodians.runner.putting import Lines, Sending
from custodians.sdk import GiveUp, TryLater

RETRY_FOR_S: Final = 60
RETRY_FIRST_S: Final = 0.2
RETRY_MOST_S: Final = 10
REQUEST_LIMIT_S: Final = 60

CONFLICT: Final = 409
TOO_LARGE: Final = 413
TOO_MANY: Final = 429
SERVER_ERRORS: Final = 500
STORED: Final = frozenset({200, 201})


class UploadUnavailable(TryLater):
    """Nobody took the part for a minute."""


class OverLimit(GiveUp):
    """The person's records are more than the grant allows."""


class Uploads(Protocol):
    """Whatever takes a part to where its grant says."""

    async def put(self, grant: UploadGrant, part: Part, *, task: TaskId, issue_no: int, key: bytes) -> PartRef:
        """Encrypt and store one part. Safe to repeat with the same bytes, and to call for several at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sealed:
    """A part as it leaves, and where it belongs."""

    grant: UploadGrant
    task: TaskId
    issue_no: int
    reference: PartRef
    body: bytes = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.grant.bearer}",
            "Content-Type": "application/octet-stream",
            "X-Dsar-Digest": self.reference.digest,
            "X-Dsar-Class": self.reference.data_class,
        }

    @property
    def announced(self) -> AnnouncedPart:
        told = self.reference
        return AnnouncedPart(
            task_id=self.task,
            issue_no=self.issue_no,
            n=told.n,
            data_class=told.data_class,
            digest=told.digest,
            size=told.size,
            bearer=self.grant.bearer,
        )


class HttpUploads:
    """Uploads by HTTP: small parts in bundles where the grant offers it, else each alone.

    Client and lines are the caller's, and closed by it.
    """

    def __init__(self, client: httpx2.AsyncClient, lines: Lines, *, retry_for_s: float = RETRY_FOR_S) -> None:
        self._send = Sending(client, lines)
        self._bundles = Bundles(self._send)
        self._retry_for_s = retry_for_s

    async def put(self, grant: UploadGrant, part: Part, *, task: TaskId, issue_no: int, key: bytes) -> PartRef:
        """Store one part; raises `UploadRefused`, `OverLimit`, or `UploadUnavailable` after a minute of trying."""
        body = encrypt_part(key, part.data, task=task, n=part.n, last=part.last)
        reference = PartRef(n=part.n, data_class=part.data_class, digest=sha256(body).hexdigest(), size=len(body))
        sealed = _Sealed(grant=grant, task=task, issue_no=issue_no, reference=reference, body=body)
        try:
            await self._try(sealed)
        except UploadUnavailable:
            await self._again(sealed)
        return reference

    async def _again(self, sealed: _Sealed) -> None:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(UploadUnavailable),
            wait=wait_random_exponential(RETRY_FIRST_S, max=RETRY_MOST_S),
            stop=stop_after_delay(self._retry_for_s),
            reraise=True,
        )
        await asyncio.sleep(RETRY_FIRST_S)
        await retrying(self._try, sealed)

    async def _try(self, sealed: _Sealed) -> None:
        try:
            status = await self._sent(sealed)
        except (httpx2.TransportError, OSError):  # a timeout is one, too
            raise UploadUnavailable from None
        _judge(status)

    async def _sent(self, sealed: _Sealed) -> int:
        url = sealed.grant.bundle_url
        if url is None or len(sealed.body) > SMALL_PART_BYTES:
            return await self._put(sealed)
        try:
            return await self._bundles.put(url, sealed.announced, sealed.body)
        except PutAlone:
            return await self._put(sealed)

    async def _put(self, sealed: _Sealed) -> int:
        url = f"{sealed.grant.url}/{sealed.reference.n}"
        told = await self._send("PUT", url, sealed.body, sealed.headers, limit_s=REQUEST_LIMIT_S)
        return told.status


def _judge(status: int) -> None:
    if status in STORED:
        return
    if status == TOO_LARGE:
        raise OverLimit
    if status >= SERVER_ERRORS or status == TOO_MANY:
        raise UploadUnavailable
    raise UploadRefused  # 401, 403, 410, or 409: an earlier run of this issue stored another content


async def upload(
    parts: AsyncIterator[Part], uploads: Uploads, grant: UploadGrant, *, task: TaskId, issue_no: int, key: bytes
) -> tuple[PartRef, ...]:
    """Store all parts, small ones together and large ones one at a time; return what the answer must list."""
    references: list[PartRef] = []
    async for some in _some(parts, grant.max_bytes):
        puts = [uploads.put(grant, each, task=task, issue_no=issue_no, key=key) for each in some]
        # all are waited for: nothing goes on behind the back of a task that has failed
        for each in await asyncio.gather(*puts, return_exceptions=True):
            if isinstance(each, BaseException):
                raise each
            references.append(each)
    return tuple(references)


async def _some(parts: AsyncIterator[Part], max_bytes: int) -> AsyncIterator[list[Part]]:
    """Yield what may be in memory at once: small parts, until they weigh what one may that is not; or a large one."""
    some: list[Part] = []
    weight = size = 0
    async for part in parts:
        size += len(part.data) + TAG_BYTES
        if size > max_bytes:
            raise OverLimit
        some.append(part)
        weight += len(part.data)
        if weight > SMALL_PART_BYTES:
            yield some
            some, weight = [], 0
    if some:
        yield some
