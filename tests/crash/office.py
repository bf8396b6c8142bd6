"""The office: takes requests in, verifies, approves, releases, cancels; tries again for as long as nobody answers."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import httpx2

from tests.crash.journal import Journal
from tests.crash.people import Course, Person
from tests.crash.reading import seen
from tests.crash.signing import signed_plan
from tests.e2e.desk import Desk

POLL_S: Final = 0.25
AGAIN_S: Final = 0.3
AT_ONCE: Final = 24
PAGE: Final = 500
TIMEOUT_S: Final = 10.0
SAID: Final = 300

Json = dict[str, Any]
Work = Callable[[], Awaitable[None]]
GONE: Final = frozenset({"closed", "shredded"})


@dataclass(frozen=True, slots=True)
class Move:
    """One decision: who makes it, what is posted."""

    who: str
    what: str
    body: Mapping[str, str] = field(default_factory=dict)


MISTAKE: Final = Move("support", "cancel", {"reason": "Was a mistake."})
REGRET: Final = Move("support", "withdraw", {"reason": "Thought again."})
MOVES: Final[Mapping[tuple[str, Course | None], Move]] = MappingProxyType(
    {
        ("received", None): Move("verifier", "verify", {"method": "counter", "evidence": "Showed up at the counter."}),
        ("received", Course.ERASURE_UNVERIFIED): Move(
            "verifier", "verify", {"result": "failed", "method": "counter", "evidence": "Nobody came."}
        ),
        ("reviewing", None): Move("reviewer", "release"),
        ("searching", Course.ACCESS_WITHDRAWN): REGRET,
        ("awaiting_approval", Course.ERASURE_CANCELLED): MISTAKE,
        ("grace", Course.ERASURE_CANCEL_RACES): MISTAKE,
        ("erasing", Course.ERASURE_WITHDRAWN): REGRET,
    }
)
"""By state, and by what a person's request is meant to come to; all others are approved and fetched."""


@dataclass(slots=True)
class File:
    """One person's request, as the office knows it."""

    person: Person
    request: str = ""
    state: str = ""
    outcome: str | None = None
    closed: bool = False
    version: int = 0
    busy: bool = False
    said: str = ""  # what the system says that it waits for


