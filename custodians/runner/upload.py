"""Uploading: each part encrypted, put to the address of the grant, tried again while the receiver is away."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from typing import Final, Protocol

import httpx2
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from contracts.answer import PartRef
from contracts.command import UploadGrant
from contracts.ids import TaskId
from contracts.parts import TAG_BYTES, encrypt_part
from custodians.runner.failures import UploadRefused
from custodians.runner.packing import Part
from custodians.runner.putting import Lines, NotThisWay
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

    async def put(self, grant: UploadGrant, part: Part, *, task: TaskId, key: bytes) -> PartRef:
        """Encrypt and store one part. Safe to repeat with the same bytes."""


class HttpUploads:
    """Puts parts by HTTP: the short way where it goes, else by the client. Both are the caller's, and closed by it."""

    def __init__(self, client: httpx2.AsyncClient, lines: Lines, *, retry_for_s: float = RETRY_FOR_S) -> None:
        self._client = client
        self._lines = lines
        self._retry_for_s = retry_for_s

    async def put(self, grant: UploadGrant, part: Part, *, task: TaskId, key: bytes) -> PartRef:
        """Store one part; raises `UploadRefused`, `OverLimit`, or `UploadUnavailable` after a minute of trying."""
        body = encrypt_part(key, part.data, task=task, n=part.n, last=part.last)
        reference = PartRef(n=part.n, data_class=part.data_class, digest=sha256(body).hexdigest(), size=len(body))
        try:
            await self._try(grant, reference, body)
        except UploadUnavailable:
            await self._again(grant, reference, body)
        return reference

    async def _again(self, grant: UploadGrant, reference: PartRef, body: bytes) -> None:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(UploadUnavailable),
            wait=wait_random_exponential(RETRY_FIRST_S, max=RETRY_MOST_S),
            stop=stop_after_delay(self._retry_for_s),
            reraise=True,
        )
        await asyncio.sleep(RETRY_FIRST_S)
        await retrying(self._try, grant, reference, body)

    async def _try(self, grant: UploadGrant, reference: PartRef, body: bytes) -> None:
        headers = {
            "Authorization": f"Bearer {grant.bearer}",
            "Content-Type": "application/octet-stream",
            "X-Dsar-Digest": reference.digest,
            "X-Dsar-Class": reference.data_class,
        }
        try:
            async with asyncio.timeout(REQUEST_LIMIT_S):
                status = await self._put(f"{grant.url}/{reference.n}", body, headers)
        except (httpx2.TransportError, OSError):  # a timeout is one, too
            raise UploadUnavailable from None
        _judge(status)

    async def _put(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Put the bytes one way or the other: the same bytes may be put twice."""
        try:
            return await self._lines.put(url, body, headers)
        except NotThisWay:
            response = await self._client.put(url, content=body, headers=dict(headers), timeout=REQUEST_LIMIT_S)
            return response.status_code


def _judge(status: int) -> None:
    if status in STORED:
        return
    if status == TOO_LARGE:
        raise OverLimit
    if status >= SERVER_ERRORS or status == TOO_MANY:
        raise UploadUnavailable
    raise UploadRefused  # 401, 403, 410, or 409: an earlier run of this issue stored another content


async def upload(
    parts: AsyncIterator[Part], uploads: Uploads, grant: UploadGrant, *, task: TaskId, key: bytes
) -> tuple[PartRef, ...]:
    """Store all parts, one at a time, and return what the answer must list."""
    references = []
    size = 0
    async for part in parts:
        size += len(part.data) + TAG_BYTES
        if size > grant.max_bytes:
            raise OverLimit
        references.append(await uploads.put(grant, part, task=task, key=key))
    return tuple(references)
