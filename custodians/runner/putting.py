"""Sending bytes over connections that stay open: what nearly every upload needs, at a tenth of a general client's cost.

The short way does one thing, and says so when that is not enough: then the general way is taken.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, Protocol, Self
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies

import httpx2

STALE_S: Final = 2.0
"""A connection that was quiet for longer is not used again: its other end may be about to close it."""

MOST_KEPT: Final = 10
MOST_TOLD: Final = 64 * 1024
REDIRECTS: Final = range(300, 400)
PORTS: Final = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What came back."""

    status: int
    body: bytes = field(repr=False)


class NotThisWay(Exception):
    """A proxy, a redirect, an answer of an unusual shape, a connection that was closed: try the general way."""


@dataclass(slots=True)
class _Line:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used_at: float = 0.0
    ends: bool = False  # after this answer

    @property
    def is_usable(self) -> bool:
        return not self.ends and not self.reader.at_eof() and monotonic() - self.used_at < STALE_S

    async def send(self, head: bytes, body: bytes) -> Told:
        self.writer.writelines((head, body))
        status, length = await self._head()
        told = await self.reader.readexactly(length) if length else b""
        self.used_at = monotonic()
        return Told(status=status, body=told)

    async def _head(self) -> tuple[int, int]:
        version, _, rest = (await self.reader.readline()).partition(b" ")
        if version != b"HTTP/1.1" or not rest[:3].isdigit():
            raise NotThisWay
        length: int | None = None
        while (line := await self.reader.readline()) != b"\r\n":
            name, colon, value = line.lower().partition(b":")
            if not colon:
                raise NotThisWay
            if name == b"content-length" and value.strip().isdigit():
                length = int(value)
            self.ends = self.ends or (name == b"connection" and b"close" in value)
        if length is None or length > MOST_TOLD:
            raise NotThisWay
        return int(rest[:3]), length


@dataclass(slots=True)
class Lines:
    """Open connections, by where they lead. Leave it to close them."""

    _kept: dict[Origin, list[_Line]] = field(default_factory=dict)
    _proxied: bool = field(default_factory=lambda: bool(getproxies()))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for lines in self._kept.values():
            for line in lines:
                line.writer.close()

    async def send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Told:
        """Return the answer; raise `NotThisWay` if nothing is known, and `OSError` if nobody is there."""
        parts = urlsplit(url)
        head = _head(method, parts, len(body), headers)
        if self._proxied or head is None:
            raise NotThisWay
        origin = parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme]
        line = self._free(origin) or await _opened(origin)
        told = None
        try:
            told = await line.send(head, body)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            raise NotThisWay from None
        finally:
            if told is None:
                line.writer.close()
        self._keep(origin, line)
        if told.status in REDIRECTS:
            raise NotThisWay
        return told

    def _free(self, origin: Origin) -> _Line | None:
        kept = self._kept.get(origin, [])
        while kept:
            line = kept.pop()
            if line.is_usable:
                return line
            line.writer.close()
        return None

    def _keep(self, origin: Origin, line: _Line) -> None:
        kept = self._kept.setdefault(origin, [])
        if line.ends or len(kept) >= MOST_KEPT:
            line.writer.close()
        else:
            kept.append(line)


class Send(Protocol):
    """Whatever sends bytes by HTTP."""

    async def __call__(self, method: str, url: str, body: bytes, headers: Mapping[str, str], *, limit_s: float) -> Told:
        """Return the answer to bytes that may be sent twice; raise `OSError` or `TransportError` if there is none."""


class Sending(Send):
    """Sends by the short way where it goes, else by the general client. Both are the caller's, and closed by it."""

    def __init__(self, client: httpx2.AsyncClient, lines: Lines) -> None:
        self._client = client
        self._lines = lines

    async def __call__(self, method: str, url: str, body: bytes, headers: Mapping[str, str], *, limit_s: float) -> Told:
        async with asyncio.timeout(limit_s):
            try:
                return await self._lines.send(method, url, body, headers)
            except NotThisWay:
                response = await self._client.request(method, url, content=body, headers=dict(headers), timeout=limit_s)
                return Told(status=response.status_code, body=response.content)


def _head(method: str, parts: SplitResult, length: int, headers: Mapping[str, str]) -> bytes | None:
    """The head of the request; None if it could not be said in plain ASCII, a line each."""
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    told = {"Host": parts.netloc, "Content-Length": str(length), **headers}
    words = (target, *told.values())
    if (
        parts.scheme not in PORTS
        or "@" in parts.netloc
        or not all(word.isascii() and word.isprintable() for word in words)
    ):
        return None
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _opened(origin: Origin) -> _Line:
    scheme, host, port = origin
    context = httpx2.create_ssl_context() if scheme == "https" else None
    return _Line(*await asyncio.open_connection(host, port, ssl=context, limit=MOST_TOLD))