@dataclass(slots=True)
class Office:
    """Drives every request by the state that the system shows. What it was told is in the journal."""

    desk: Desk
    journal: Journal
    came_back: Callable[[Person], Awaitable[None]]  # is a customer again
    files: dict[str, File] = field(default_factory=dict)  # by request
    taken_in: int = 0
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _errors: list[BaseException] = field(default_factory=list)

    async def take_in(self, everybody: Sequence[Person], *, within_s: float) -> None:
        """Take requests in, evenly spread."""
        began = time.monotonic()
        for number, person in enumerate(everybody):
            await asyncio.sleep(max(0.0, began + within_s * number / len(everybody) - time.monotonic()))
            self._begin(partial(self._open, person))
        while self.taken_in < len(everybody):
            self.look_for_errors()
            await asyncio.sleep(POLL_S)

    def open_up(self) -> None:
        """Begin to look at what is open and to do what is to be done; `close` ends it."""
        self._watch(asyncio.ensure_future(self._attend()))

    async def _attend(self) -> None:
        while True:
            shown = await self._open_requests()
            self._look(shown)
            await asyncio.sleep(POLL_S)

    @property
    def progress(self) -> int:
        """A number that grows whenever a request gets on."""
        return sum(each.version + each.closed for each in self.files.values())

    @property
    def waiting(self) -> list[File]:
        """Whose requests have not ended, or are being worked at."""
        return [each for each in self.files.values() if not each.closed or each.busy]

    async def call(self, who: str, method: str, path: str, body: object = None, **headers: str) -> httpx2.Response:
        """Ask until somebody answers; an answer that the system is out of order is none."""
        actor = self.desk[who]
        given = {"Authorization": f"Bearer {actor.token}"} | headers
        while True:
            try:
                response = await self.desk.client.request(method, path, json=body, headers=given, timeout=TIMEOUT_S)
            except httpx2.HTTPError:
                await asyncio.sleep(AGAIN_S)
                continue
            if response.status_code < 500 and response.status_code != 429:
                return response
            await asyncio.sleep(AGAIN_S)

    async def export(self) -> list[bytes]:
        """Take the whole log away."""
        return (await self.call("auditor", "GET", "/api/v1/audit/export")).content.splitlines()

    def _begin(self, work: Work) -> None:
        async def within_slots() -> None:
            async with self._slots:
                await work()

        self._watch(asyncio.ensure_future(within_slots()))

    def _watch(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors.append(error)

    def look_for_errors(self) -> None:
        """Raise what went wrong in the office itself: a run that nobody attended to would prove nothing."""
        if self._errors:
            raise self._errors[0]

    async def _open(self, person: Person) -> None:
        body = {"kind": person.course.kind, "identifiers": [{"kind": "email", "value": person.email}]}
        key = f"person-{person.number}"
        self.journal.note("submitted", key=key, course=person.course, customer=person.customer, email=person.email)
        answer = await self.call("support", "POST", "/api/v1/requests", body, **{"Idempotency-Key": key})
        assert answer.status_code in (200, 201), answer.text
        request = answer.json()["id"]
        self.journal.note("receipt", key=key, request=request)
        self.files[request] = File(person, request=request)
        self.taken_in += 1

    async def _open_requests(self) -> dict[str, Json]:
        found: dict[str, Json] = {}
        after = None
        while True:
            query = f"?which=open&limit={PAGE}" + (f"&after={after}" if after else "")
            page = (await self.call("support", "GET", f"/api/v1/requests{query}")).json()
            found |= {each["id"]: each for each in page["requests"]}
            after = page["next"]
            if after is None:
                return found

    def _look(self, shown: Mapping[str, Json]) -> None:
        for file in list(self.files.values()):
            if file.busy or file.closed:
                continue
            row = shown.get(file.request)
            if row is not None:
                file.version = row["version"]
                file.state, file.said = row["state"], str(row["waiting"])[:SAID]
            work = partial(self._look_closer, file) if row is None else self._move(file, row)
            if work is not None:
                file.busy = True
                self._begin(partial(self._done, file, work))

    async def _done(self, file: File, work: Work) -> None:
        try:
            await work()
        finally:
            file.busy = False

    async def _look_closer(self, file: File) -> None:
        """It is not among the open ones: see how it ended, or that it was too young for the list."""
        shown = (await self.call("support", "GET", f"/api/v1/requests/{file.request}")).json()
        if shown["state"] not in GONE:
            return
        file.state, file.outcome = shown["state"], shown["outcome"]
        self.journal.note("ended", request=file.request, outcome=file.outcome)
        if file.person.course is Course.ERASURE_RETURNS and file.outcome == "erased":
            await self.came_back(file.person)
            self.journal.note("came_back", request=file.request, customer=file.person.customer)
        file.closed = True

    def _move(self, file: File, row: Json) -> Work | None:
        """What is to be done now, by state and by what this person's request is meant to come to."""
        state, course = row["state"], file.person.course
        move = MOVES.get((state, course)) or MOVES.get((state, None))
        if move is not None:
            return partial(self._decide, file, move)
        if state == "awaiting_approval":
            return partial(self._approve, file)
        return partial(self._fetch, file) if state == "deliverable" else None

    async def _decide(self, file: File, move: Move) -> None:
        by = self.desk[move.who].id
        self.journal.note("asked", request=file.request, decision=move.what, by=by)
        answer = await self.call(move.who, "POST", f"/api/v1/requests/{file.request}/{move.what}", move.body)
        self.journal.note("told", request=file.request, decision=move.what, status=answer.status_code, by=by)

    async def _approve(self, file: File) -> None:
        for who in ("first", "second"):
            plan = await self.call(who, "GET", f"/api/v1/requests/{file.request}/plan")
            if plan.status_code != httpx2.codes.OK:
                return
            actor = self.desk[who]
            body = signed_plan(actor, UUID(file.request), plan.json()["document"])
            plan_hash = body["plan_hash"]
            self.journal.note("asked", request=file.request, decision="approve", by=actor.id, plan_hash=plan_hash)
            answer = await self.call(who, "POST", f"/api/v1/requests/{file.request}/approve", body)
            self.journal.note("told", request=file.request, decision="approve", status=answer.status_code, by=actor.id)

    async def _fetch(self, file: File) -> None:
        by = self.desk["reviewer"].id
        self.journal.note("asked", request=file.request, decision="fetch", by=by)
        answer = await self.call("reviewer", "GET", f"/api/v1/requests/{file.request}/report")
        got = {"report": seen(answer.content)} if answer.status_code == httpx2.codes.OK else {}
        self.journal.note("told", request=file.request, decision="fetch", status=answer.status_code, by=by, **got)

    async def close(self) -> None:
        """Let go of what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
