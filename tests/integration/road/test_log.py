"""The log of a road, and the details apart from it. That it folds back to the tables is checked after every test."""

from sqlalchemy import text

from orchestrator.audit.leaf import commitment
from orchestrator.domain.request import Kind
from orchestrator.store import keys
from orchestrator.store.session import transactions
from orchestrator.vault.details import open_detail
from orchestrator.vault.keys import KeyUse, unwrap
from tests.integration.road.people import asked, fetched, released, the_usual, withdrawn
from tests.integration.road.world import World


async def test_the_story_of_an_access_is_told_in_order(world: World) -> None:
    await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    await released(world, request)
    await world.drive()
    await fetched(world, request)
    assert await world.events(request) == [
        "request.opened",
        "identity.confirmed",
        "plan.frozen",
        "command.issued",
        "answer.accepted",
        "search.round_begun",
        "command.issued",
        "answer.accepted",
        "search.ended",
        "review.released",
        "report.built",
        "data.read",
        "report.downloaded",
    ]


async def test_no_leaf_holds_anything_about_the_person(world: World) -> None:
    await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    await withdrawn(world, request)
    await world.log()
    async with transactions(world.owner)() as tx:
        leaves = (await tx.connection.execute(text("select leaf from audit_entry"))).scalars().all()
    said = b"".join(leaves).lower()
    assert [
        word for word in (b"ann", b"canary", b"example.com", b"passport", b"changed her mind") if word in said
    ] == []


async def test_a_detail_opens_with_the_key_of_its_request_to_what_its_leaf_commits_to(world: World) -> None:
    await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    (leaf,) = [each for each in await world.log() if each.event == "identity.confirmed"]
    async with transactions(world.owner)() as tx:
        pairs = await keys.of_request(tx, request)
        row = (await tx.connection.execute(text("select salt, sealed from audit_detail"))).one()
    assert pairs.link.wrapped is not None
    key = await unwrap(world.link, request, KeyUse.LINK, pairs.link.wrapped)
    said = open_detail(row.sealed, key, request)
    assert said == "passport of Ann Canary seen at the counter"
    assert leaf.commitment == commitment(row.salt, said)


async def test_erasing_the_details_leaves_every_leaf_as_it_was(world: World) -> None:
    await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    await withdrawn(world, request)
    await world.log()
    async with transactions(world.owner)() as tx:
        before = (await tx.connection.execute(text("select seq, leaf from audit_entry order by seq"))).all()
        erased = await tx.connection.execute(text("delete from audit_detail"))
        assert erased.rowcount == 2
    async with transactions(world.owner)() as tx:
        after = (await tx.connection.execute(text("select seq, leaf from audit_entry order by seq"))).all()
    assert [tuple(each) for each in after] == [tuple(each) for each in before]
