"""`dsar demo`: one access and one erasure request, driven to their ends through the API as staff would do it."""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2

from orchestrator.embedded.home import Home, write_private
from orchestrator.entrypoints.machine.cast import (
    FIRST_APPROVER,
    REVIEWER,
    SECOND_APPROVER,
    SUPPORT,
    VERIFIER,
    Cast,
)
from orchestrator.entrypoints.machine.household import Household
from orchestrator.entrypoints.machine.system import System, system
from orchestrator.entrypoints.machine.view import View
from orchestrator.entrypoints.notary import INTERVAL_S
from orchestrator.settings import Role, Settings
from orchestrator.store.session import connect, transactions
from orchestrator.store.views import log

WHO_ASKS: Final[Mapping[str, str]] = {"access": "ada.lindqvist@example.com", "erasure": "bruno.keller@example.org"}
"""Two of the made-up people in the samples' stores."""

GIVE_UP_S: Final = 60.0
POLL_S: Final = 0.1
Json = dict[str, Any]


class DemoStuck(RuntimeError):
    """A request did not get where it should within a minute. The message says what it waits for."""


@dataclass(slots=True, kw_only=True)
class Demo:
    """The two requests on their way."""

    cast: Cast
    view: View
    environment: str
    now: Callable[[], datetime]
    shown: dict[str, Json] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    async def access(self, report: Path) -> None:
        """Open, verify, wait for the search, release, fetch the report."""
        began = time.monotonic()
        request = await self._opened("access")
        await self._until("access", request, "reviewing")
        await self.cast[REVIEWER].post(f"/api/v1/requests/{request}/release", {})
        await self._until("access", request, "deliverable")
        data = await self.cast[REVIEWER].fetch(f"/api/v1/requests/{request}/report")
        await asyncio.to_thread(_keep_private, report, data)
        await self._until("access", request, "closed")
        self.seconds["access"] = time.monotonic() - began

    async def erasure(self) -> None:
        """Open, verify, wait for the previews, sign twice, wait for the end."""
        began = time.monotonic()
        request = await self._opened("erasure")
        await self._until("erasure", request, "awaiting_approval")
        for name in (FIRST_APPROVER, SECOND_APPROVER):
            await self.cast[name].sign(request, self.environment, self.now)
        await self._until("erasure", request, "closed")
        self.seconds["erasure"] = time.monotonic() - began

    async def _opened(self, kind: str) -> UUID:
        body = {"kind": kind, "identifiers": [{"kind": "email", "value": WHO_ASKS[kind]}]}
        opened = await self.cast[SUPPORT].post("/api/v1/requests", body, **{"Idempotency-Key": str(uuid4())})
        request = UUID(opened["id"])
        seen = {"method": "in_person", "evidence": "Showed up at the counter; the account's photo matches."}
        await self.cast[VERIFIER].post(f"/api/v1/requests/{request}/verify", seen)
        return request

    async def _until(self, kind: str, request: UUID, state: str) -> None:
        deadline = time.monotonic() + GIVE_UP_S
        while True:
            shown = await self.cast[SUPPORT].get(f"/api/v1/requests/{request}")
            self.shown[kind] = shown
            self.view.update(kind, shown)
            if shown["state"] in (state, "closed"):
                return
            if time.monotonic() > deadline:
                raise DemoStuck(f"the {kind} request is {shown['state']}: {shown['waiting']}")
            await asyncio.sleep(POLL_S)


def _keep_private(file: Path, data: bytes) -> None:
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of it."""

    shown: Mapping[str, Json]
    seconds: Mapping[str, float]
    report: Path
    audit_entries: int
    total_s: float
    root: Path


def demo(settings: Settings, view: View) -> Played:
    """Play it in a home of its own, beside that of `dsar up`, and leave nothing running."""
    own = settings.model_copy(
        update={"home": settings.root / "demo", "grace_seconds": 0.0, "watch_days": (), "instance": "demo"}
    )
    with Home.opened(own.root) as home:
        return asyncio.run(_play(home, own, view))


async def _play(home: Home, settings: Settings, view: View) -> Played:
    began = time.monotonic()
    view.say("starting PostgreSQL, Kafka, the roles and three sample custodians …")
    async with system(home, settings, reseed=True) as running:
        view.say(f"ready after {time.monotonic() - began:.1f} s")
        token = (home.root / "token").read_text(encoding="utf-8")
        async with httpx2.AsyncClient(base_url=running.url, timeout=30.0) as client:
            cast = await Cast.hired(client, token, secrets.token_bytes)
            write_private(settings.approvers(), cast.trust_list())
            playing = Demo(
                cast=cast,
                view=view,
                environment=settings.environment,
                now=partial(datetime.now, UTC),  # noqa: TID251 - an entrypoint
            )
            report = home.root / "report.zip"
            with view.live():
                await asyncio.gather(playing.access(report), playing.erasure())
        return Played(
            shown=playing.shown,
            seconds=playing.seconds,
            report=report,
            audit_entries=await _entries(running),
            total_s=time.monotonic() - began,
            root=home.root,
        )


async def _entries(running: System) -> int:
    """How many entries the log has, once the notary has numbered the last of them."""
    engine = connect(Household(running.root).url_of(Role.API, running.running.database_url), pool_size=1)
    known, count = -1, 0
    try:
        while count != known:
            known = count
            await asyncio.sleep(3 * INTERVAL_S)
            async with transactions(engine)() as tx:
                count = await log.last(tx) + 1
    finally:
        await engine.dispose()
    return count
