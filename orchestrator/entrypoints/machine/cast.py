"""The staff of the demo: each with a role, a token and, for approvers, a personal key; all through the API."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Self
from uuid import UUID

import httpx2

from contracts.ids import RequestId
from contracts.keys import SigningKey
from orchestrator.domain.approval import approval_bytes
from orchestrator.domain.plan import hash_of

SUPPORT: Final = "support"
VERIFIER: Final = "verifier"
REVIEWER: Final = "reviewer"
FIRST_APPROVER: Final = "approver one"
SECOND_APPROVER: Final = "approver two"
CAST: Final[Mapping[str, str]] = {
    SUPPORT: "support",
    VERIFIER: "verifier",
    REVIEWER: "reviewer",
    FIRST_APPROVER: "approver",
    SECOND_APPROVER: "approver",
}


class Refused(RuntimeError):
    """The API said no. The message is the problem's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody with a token."""

    id: str
    client: httpx2.AsyncClient
    token: str = field(repr=False)
    key: SigningKey | None = None

    async def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Read JSON; raise `Refused`."""
        return _told(await self.client.get(path, headers=self._headers()))

    async def post(self, path: str, body: Mapping[str, object], **headers: str) -> Any:  # noqa: ANN401 - JSON
        """Send JSON and read JSON; raise `Refused`."""
        return _told(await self.client.post(path, json=body, headers=self._headers() | headers))

    async def fetch(self, path: str) -> bytes:
        """Read bytes; raise `Refused`."""
        response = await self.client.get(path, headers=self._headers())
        if response.is_error:
            _told(response)
        return response.content

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def sign(self, request: UUID, environment: str, now: Callable[[], datetime]) -> None:
        """Look at the plan, hash it oneself, sign the hash, hand the signature in."""
        if self.key is None:
            raise Refused("only an approver has a key")
        plan = await self.get(f"/api/v1/requests/{request}/plan")
        digest = hash_of(plan["document"])
        signed_at = now().astimezone(UTC).replace(microsecond=0)
        signed = approval_bytes(
            environment=environment, request=RequestId(request), plan_hash=digest, signed_at=signed_at
        )
        body = {
            "plan_hash": digest,
            "kid": self.key.kid,
            "signed_at": int(signed_at.timestamp()),
            "signature": b64encode(self.key.sign(signed)).decode(),
        }
        await self.post(f"/api/v1/requests/{request}/approve", body)


def _told(response: httpx2.Response) -> Any:  # noqa: ANN401 - JSON
    if response.is_error:
        problem = response.json() if "json" in response.headers.get("content-type", "") else {}
        raise Refused(problem.get("detail") or f"HTTP {response.status_code}")
    return response.json()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Everybody that the demo needs, by what they do."""

    actors: Mapping[str, Actor]

    def __getitem__(self, name: str) -> Actor:
        return self.actors[name]

    @classmethod
    async def hired(cls, client: httpx2.AsyncClient, admin_token: str, secret: Callable[[int], bytes]) -> Self:
        """Add the staff and issue their tokens, as an admin would."""
        admin = Actor(id="admin", client=client, token=admin_token)
        actors = {}
        for name, role in CAST.items():
            joined = await admin.post("/api/v1/staff", {"name": f"Demo {name}", "roles": [role]})
            issued = await admin.post(f"/api/v1/staff/{joined['id']}/tokens", {})
            key = SigningKey.generate(secret(32)) if role == "approver" else None
            actors[name] = Actor(id=joined["id"], client=client, token=issued["token"], key=key)
        return cls(actors=actors)

    def trust_list(self) -> str:
        """The approvers, as the dispatcher's configuration names them."""
        rows = [
            f'[[approver]]\nstaff = "{each.id}"\npublic = "{b64encode(each.key.public).decode()}"\n'
            for each in self.actors.values()
            if each.key is not None
        ]
        return "\n".join(rows)
