"""Uploads of a worker by HTTP: in bundles where they are offered, part by part where they are not, again if cut off."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

import httpx2
import pytest

from contracts.answer import PartRef
from contracts.command import UploadGrant
from contracts.ids import DataClass, TaskId
from contracts.parts import SMALL_PART_BYTES
from custodians.runner.failures import UploadRefused
from custodians.runner.packing import Part
from custodians.runner.putting import Lines
from custodians.runner.upload import HttpUploads, OverLimit, UploadUnavailable, upload
from tests.custodians.test_bundling import SECRET, said, taken

KEY = b"k" * 32


@dataclass
class Receiver:
    """A receiver by HTTP that knows bundles, or does not; it cuts the first connections, half-way through."""

    knows: bool = True
    cuts: int = 0
    refuses: frozenset[int] = frozenset()
    stored: dict[tuple[str, int], bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            lines = head.decode().split("\r\n")
            told = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
            body = await reader.readexactly(int(told["content-length"]))
            self.asked.append(lines[0].split()[0])
            if self.cuts:
                self.cuts -= 1
                break
            method, path, _ = lines[0].split()
            status, answer = self._answer(method, path, body)
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(answer), answer))
        writer.close()

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if method == "PUT":
            _, _, task, _, n = path.split("/")
            return self._store(task, int(n), body), b""
        if not self.knows:
            return 405, b"{}"
        head, _, rest = body.partition(b"\n")
        statuses = []
        for each in taken(head):
            size = int(str(each["size"]))
            statuses.append(self._store(str(each["task_id"]), int(str(each["n"])), rest[:size]))
            assert sha256(rest[:size]).hexdigest() == each["digest"]
            rest = rest[size:]
        return 200, said(*statuses)

    def _store(self, task: str, n: int, body: bytes) -> int:
        if n in self.refuses:
            return 403
        self.stored[task, n] = body
        return 201


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return b""


@asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncIterator[HttpUploads]:
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/parts"
    async with server, httpx2.AsyncClient(trust_env=False) as client, Lines(_proxied=False) as lines:
        yield HttpUploads(client, lines, retry_for_s=5)


def a_grant(receiver: Receiver, task: UUID, *, bundles: bool = True) -> UploadGrant:
    return UploadGrant(
        url=f"{receiver.url}/{task}/1",
        bearer=SECRET,
        max_bytes=1 << 30,
        exp=1,
        bundle_url=receiver.url if bundles else None,
    )


async def parts_of(*sizes: int) -> AsyncIterator[Part]:
    for n, size in enumerate(sizes):
        yield Part(n=n, data_class=DataClass("letters"), last=n == len(sizes) - 1, data=b"x" * size)


async def uploaded(uploads: HttpUploads, grant: UploadGrant, task: int, *sizes: int) -> Sequence[int]:
    references = await upload(parts_of(*sizes), uploads, grant, task=TaskId(UUID(int=task)), issue_no=1, key=KEY)
    return [each.n for each in references]


async def many(receiver: Receiver, uploads: HttpUploads, *, bundles: bool = True) -> None:
    grants = {task: a_grant(receiver, UUID(int=task), bundles=bundles) for task in range(1, 6)}
    done = await asyncio.gather(*(uploaded(uploads, grant, task, 10, 20) for task, grant in grants.items()))
    assert done == [[0, 1]] * 5
    assert len(receiver.stored) == 10


async def test_small_parts_of_all_tasks_are_in_one_request() -> None:
    receiver = Receiver()
    async with receiving(receiver) as uploads:
        await many(receiver, uploads)
    assert receiver.asked == ["POST"]


async def test_an_orchestrator_that_offers_no_bundles_gets_none() -> None:
    receiver = Receiver(knows=False)
    async with receiving(receiver) as uploads:
        await many(receiver, uploads, bundles=False)
    assert receiver.asked == ["PUT"] * 10


async def test_one_that_offers_them_and_does_not_know_them_gets_each_part_alone() -> None:
    receiver = Receiver(knows=False)
    async with receiving(receiver) as uploads:
        await many(receiver, uploads)
    assert receiver.asked == ["POST"] + ["PUT"] * 10


@pytest.mark.parametrize("cuts", [1, 2, 3])
async def test_an_api_that_is_killed_in_the_middle_gets_the_same_again(cuts: int) -> None:
    receiver = Receiver(cuts=cuts)
    async with receiving(receiver) as uploads:
        await many(receiver, uploads)


async def test_a_large_part_goes_alone() -> None:
    receiver = Receiver()
    async with receiving(receiver) as uploads:
        grant = a_grant(receiver, UUID(int=1))
        assert await uploaded(uploads, grant, 1, 10, SMALL_PART_BYTES, 10, 10) == [0, 1, 2, 3]
    assert sorted(receiver.asked) == ["POST", "POST", "PUT"]


async def test_the_one_that_is_refused_is_told_so_and_the_others_are_stored() -> None:
    receiver = Receiver(refuses=frozenset({7}))
    async with receiving(receiver) as uploads:

        async def put(n: int) -> object:
            part = Part(n=n, data_class=DataClass("letters"), last=True, data=b"x")
            grant = a_grant(receiver, UUID(int=1))
            return await uploads.put(grant, part, task=TaskId(UUID(int=1)), issue_no=1, key=KEY)

        outcomes = await asyncio.gather(*(put(n) for n in (6, 7, 8)), return_exceptions=True)
    assert [isinstance(each, UploadRefused) for each in outcomes] == [False, True, False]
    assert receiver.asked == ["POST"]


async def test_more_than_was_granted_is_not_even_sent() -> None:
    receiver = Receiver()
    async with receiving(receiver) as uploads:
        grant = a_grant(receiver, UUID(int=1)).model_copy(update={"max_bytes": 50})
        with pytest.raises(OverLimit):
            await uploaded(uploads, grant, 1, 10, 20)
    assert receiver.asked == []


async def test_nobody_for_the_whole_time_is_something_to_try_later() -> None:
    async with httpx2.AsyncClient(trust_env=False) as client, Lines(_proxied=False) as lines:
        uploads = HttpUploads(client, lines, retry_for_s=0)
        grant = a_grant(Receiver(url="http://127.0.0.1:9/parts"), UUID(int=1))
        with pytest.raises(UploadUnavailable):
            await uploaded(uploads, grant, 1, 10)


class Uneven:
    """Refuses the first part at once, and takes its time with the second."""

    def __init__(self) -> None:
        self.go, self.done = asyncio.Event(), False

    async def put(self, _: UploadGrant, part: Part, *, task: TaskId, issue_no: int, key: bytes) -> PartRef:
        assert (task, issue_no, key) == (TaskId(UUID(int=1)), 1, KEY)
        if part.n == 0:
            raise UploadRefused
        await self.go.wait()
        self.done = True
        return PartRef(n=part.n, data_class=part.data_class, digest="0" * 64, size=1)


async def test_nothing_goes_on_behind_the_back_of_a_task_that_has_failed() -> None:
    uploads, grant = Uneven(), a_grant(Receiver(), UUID(int=1))
    failing = asyncio.create_task(upload(parts_of(1, 1), uploads, grant, task=TaskId(UUID(int=1)), issue_no=1, key=KEY))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not failing.done()
    uploads.go.set()
    with pytest.raises(UploadRefused):
        await failing
    assert uploads.done
