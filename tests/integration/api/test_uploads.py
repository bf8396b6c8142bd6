"""Uploads: by the grant of one issue, each part once, in its own limit."""

from hashlib import sha256
from uuid import UUID, uuid4

import httpx2
import pytest

from contracts.command import Operation
from contracts.ids import RequestId, TaskId
from contracts.parts import PART_BYTES, TAG_BYTES
from orchestrator.store import cases
from orchestrator.vault.blobs import part_name
from tests.integration.api.world import GRANT, World

BODY = b"ciphertext" * 100


async def a_task(world: World) -> tuple[UUID, UUID]:
    """A request whose collect was sent to the custodian, and its task."""
    request = await world.verified()
    await world.sent(request, Operation.COLLECT)
    async with world.transactions() as tx:
        case = await cases.lock_one(tx, RequestId(request))
    return request, case.tasks[0].id


async def put(
    world: World, task: UUID, *, n: int = 0, bearer: str = GRANT, body: bytes = BODY, digest: str | None = None
) -> httpx2.Response:
    headers = {
        "Authorization": f"Bearer {bearer}",
        "X-Dsar-Digest": digest or sha256(body).hexdigest(),
        "X-Dsar-Class": "profile",
    }
    return await world.client.put(f"/parts/{task}/1/{n}", content=body, headers=headers)


async def test_a_part_is_stored_and_its_row_written(world: World) -> None:
    request, task = await a_task(world)
    answer = await put(world, task)
    stored = await world.deps.blobs.get(part_name(RequestId(request), TaskId(task), 1, 0))
    assert answer.status_code == 201
    assert stored == BODY


async def test_the_same_part_again_is_fine_and_another_one_is_not(world: World) -> None:
    _, task = await a_task(world)
    await put(world, task)
    again = await put(world, task)
    other = await put(world, task, body=b"other")
    assert (again.status_code, other.status_code) == (200, 409)


async def test_without_the_grant_nothing_is_stored(world: World) -> None:
    _, task = await a_task(world)
    wrong = await put(world, task, bearer="x")
    unknown = await put(world, uuid4())
    assert (wrong.status_code, unknown.status_code) == (403, 403)


async def test_once_nobody_waits_for_the_data_the_grant_is_over(world: World) -> None:
    request, task = await a_task(world)
    await world.call("support", "POST", f"/requests/{request}/cancel", {"reason": "over"})
    answer = await put(world, task)
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:dsar:grant_expired")


async def test_a_part_over_the_limit_is_refused(world: World) -> None:
    _, task = await a_task(world)
    answer = await put(world, task, body=b"x" * (PART_BYTES + TAG_BYTES + 1))
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:dsar:too_large")


async def test_a_part_of_the_largest_size_is_taken(world: World) -> None:
    _, task = await a_task(world)
    answer = await put(world, task, body=b"x" * (PART_BYTES + TAG_BYTES))
    assert answer.status_code == 201


async def test_a_damaged_upload_is_refused_and_does_not_block_its_place(world: World) -> None:
    _, task = await a_task(world)
    damaged = await put(world, task, digest="0" * 64)
    good = await put(world, task)
    assert (damaged.status_code, good.status_code) == (400, 201)


@pytest.mark.parametrize("place", ["x/1/0", f"{UUID(int=1)}/x/0", f"{UUID(int=1)}/1/-1", f"{UUID(int=1)}/1/0/../1"])
async def test_a_place_that_is_none_is_refused(world: World, place: str) -> None:
    answer = await world.client.put(f"/parts/{place}", content=BODY)
    assert answer.status_code in {404, 422}


async def test_a_token_of_staff_is_no_grant(world: World) -> None:
    _, task = await a_task(world)
    answer = await put(world, task, bearer="dst_" + "0" * 64)
    assert answer.status_code == 403
