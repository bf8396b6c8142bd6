"""What staff do to a request that is stuck: tried first without a trace, then done, and in the log with its reason."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from uuid import UUID

import pytest
from sqlalchemy import text

from contracts.command import Operation
from orchestrator.store.session import transactions
from tests.integration.api.box import a_letter
from tests.integration.api.test_cli import dsar
from tests.integration.api.world import World

PERSONAL: Final = "jane.canary@example.com called and was angry"
WORDS: Final = {"reason": PERSONAL}
EVERYTHING: Final = text("""
    select (select json_agg(r order by r.id) from request r), (select json_agg(t order by t.id) from task t),
           (select count(*) from audit_pending), (select count(*) from audit_detail), (select count(*) from outbox),
           (select count(*) from report), (select count(*) from dead_letter)
""")


async def failed(world: World) -> UUID:
    request = await world.verified("erasure")
    await world.failed(request, Operation.PREVIEW)
    return request


async def owed(world: World) -> UUID:
    request = await world.verified("access")
    await world.sent(request, Operation.COLLECT)
    return request


async def as_it_is(world: World) -> object:
    async with transactions(world.owner)() as tx:
        return tuple((await tx.connection.execute(EVERYTHING)).one())


CASES: Final[Mapping[str, tuple[str, Callable[[World], Awaitable[UUID]], Mapping[str, object], str]]] = {
    "retry": ("oncall", failed, WORDS, "task.retried"),
    "release": ("reviewer", owed, WORDS | {"in_part": True}, "review.released"),
    "cancel": ("support", failed, WORDS, "request.cancelled"),
    "withdraw": ("support", failed, WORDS, "request.withdrawn"),
}


@pytest.mark.parametrize("what", CASES)
async def test_a_dry_run_says_what_the_decision_would_say_and_leaves_no_trace(world: World, what: str) -> None:
    who, prepare, body, _ = CASES[what]
    request = await prepare(world)
    before = await as_it_is(world)
    tried = await world.call(who, "POST", f"/requests/{request}/{what}", {**body, "dry_run": True})
    assert (tried.status_code, await as_it_is(world)) == (200, before)
    done = await world.call(who, "POST", f"/requests/{request}/{what}", body)
    assert done.json() == tried.json() | {"dry_run": False}
    assert await as_it_is(world) != before


@pytest.mark.parametrize("what", CASES)
async def test_a_reason_is_sealed_and_only_a_commitment_to_it_is_in_the_log(world: World, what: str) -> None:
    who, prepare, body, event = CASES[what]
    request = await prepare(world)
    await world.call(who, "POST", f"/requests/{request}/{what}", body)
    leaf = next(each for each in await world.entries() if each["type"] == event)
    assert leaf["c"]
    assert "canary" not in str(await world.entries())
    async with transactions(world.owner)() as tx:
        sealed = (await tx.connection.execute(text("select sealed from audit_detail"))).scalars().all()
    assert sealed
    assert not any("canary" in each for each in sealed)


async def test_what_is_refused_is_refused_in_a_dry_run_too(world: World) -> None:
    request = await world.verified()
    tried = await world.call("oncall", "POST", f"/requests/{request}/retry", {"dry_run": True})
    forbidden = await world.call("auditor", "POST", f"/requests/{request}/retry", {"dry_run": True})
    assert (tried.status_code, forbidden.status_code) == (409, 403)


async def test_a_retry_names_whom_it_asks(world: World) -> None:
    request = await failed(world)
    told = (await dsar(world, "oncall", "request", "retry", str(request), "--dry-run")).stdout
    assert "crm: preview, round 2, planned" in told
    assert "nothing was changed; leave out --dry-run to do it" in told


@pytest.mark.parametrize("what", ["replay", "drop"])
async def test_a_letter_that_is_only_tried_is_neither_sent_nor_decided(world: World, what: str) -> None:
    world.box.letters.append(a_letter())
    before = await as_it_is(world)
    tried = await world.call("oncall", "POST", f"/dead-letters/0/3/{what}", {"reason": "drill", "dry_run": True})
    assert tried.json()["decided"]["decision"] == {"replay": "replayed", "drop": "dropped"}[what]
    assert (await as_it_is(world), world.box.replayed) == (before, [])


@pytest.mark.parametrize("what", ["replay", "drop"])
async def test_why_a_letter_was_decided_stands_in_the_log_in_words_of_ours(world: World, what: str) -> None:
    world.box.letters.append(a_letter())
    body = {"reason": "repaired", "ticket": "OPS-12"}
    await world.call("oncall", "POST", f"/dead-letters/0/3/{what}", body)
    facts = (await world.entries())[0]["facts"]
    assert (facts["why"], facts["ticket"]) == ("repaired", "OPS-12")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": PERSONAL},
        {"reason": "other", "ticket": PERSONAL},
        {"reason": "other", "ticket": "jane.canary"},
        {"reason": "other", "ticket": "x" * 41},
    ],
)
async def test_nothing_personal_fits_where_no_key_could_seal_it(world: World, body: Mapping[str, str]) -> None:
    world.box.letters.append(a_letter())
    refused = await world.call("oncall", "POST", "/dead-letters/0/3/drop", body)
    assert refused.status_code == 422
    assert "canary" not in refused.text
