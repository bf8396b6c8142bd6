"""A client for the API that costs next to nothing: it shares two cores with what it measures."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

STALE_S: Final = 3.0
"""A connection that was quiet for longer is opened anew: the server is about to close it."""


class Refused(RuntimeError):
    """The API said no. The message is its status and its own words."""


@dataclass(slots=True, kw_only=True)
class _Line:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: float = 0.0

    async def call(self, head: str, body: bytes) -> tuple[int, bytes]:
        self.writer.write(head.encode() + body)
        status = int((await self.reader.readline()).split(b" ", 2)[1])
        length = -1
        while (line := await self.reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        self.used = monotonic()
        return status, await (self.reader.readexactly(length) if length >= 0 else self._chunks())

    async def _chunks(self) -> bytes:
        told = bytearray()
        while size := int(await self.reader.readline(), 16):
            told += (await self.reader.readexactly(size + 2))[:size]
        await self.reader.readline()
        return bytes(told)


@dataclass(slots=True)
class Talk:
    """Keep-alive connections to the API."""

    url: str
    _free: list[_Line] = field(default_factory=list)

    async def json(self, method: str, path: str, token: str, body: object = None, **headers: str) -> Any:  # noqa: ANN401
        return json.loads(await self.call(method, path, token, body, **headers))

    async def call(self, method: str, path: str, token: str, body: object = None, **headers: str) -> bytes:
        """Send and read; raise `Refused` for anything but a success."""
        content = b"" if body is None else json.dumps(body).encode()
        async with self._line() as line:
            status, told = await line.call(self._head(method, path, token, len(content), headers), content)
        if status >= 400:
            raise Refused(f"{method} {path}: {status} {told[:300].decode(errors='replace')}")
        return told

    def _head(self, method: str, path: str, token: str, length: int, headers: Mapping[str, str]) -> str:
        host = urlsplit(self.url).netloc
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return (
            f"{method} /api/v1{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n"
        )

    @asynccontextmanager
    async def _line(self) -> AsyncIterator[_Line]:
        line = None
        while line is None and self._free:
            line = self._free.pop()
            if line.reader.at_eof() or monotonic() - line.used > STALE_S:
                line.writer.close()
                line = None
        if line is None:
            parts = urlsplit(self.url)
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=2**20)
            line = _Line(reader=reader, writer=writer)
        yield line  # one that failed half way is not used again
        self._free.append(line)
