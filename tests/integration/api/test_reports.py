"""The finished report through the API: decrypted on the way, logged before, and only for a reviewer."""

from hashlib import sha256

import pytest

from contracts.ids import RequestId
from contracts.parts import PART_BYTES
from orchestrator.domain.errors import Conflict
from orchestrator.flow import reports
from orchestrator.flow.reports import Taking
from orchestrator.vault.blobs import report_name
from tests.integration.api.world import POLICY, World

PLAIN = b"PK" + b"x" * (PART_BYTES + 10)


@pytest.mark.parametrize("plain", [PLAIN, b"PK"], ids=["in pieces", "in one"])
async def test_a_report_is_handed_out_whole_and_ends_the_request(world: World, plain: bytes) -> None:
    request = await world.deliverable(plain)
    answer = await world.call("reviewer", "GET", f"/requests/{request}/report")
    shown = (await world.call("support", "GET", f"/requests/{request}")).json()
    assert answer.content == plain
    assert answer.headers["x-dsar-digest"] == sha256(plain).hexdigest()
    assert answer.headers["content-length"] == str(len(plain))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert (shown["state"], shown["outcome"]) == ("closed", "fulfilled")


async def test_every_download_is_an_entry_of_the_log(world: World) -> None:
    request = await world.deliverable(PLAIN)
    await world.call("reviewer", "GET", f"/requests/{request}/report")
    await world.call("reviewer", "GET", f"/requests/{request}/report")
    read = [each for each in await world.entries() if each["type"] == "data.read"]
    assert [each["actor"] for each in read] == ["reviewer", "reviewer"]


async def test_there_is_no_report_before_there_is_one(world: World) -> None:
    request = await world.verified()
    answer = await world.call("reviewer", "GET", f"/requests/{request}/report")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:dsar:conflict")


@pytest.mark.parametrize("plain", [PLAIN, b"PK"], ids=["in pieces", "in one"])
async def test_a_report_that_cannot_be_opened_does_not_count_as_taken(world: World, plain: bytes) -> None:
    request = await world.deliverable(plain)
    for name in [report_name(RequestId(request), 1, b"k" * 32, n) for n in range(2)]:
        await world.deps.blobs.delete(name)
    answer = await world.call("reviewer", "GET", f"/requests/{request}/report")
    shown = (await world.call("support", "GET", f"/requests/{request}")).json()
    assert answer.status_code >= 500
    assert shown["state"] == "deliverable"
    assert "report.downloaded" not in [each["type"] for each in await world.entries()]


async def test_a_newer_report_than_the_one_that_was_opened_is_not_told_as_taken(world: World) -> None:
    request = RequestId(await world.deliverable())
    async with world.transactions() as tx:
        [refused] = await reports.fetch(tx, [Taking(request=request, by="reviewer", n=2)], policy=POLICY)
    assert isinstance(refused, Conflict)
