"""Uploads: only by the grant of their own issue, only while it is waited for, each part once, no more than granted."""

from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256

import pytest
from sqlalchemy import text

from contracts.command import Slice
from contracts.slices import slice_of
from orchestrator.domain.errors import Conflict, Forbidden
from orchestrator.domain.issuing import MAX_ISSUE_BYTES
from orchestrator.domain.request import Kind
from orchestrator.entrypoints.api.together import Together
from orchestrator.flow import uploads
from orchestrator.flow.uploads import Admission, GrantExpired, Standing, TooMuch
from orchestrator.settings import Role
from orchestrator.store.parts import Place
from orchestrator.store.session import transactions
from orchestrator.vault.blobs import TooLarge
from tests.integration.road.custodian import STUFF, FakeCustodian
from tests.integration.road.people import asked, released, the_usual
from tests.integration.road.world import World

PART = b"a part"


async def granted(world: World) -> Slice:
    """The slice with the grant of a collect that waits for its upload."""
    profiles, _ = await the_usual(world)
    profiles.uploads = False
    await asked(world, Kind.ACCESS)
    await world.dispatch()
    await world.answered_by(profiles)
    return content_of(profiles)


def content_of(custodian: FakeCustodian) -> Slice:
    return slice_of(custodian.commands[-1].message, custodian.id, {custodian.sealer.kid: custodian.sealer})


async def admit(
    world: World, content: Slice, *, n: int = 0, issue_no: int = 1, bearer: str | None = None, part: bytes = PART
) -> Admission:
    assert content.grant is not None
    place = Place(task=content.task_id, issue_no=issue_no, n=n)
    given = content.grant.bearer if bearer is None else bearer
    announced = uploads.Announced(place=place, bearer=given, digest=sha256(part).hexdigest())
    return await Together(world.tx[Role.API])(uploads.admit, announced)


async def test_a_grant_says_where_to_put_one_part_and_where_to_send_many(world: World) -> None:
    content = await granted(world)
    assert content.grant is not None
    assert content.grant.url == f"http://api.test/parts/{content.task_id}/{content.issue_no}"
    assert content.grant.bundle_url == "http://api.test/parts"


@pytest.mark.parametrize("bearer", ["", "of somebody else"])
async def test_a_wrong_bearer_may_nothing(world: World, bearer: str) -> None:
    content = await granted(world)
    with pytest.raises(Forbidden, match="no grant"):
        await admit(world, content, bearer=bearer)


async def test_a_grant_is_for_its_own_issue_only(world: World) -> None:
    content = await granted(world)
    with pytest.raises(Forbidden, match="no grant"):
        await admit(world, content, issue_no=2)


async def test_the_bearer_of_an_earlier_issue_may_still_bring_that_issue_and_not_the_next(world: World) -> None:
    first = await granted(world)
    profiles = world.custodians["profiles"]
    world.put([profiles.beat(int(world.now()))])
    await world.file()
    profiles.silent = True
    await world.later(minutes=11)
    await world.later(minutes=1)
    await world.answered_by(profiles)
    second = content_of(profiles)
    assert (first.task_id, second.issue_no) == (second.task_id, 2)
    assert first.grant is not None
    assert (await admit(world, first)).standing is Standing.WANTED
    with pytest.raises(Forbidden, match="no grant"):
        await admit(world, second, issue_no=2, bearer=first.grant.bearer)


async def test_an_expired_grant_may_nothing(world: World) -> None:
    content = await granted(world)
    world.ahead += world.policy.grace * 24
    with pytest.raises(GrantExpired):
        await admit(world, content)


async def test_nothing_is_taken_for_a_search_that_is_over(world: World) -> None:
    content = await granted(world)
    await world.drive()
    (request,) = {each.message.request_id for each in world.custodians["profiles"].commands}
    await released(world, request, in_part=True)
    with pytest.raises(GrantExpired):
        await admit(world, content)


async def test_a_part_lies_there_once(world: World) -> None:
    content = await granted(world)
    await world.upload(content, 0, STUFF, PART)
    assert (await admit(world, content)).standing is Standing.HELD
    with pytest.raises(Conflict, match="another part"):
        await admit(world, content, part=b"another")
    assert (await admit(world, content, n=1, part=b"another")).standing is Standing.WANTED


async def test_what_is_more_than_was_granted_is_refused(world: World) -> None:
    content = await granted(world)
    await world.upload(content, 0, STUFF, PART)
    left = MAX_ISSUE_BYTES - len(PART)
    admission = await admit(world, content, n=1)
    assert admission.limit == left
    with pytest.raises(TooLarge):
        await world.blobs.put_stream("x", one(PART), limit=replace(admission, limit=3).limit)
    async with transactions(world.owner)() as tx:
        await tx.connection.execute(text("update part set size = :size"), {"size": MAX_ISSUE_BYTES})
    with pytest.raises(TooMuch):
        await admit(world, content, n=1)


async def one(data: bytes) -> AsyncIterator[bytes]:
    yield data
