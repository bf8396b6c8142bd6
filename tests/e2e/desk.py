"""Staff at work: people of each role, and what they do with a request, through the API alone."""

import asyncio
import secrets
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID, uuid4

import httpx2

from contracts.keys import SigningKey
from orchestrator.embedded.home import write_private
from orchestrator.entrypoints.machine.cast import Actor
from tests.e2e.program import Machine

Json = dict[str, Any]
WITHIN_S = 60.0
EVIDENCE = "Showed up at the counter."
ROLES: Mapping[str, str] = {
    role: role for role in ("support", "verifier", "reviewer", "auditor", "oncall")
} | {"first": "approver", "second": "approver"}  # fmt: skip


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the clock of a person who signs


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Somebody of each role. What they open is remembered."""

    client: httpx2.AsyncClient
    staff: Mapping[str, Actor]
    opened: list[UUID] = field(default_factory=list)

    @classmethod
    async def hired(cls, machine: Machine, client: httpx2.AsyncClient) -> Self:
        """Hire everybody, and have the dispatcher trust the approvers' keys."""
        admin = Actor(id="admin", client=client, token=machine.token)
        staff = {name: await _hire(admin, role) for name, role in ROLES.items()}
        approvers = [each for each in staff.values() if each.key is not None]
        write_private(machine.home / "approvers.toml", "".join(map(_trusted, approvers)))
        return cls(client=client, staff=staff)

    def __getitem__(self, name: str) -> Actor:
        return self.staff[name]

    async def open(self, kind: str, email: str, *more: tuple[str, str]) -> UUID:
        """Take in a request of the person with that e-mail address, and what else they name themselves by."""
        named = [{"kind": each, "value": value} for each, value in (("email", email), *more)]
        body = {"kind": kind, "identifiers": named}
        receipt = await self["support"].post("/api/v1/requests", body, **{"Idempotency-Key": str(uuid4())})
        self.opened.append(UUID(receipt["id"]))
        return self.opened[-1]

    async def verify(self, request: UUID, *, evidence: str = EVIDENCE) -> None:
        await self["verifier"].post(f"/api/v1/requests/{request}/verify", {"method": "counter", "evidence": evidence})

    async def show(self, request: UUID) -> Json:
        shown: Json = await self["support"].get(f"/api/v1/requests/{request}")
        return shown

    async def until(self, request: UUID, *states: str, within_s: float = WITHIN_S) -> Json:
        """Wait until it stands in one of *states*."""
        deadline = time.monotonic() + within_s
        while (shown := await self.show(request))["state"] not in states:
            assert time.monotonic() < deadline, (shown["state"], shown["waiting"])
            assert shown["state"] != "closed", shown["outcome"]
            await asyncio.sleep(0.05)
        return shown

    async def until_blocked(self, request: UUID, by: str, *, within_s: float = WITHIN_S) -> Json:
        """Wait until it cannot go on by itself, for this reason."""
        deadline = time.monotonic() + within_s
        while (shown := await self.show(request))["blocked_by"] != by:
            assert time.monotonic() < deadline, (shown["state"], shown["waiting"])
            await asyncio.sleep(0.05)
        return shown

    async def until_it_waits_for(self, request: UUID, what: str, *, within_s: float = WITHIN_S) -> Json:
        """Wait until this is what it waits for first."""
        deadline = time.monotonic() + within_s
        while (shown := await self.show(request))["waiting"]["waits_for"] != what:
            assert time.monotonic() < deadline, (shown["state"], shown["waiting"])
            await asyncio.sleep(0.05)
        return shown

    async def release(self, request: UUID) -> bytes:
        """Let the report go as soon as the search has ended, and fetch it, which ends the request."""
        await self.until(request, "reviewing")
        await self["reviewer"].post(f"/api/v1/requests/{request}/release", {})
        await self.until(request, "deliverable")
        report = await self["reviewer"].fetch(f"/api/v1/requests/{request}/report")
        await self.until(request, "closed")
        return report

    async def approve(self, request: UUID) -> None:
        """Two people sign the plan as soon as it is whole."""
        await self.until(request, "awaiting_approval")
        for name in ("first", "second"):
            await self[name].sign(request, "local", now)

    async def access(self, email: str, *, evidence: str = EVIDENCE) -> tuple[UUID, bytes]:
        """Drive an access request to its end; return its report too."""
        request = await self.open("access", email)
        await self.verify(request, evidence=evidence)
        return request, await self.release(request)

    async def erasure(self, email: str, *, evidence: str = EVIDENCE) -> Json:
        """Drive an erasure request to its end."""
        request = await self.open("erasure", email)
        await self.verify(request, evidence=evidence)
        await self.approve(request)
        return await self.until(request, "closed")

    async def export(self) -> Sequence[bytes]:
        """Take the log away, once the notary has numbered what has happened so far."""
        lines: list[bytes] = []
        while True:
            before, lines = len(lines), (await self["auditor"].fetch("/api/v1/audit/export")).splitlines()
            if len(lines) == before + 1:  # nothing new but the export before
                return lines
            await asyncio.sleep(0.3)

    async def heard(self, custodian: str, *, since: datetime) -> None:
        """Wait for a heartbeat."""
        deadline = time.monotonic() + WITHIN_S
        while True:
            listed = (await self["support"].get("/api/v1/custodians"))["custodians"]
            heard = next(each["last_heard"] for each in listed if each["id"] == custodian)
            if heard is not None and datetime.fromisoformat(heard) > since:
                return
            assert time.monotonic() < deadline, listed
            await asyncio.sleep(0.1)


async def _hire(admin: Actor, role: str) -> Actor:
    joined = await admin.post("/api/v1/staff", {"name": f"Somebody for {role}", "roles": [role]})
    issued = await admin.post(f"/api/v1/staff/{joined['id']}/tokens", {})
    key = SigningKey.generate(secrets.token_bytes(32)) if role == "approver" else None
    return Actor(id=joined["id"], client=admin.client, token=issued["token"], key=key)


def _trusted(approver: Actor) -> str:
    assert approver.key is not None
    return f'[[approver]]\nstaff = "{approver.id}"\npublic = "{b64encode(approver.key.public).decode()}"\n'
