"""Bundles: many small parts in one request, each by its own grant, at the price of one."""

import json
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx2
import pytest
import structlog
from sqlalchemy import text

from contracts.command import UploadGrant
from contracts.ids import DataClass, RequestId, TaskId
from contracts.parts import BUNDLE_HEAD_BYTES, BUNDLE_PARTS, AnnouncedPart, BundleHead, bundle_of, decrypt_part
from custodians.runner.packing import Part
from custodians.runner.putting import Lines
from custodians.runner.upload import HttpUploads, upload
from orchestrator.entrypoints.api.app import MOST_BYTES
from orchestrator.flow import uploads
from orchestrator.store.parts import Stored as Row
from orchestrator.store.session import Transaction
from orchestrator.vault.blobs import BlobMissing, part_name
from tests.integration.api.test_intake_cost import counted
from tests.integration.api.test_uploads import a_task, put
from tests.integration.api.world import GRANT, World

SECRET = "canary-bearer"


def a_part(task: UUID, n: int, body: bytes, **other: object) -> AnnouncedPart:
    whole = AnnouncedPart(
        task_id=TaskId(task),
        issue_no=1,
        n=n,
        data_class=DataClass("profile"),
        digest=sha256(body).hexdigest(),
        size=len(body),
        bearer=GRANT,
    )
    return whole.model_copy(update=other)


def some(task: UUID, count: int, first: int = 0) -> list[tuple[AnnouncedPart, bytes]]:
    bodies = [b"part %d" % n * 10 for n in range(first, first + count)]
    return [(a_part(task, n, body), body) for n, body in enumerate(bodies, first)]


async def post(world: World, parts: Sequence[tuple[AnnouncedPart, bytes]]) -> list[int]:
    body = bundle_of(BundleHead(parts=tuple(part for part, _ in parts)), [body for _, body in parts])
    answer = await posted(world, body)
    assert answer.status_code == 200, answer.text
    return [each["status"] for each in answer.json()["results"]]


async def posted(world: World, body: bytes | AsyncIterator[bytes]) -> httpx2.Response:
    return await world.client.post("/parts", content=body)


async def lying(world: World, request: UUID, task: UUID, n: int) -> bytes:
    return await world.deps.blobs.get(part_name(RequestId(request), TaskId(task), 1, n))


async def rows(world: World) -> list[tuple[int, str, int]]:
    async with world.transactions() as tx:
        found = await tx.connection.execute(text("select n, digest, size from part order by task, n"))
        return [(row.n, row.digest, row.size) for row in found]


async def test_each_part_is_stored_with_its_row(world: World) -> None:
    request, task = await a_task(world)
    parts = some(task, 3)
    assert await post(world, parts) == [201, 201, 201]
    assert [await lying(world, request, task, n) for n in range(3)] == [body for _, body in parts]
    assert await rows(world) == [(part.n, part.digest, part.size) for part, _ in parts]


async def test_what_is_refused_is_refused_alone(world: World) -> None:
    request, task = await a_task(world)
    await put(world, task, n=7, body=b"was here")
    bad = [
        (a_part(task, 1, b"x", bearer=SECRET), b"x"),
        (a_part(UUID(int=1), 2, b"x"), b"x"),
        (a_part(task, 3, b"announced"), b"delivered"),
        (a_part(task, 7, b"another"), b"another"),
        (a_part(task, 7, b"was here"), b"was here"),
    ]
    assert await post(world, [*some(task, 1), *bad, *some(task, 1, first=8)]) == [201, 403, 403, 400, 409, 200, 201]
    assert [n for n, *_ in await rows(world)] == [0, 7, 8]
    assert await lying(world, request, task, 7) == b"was here"
    with pytest.raises(BlobMissing):
        await lying(world, request, task, 3)


async def test_a_refusal_says_why_and_stands_in_the_log_without_the_bearer(world: World) -> None:
    _, task = await a_task(world)
    head = BundleHead(parts=(a_part(task, 0, b"x", bearer=SECRET),))
    assert SECRET not in repr(head)
    with structlog.testing.capture_logs() as logs:
        answer = await posted(world, bundle_of(head, [b"x"]))
    (result,) = answer.json()["results"]
    assert (result["type"], result["detail"]) == ("urn:dsar:forbidden", "no grant for this upload")
    assert [(each["event"], each["task"], each["code"]) for each in logs] == [
        ("upload.refused", str(task), "forbidden")
    ]
    assert SECRET not in answer.text + str(logs)


async def test_the_same_bundle_again_is_fine_and_other_bytes_are_not(world: World) -> None:
    _, task = await a_task(world)
    parts = some(task, 2)
    assert await post(world, parts) == [201, 201]
    assert await post(world, parts) == [200, 200]
    assert await post(world, [(a_part(task, 0, b"other"), b"other")]) == [409]
    assert len(await rows(world)) == 2


async def test_two_for_the_same_place_in_one_bundle_leave_one(world: World) -> None:
    request, task = await a_task(world)
    parts = [(a_part(task, 0, body), body) for body in (b"first", b"second", b"first")]
    assert await post(world, parts) == [201, 409, 201]
    assert await lying(world, request, task, 0) == b"first"


async def test_once_nobody_waits_for_the_data_the_grant_is_over(world: World) -> None:
    request, task = await a_task(world)
    await world.call("support", "POST", f"/requests/{request}/cancel", {"reason": "over"})
    assert await post(world, some(task, 1)) == [410]


async def test_parts_of_one_bundle_are_weighed_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _, task = await a_task(world)
    monkeypatch.setattr(uploads, "MAX_ISSUE_BYTES", 150)
    parts = [(a_part(task, n, b"x" * 60), b"x" * 60) for n in range(3)]
    assert await post(world, parts) == [201, 201, 413]
    assert await post(world, parts) == [200, 200, 413]


