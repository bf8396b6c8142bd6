"""Staff at work: whatever waits for a person is pushed on at once, the oldest request first, through the API alone."""

import asyncio
import heapq
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic, time
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg

from contracts.ids import RequestId
from orchestrator.domain.approval import approval_bytes
from orchestrator.domain.plan import hash_of
from orchestrator.entrypoints.machine.cast import (
    FIRST_APPROVER,
    REVIEWER,
    SECOND_APPROVER,
    SUPPORT,
    VERIFIER,
    Actor,
    Cast,
)
from tests.bench.figures import Span
from tests.bench.stage import ENVIRONMENT
from tests.bench.talk import Talk
from tests.bench.world import Asked

AT_ONCE: Final = 50
HANDS: Final = 6
STATES: Final = """
select id, state, blocked_by from request where id = any($1::uuid[]) and state = any($2::text[])
"""
COUNTS: Final = "select state, count(*) as n from request where id = any($1::uuid[]) group by state"


class Stuck(RuntimeError):
    """Nothing goes on. The message says in which states requests stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """The staff, their way to the API, and a look at the table of requests instead of lists: looking is not counted."""

    cast: Cast
    talk: Talk
    owner: asyncpg.Connection

    async def open(self, kind: str, asked: Sequence[Asked]) -> list[UUID]:
        rows = [{"kind": kind, "identifiers": each.identifiers, "idempotency_key": str(uuid4())} for each in asked]
        told = await self.talk.json("POST", "/requests", self.cast[SUPPORT].token, {"requests": rows})
        return [UUID(each["id"]) for each in told["results"]]

    async def verify(self, requests: Sequence[UUID]) -> None:
        seen = {"method": "counter", "evidence": "Showed up at the counter."}
        await self._decide("verify", self.cast[VERIFIER], [{"id": str(each), **seen} for each in requests])

    async def release(self, requests: Sequence[UUID]) -> None:
        await self._decide("release", self.cast[REVIEWER], [{"id": str(each)} for each in requests])

    async def approve(self, requests: Sequence[UUID]) -> None:
        """Two people look at the plans, and sign them."""
        for name in (FIRST_APPROVER, SECOND_APPROVER):
            actor = self.cast[name]
            wanted = "&".join(f"id={each}" for each in requests)
            told = await self.talk.json("GET", f"/plans?{wanted}", actor.token)
            await self._decide("approve", actor, [_signed(actor, each["plan"]["document"]) for each in told["results"]])

    async def _decide(self, what: str, actor: Actor, rows: Sequence[Mapping[str, object]]) -> None:
        told = await self.talk.json("POST", f"/requests/{what}", actor.token, {"requests": rows})
        if refused := [each for each in told["results"] if each["status"] != 200]:
            raise Stuck(f"{what}: {refused[0]}")

    async def fetch(self, request: UUID) -> bytes:
        return await self.talk.call("GET", f"/requests/{request}/report", self.cast[REVIEWER].token)

    async def standing(self, requests: Sequence[UUID], states: Sequence[str]) -> list[tuple[UUID, str, str | None]]:
        rows = await self.owner.fetch(STATES, requests, states)
        return [(UUID(int=row["id"].int), row["state"], row["blocked_by"]) for row in rows]

    async def states(self, requests: Sequence[UUID]) -> Mapping[str, int]:
        return {row["state"]: row["n"] for row in await self.owner.fetch(COUNTS, requests)}


def _signed(actor: Actor, document: dict[str, Any]) -> dict[str, object]:
    assert actor.key is not None
    digest, signed_at = hash_of(document), int(time())
    signed = approval_bytes(
        environment=ENVIRONMENT,
        request=RequestId(UUID(document["request"])),
        plan_hash=digest,
        signed_at=datetime.fromtimestamp(signed_at, UTC),
    )
    signature = b64encode(actor.key.sign(signed)).decode()
    return {
        "id": document["request"],
        "plan_hash": digest,
        "kid": actor.key.kid,
        "signed_at": signed_at,
        "signature": signature,
    }


NEXT: Final[Mapping[str, Mapping[str, str]]] = {
    "access": {"reviewing": "release", "deliverable": "fetch"},
    "erasure": {"awaiting_approval": "approve", "closed": "end"},
}
"""What is to be done about a request in a state."""


@dataclass(slots=True, kw_only=True)
class Drive:
    """Requests of one kind on their way, from the first POST to the last close."""

    office: Office
    kind: str
    look_every_s: float = 0.05
    stuck_s: float = 60.0
    sizes: list[int] = field(default_factory=list)  # of the reports
    _number: dict[UUID, int] = field(default_factory=dict)
    _posted: dict[UUID, float] = field(default_factory=dict)
    _closed: dict[UUID, float] = field(default_factory=dict)
    _owed: list[tuple[int, str, UUID]] = field(default_factory=list)  # a heap: the oldest request first
    _there: asyncio.Event = field(default_factory=asyncio.Event)
    _pushed: set[tuple[UUID, str]] = field(default_factory=set)
    _moved: float = 0.0

    async def through(self, asked: Sequence[Asked]) -> list[Span]:
        """Drive them all to their ends."""
        self._moved = monotonic()
        async with asyncio.TaskGroup() as tasks:
            hands = [tasks.create_task(self._hand()) for _ in range(HANDS)]
            posting = tasks.create_task(self._post(asked))
            while len(self._closed) < len(asked):
                await asyncio.sleep(self.look_every_s)
                await self._look()
            await posting
            for hand in hands:
                hand.cancel()
        return [Span(posted=self._posted[each], closed=self._closed[each]) for each in self._number]

    async def _post(self, asked: Sequence[Asked]) -> None:
        """Post them all, fifty at a time, one after the other."""
        for first in range(0, len(asked), AT_ONCE):
            posted = monotonic()
            for request in await self.office.open(self.kind, asked[first : first + AT_ONCE]):
                self._number[request] = len(self._number)
                self._posted[request] = posted
                self._push(request, "verify")

    def _push(self, request: UUID, what: str) -> None:
        if (request, what) not in self._pushed:
            self._pushed.add((request, what))
            heapq.heappush(self._owed, (self._number[request], what, request))
            self._there.set()

    async def _hand(self) -> None:
        while True:
            while not self._owed:
                self._there.clear()
                await self._there.wait()
            await self._do(*self._taken())
            self._moved = monotonic()

    def _taken(self) -> tuple[str, list[UUID]]:
        """What is to be done about the oldest request, and all others about which the same is to be done."""
        what = self._owed[0][1]
        most = 1 if what == "fetch" else AT_ONCE
        same = heapq.nsmallest(most, (each for each in self._owed if each[1] == what))
        taken = {each[2] for each in same}
        self._owed = [each for each in self._owed if each[1] != what or each[2] not in taken]
        heapq.heapify(self._owed)
        return what, [each[2] for each in same]

    async def _do(self, what: str, requests: list[UUID]) -> None:
        match what:
            case "verify":
                await self.office.verify(requests)
            case "release":
                await self.office.release(requests)
            case "approve":
                await self.office.approve(requests)
            case _:
                self.sizes.append(len(await self.office.fetch(requests[0])))
                self._closed[requests[0]] = monotonic()

    async def _look(self) -> None:
        following = NEXT[self.kind]
        open_ = [each for each in self._number if each not in self._closed]
        for request, state, blocked in await self.office.standing(open_, list(following)):
            if blocked is not None:
                raise Stuck(f"{request} is {state}, blocked by {blocked}")
            if following[state] == "end":
                self._closed[request] = self._moved = monotonic()
            else:
                self._push(request, following[state])
        if monotonic() - self._moved > self.stuck_s:
            raise Stuck(f"{len(open_)} are open: {await self.office.states(open_)}")
