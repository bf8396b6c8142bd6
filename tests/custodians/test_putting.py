"""The short way of an upload: what it does, and when it says that another must be taken."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from custodians.runner.putting import Lines, NotThisWay

CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Receiver:
    """Answers each request with the next of its answers; an empty one ends the connection."""

    answers: Sequence[bytes]
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while head := await self._head(reader):
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length")
            )
            self.heads.append(head)
            self.bodies.append(await reader.readexactly(length))
            answer = self.answers[min(len(self.heads), len(self.answers)) - 1]
            writer.write(answer)
            if not answer:
                break
        writer.close()

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""


@asynccontextmanager
async def receiving(*answers: bytes) -> AsyncIterator[tuple[Receiver, Lines]]:
    receiver = Receiver(answers)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/parts/1?a=b"
    async with server, Lines(_proxied=False) as lines:
        yield receiver, lines


async def test_parts_follow_each_other_on_one_connection() -> None:
    async with receiving(CREATED) as (receiver, lines):
        headers = {"X-Dsar-Class": "letters"}
        told = [await lines.send("PUT", receiver.url, body, headers) for body in (b"one", b"two")]
    assert [each.status for each in told] == [201, 201]
    assert (receiver.bodies, receiver.connections) == ([b"one", b"two"], 1)
    assert receiver.heads[0].startswith(b"PUT /parts/1?a=b HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"X-Dsar-Class: letters\r\n" in receiver.heads[0]


async def test_a_refusal_is_a_status_like_any_other() -> None:
    async with receiving(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\n{}", CREATED) as (receiver, lines):
        told = [await lines.send("POST", receiver.url, b"x", {}) for _ in range(2)]
    assert [(each.status, each.body) for each in told] == [(413, b"{}"), (201, b"")]
    assert receiver.heads[0].startswith(b"POST /parts/1?a=b HTTP/1.1\r\n")
    assert receiver.connections == 1


async def test_a_connection_that_the_other_end_ends_is_not_used_again() -> None:
    async with receiving(b"HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 0\r\n\r\n") as (
        receiver,
        lines,
    ):
        assert [(await lines.send("PUT", receiver.url, b"x", {})).status for _ in range(2)] == [201, 201]
    assert receiver.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.0 201 Created\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nContent-Length: 9999999\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nnonsense\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"x" * 100_000,
    ],
    ids=["closed", "redirect", "continue", "old", "chunked", "long", "no header", "no status", "endless"],
)
async def test_an_answer_of_another_shape_asks_for_the_general_way(answer: bytes) -> None:
    async with receiving(answer, CREATED) as (receiver, lines):
        with pytest.raises(NotThisWay):
            await lines.send("PUT", receiver.url, b"x", {})
        assert (await lines.send("PUT", receiver.url, b"x", {})).status == 201  # and spoils nothing


@pytest.mark.parametrize("word", ["a\r\nX-Evil: 1", "\u00e9", "a\nb"], ids=["header", "accent", "line"])
async def test_what_is_no_plain_word_never_gets_into_a_head(word: str) -> None:
    async with receiving(CREATED) as (receiver, lines):
        with pytest.raises(NotThisWay):
            await lines.send("PUT", receiver.url, b"x", {"Authorization": word})
        with pytest.raises(NotThisWay):
            await lines.send("PUT", "ftp://127.0.0.1/x", b"x", {})
    assert receiver.heads == []


async def test_behind_a_proxy_the_general_way_is_taken() -> None:
    with pytest.raises(NotThisWay):
        await Lines(_proxied=True).send("PUT", "http://127.0.0.1:9/parts", b"x", {})


async def test_nobody_there_is_told_as_such() -> None:
    with pytest.raises(OSError, match="Connect"):
        await Lines(_proxied=False).send("PUT", "http://127.0.0.1:9/parts", b"x", {})