async def test_a_worker_whose_first_try_was_cut_off_repeats_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _, task = await a_task(world)
    parts, good = some(task, 2), uploads.stored_bundles

    async def killed(_: Transaction, __: Sequence[Sequence[Row]]) -> list[None]:
        raise ConnectionResetError("the process is killed with the bytes written and the rows not")

    monkeypatch.setattr(uploads, "stored_bundles", killed)
    head = BundleHead(parts=tuple(part for part, _ in parts))
    answer = await posted(world, bundle_of(head, [body for _, body in parts]))
    assert (answer.status_code, await rows(world)) == (503, [])
    monkeypatch.setattr(uploads, "stored_bundles", good)
    assert await post(world, parts) == [201, 201]
    assert len(await rows(world)) == 2


async def test_a_store_that_fails_is_said_of_the_part_that_it_did_not_take(world: World) -> None:
    (lost, task), (_, other) = await a_task(world), await a_task(world)
    (world.folder / "blobs" / str(lost)).write_bytes(b"a file where a folder should be")
    with structlog.testing.capture_logs() as logs:
        assert await post(world, [*some(task, 1), *some(other, 1)]) == [500, 201]
    assert [(each["event"], each["task"]) for each in logs] == [("upload.failed", str(task))]


@pytest.mark.parametrize(
    ("spoil", "hint"),
    [
        (lambda body: body[:-1], "ends before"),
        (lambda body: body + b"x", "goes on behind"),
        (lambda body: body.partition(b"\n")[0], "one line of JSON"),
        (lambda _: b"", "one line of JSON"),
        (lambda _: b"no json\n", "expected JSON"),
        (lambda _: b'{"parts":[]}\n', "parts: expected more items"),
        (lambda body: body.replace(b'"n":0', b'"n":-1', 1), "parts.0.n"),
        (lambda body: body.replace(b'"digest":"', b'"digest":"x', 1), "parts.0.digest"),
    ],
    ids=["cut off", "too long", "no line feed", "empty", "no JSON", "no parts", "number", "digest"],
)
async def test_a_body_that_is_none_is_refused_as_a_whole(world: World, spoil: Any, hint: str) -> None:  # noqa: ANN401 -- a lambda
    _, task = await a_task(world)
    (part, body), *_ = some(task, 1)
    answer = await posted(world, spoil(bundle_of(BundleHead(parts=(part,)), [body])))
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:dsar:invalid_input")
    assert hint in answer.json()["detail"]
    assert GRANT not in answer.text
    assert await rows(world) == []


async def test_too_many_parts_are_refused(world: World) -> None:
    one = json.loads(BundleHead(parts=(a_part(UUID(int=1), 0, b"x"),)).to_bytes())["parts"]
    answer = await posted(world, json.dumps({"parts": one * (BUNDLE_PARTS + 1)}).encode() + b"\n")
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:dsar:too_large")


class Endless:
    """A body that goes on; it knows how much of it was read."""

    def __init__(self, begin: bytes = b"") -> None:
        self._begin = begin
        self.read = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._begin
        while self.read < 64 * MOST_BYTES:
            self.read += 4096
            yield b"x" * 4096


async def test_a_head_without_end_is_not_read_to_its_end(world: World) -> None:
    body = Endless()
    answer = await posted(world, aiter(body))
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:dsar:too_large")
    assert body.read <= 2 * BUNDLE_HEAD_BYTES


async def test_a_body_over_the_limit_is_not_read_to_its_end(world: World) -> None:
    _, task = await a_task(world)
    body = Endless(BundleHead(parts=(a_part(task, 0, b"x", size=2 * MOST_BYTES),)).to_bytes() + b"\n")
    answer = await posted(world, aiter(body))
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:dsar:too_large")
    assert body.read <= 2 * MOST_BYTES


async def test_whoever_has_no_grant_is_not_listened_to(world: World) -> None:
    body = Endless(BundleHead(parts=(a_part(UUID(int=1), 0, b"x", size=MOST_BYTES // 2),)).to_bytes() + b"\n")
    answer = await posted(world, aiter(body))
    assert [each["status"] for each in answer.json()["results"]] == [403]
    assert body.read <= BUNDLE_HEAD_BYTES


async def test_a_hundred_cost_the_same_statements_as_one(world: World) -> None:
    _, task = await a_task(world)
    await post(world, some(task, 1))
    with counted(world) as one:
        await post(world, some(task, 1, first=1))
    with counted(world) as many:
        assert await post(world, some(task, BUNDLE_PARTS, first=2)) == [201] * BUNDLE_PARTS
    assert many == one
    assert len(one) <= 4


async def test_what_a_worker_sends_is_what_is_taken_here(world: World) -> None:
    request, task = await a_task(world)
    grant = UploadGrant(
        url=f"http://api.test/parts/{task}/1", bearer=GRANT, max_bytes=2**30, exp=1, bundle_url="http://api.test/parts"
    )

    async def packed() -> AsyncIterator[Part]:
        for n, last in enumerate((False, False, True)):
            yield Part(n=n, data_class=DataClass("profile"), last=last, data=b"line %d" % n)

    uploads = HttpUploads(world.client, Lines(_proxied=True))
    with counted(world) as statements:
        references = await upload(packed(), uploads, grant, task=TaskId(task), issue_no=1, key=b"k" * 32)
    assert await rows(world) == [(each.n, each.digest, each.size) for each in references]
    opened = [
        decrypt_part(b"k" * 32, await lying(world, request, task, n), task=TaskId(task), n=n, last=n == 2)
        for n in range(3)
    ]
    assert opened == [b"line 0", b"line 1", b"line 2"]
    assert len(statements) <= 4
