"""The API over a migrated database, with a person of each role, and custodians that answer when they are told to."""

import secrets
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.command import Operation
from contracts.identifiers import IdentifierKind, identifier
from contracts.ids import CommandId, EventId, RequestId
from contracts.keys import SealingKey, SigningKey, kid_of
from contracts.manifest import KeyDeclared, KeyUse
from contracts.parts import PART_BYTES, SealedNotes
from contracts.results import ClassResult, Failed, Found
from contracts.sealing import seal
from contracts.signed_manifest import SignedManifest, sign_manifest
from orchestrator.domain.admission import Claim
from orchestrator.domain.approval import Approver, TrustList, approval_bytes
from orchestrator.domain.case import Intent, Policy
from orchestrator.domain.hearing import hear
from orchestrator.domain.issuing import issue
from orchestrator.domain.staff import Role
from orchestrator.domain.task import TaskState
from orchestrator.entrypoints.api.app import app
from orchestrator.entrypoints.api.deps import Deps
from orchestrator.flow import registry, reports, staff
from orchestrator.report.pieces import encrypt_pieces
from orchestrator.store import cases, keys, schema
from orchestrator.store.log import number
from orchestrator.store.reports import Built, take
from orchestrator.store.session import Transaction, Transactions, transactions
from orchestrator.vault.blobs import Blobs, report_name
from orchestrator.vault.identifiers import blind, seal_identifier
from orchestrator.vault.kms import FileKms
from tests.integration.api.box import Box
from tests.unit.domain.builders import a_manifest, an_answer, said, says

POLICY = Policy(environment="test")
BLIND_KEY = b"b" * 32
PERSONAL = {
    name: Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest())
    for name in ("approver", "second", "everything", "stranger")
}
EMAIL = "jane.canary@example.com"
SIGNER = SigningKey.generate(b"s" * 32)
SEALER = SealingKey.generate(b"e" * 32)
Json = dict[str, Any]


def public(name: str) -> bytes:
    return PERSONAL[name].public_key().public_bytes_raw()


def trusted(*names: str) -> TrustList:
    listed = [Approver(staff=name, kid=kid_of(public(name)), public=public(name)) for name in names]
    return {each.kid: each for each in listed}


def token(name: str) -> str:
    return staff.token_of(sha256(name.encode()).digest())


async def people(tx: Transaction) -> None:
    """One person of each role, called like it, another approver, and one who may do everything."""
    roles = {role.value: {role} for role in Role} | {"second": {Role.APPROVER}, "everything": set(Role)}
    for name, theirs in roles.items():
        await staff.add(tx, EventId(uuid4()), staff=name, name=name.title(), roles=theirs, by="system")
        await staff.issue(tx, EventId(uuid4()), staff=name, token=token(name), by="system")


def a_signed_manifest(custodian: str = "crm") -> SignedManifest:
    declared = (
        KeyDeclared(use=KeyUse.SIGN, public=b64encode(SIGNER.public).decode()),
        KeyDeclared(use=KeyUse.SEAL, public=b64encode(SEALER.public).decode()),
    )
    return sign_manifest(a_manifest(custodian).model_copy(update={"keys": declared}), SIGNER)


@dataclass
class World:
    """Everything a test of the API needs."""

    engine: AsyncEngine  # logged in as the API is
    owner: AsyncEngine
    folder: Path
    box: Box = field(default_factory=Box)
    trust: TrustList = field(default_factory=lambda: trusted("approver", "second", "everything"))
    kafka: bool = True
    deps: Deps = field(init=False)
    client: httpx2.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        for name in ("link.kek", "reply.kek"):
            FileKms.create(self.folder / name, secrets.token_bytes(32))
        self.deps = Deps(
            transactions=transactions(self.engine),
            policy=POLICY,
            controller="Example Company",
            trust=lambda: self.trust,
            link_kms=FileKms(self.folder / "link.kek"),
            reply_kms=FileKms(self.folder / "reply.kek"),
            blind_key=BLIND_KEY,
            blobs=Blobs((self.folder / "blobs").as_uri()),
            letters=self.box,
            schema_head=schema.head(),
            broker_answers=self._kafka,
            new_id=uuid4,
            new_secret=lambda: secrets.token_bytes(32),
            clock=lambda: datetime.fromtimestamp(time.time(), UTC),
        )
        transport = httpx2.ASGITransport(app=app(self.deps), raise_app_exceptions=False)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://api.test")

    @property
    def transactions(self) -> Transactions:
        return self.deps.transactions

    async def _kafka(self) -> bool:
        return self.kafka

    async def close(self) -> None:
        await self.client.aclose()
        await self.engine.dispose()
        await self.owner.dispose()

    async def call(
        self, who: str | None, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        own = {} if who is None else {"Authorization": f"Bearer {token(who)}"}
        address = path if path.startswith(("/parts", "/livez", "/readyz", "/metrics")) else f"/api/v1{path}"
        return await self.client.request(method, address, json=body, headers={**own, **(headers or {})})

    async def opened(self, kind: str = "access", **more: object) -> UUID:
        answer = await self.call("support", "POST", "/requests", a_form(kind) | more, {"Idempotency-Key": str(uuid4())})
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["id"])

    async def admitted(self) -> None:
        async with self.transactions() as tx:
            await registry.admit(tx, a_signed_manifest(), by="admin", entry_id=EventId(uuid4()))

    async def verified(self, kind: str = "access") -> UUID:
        await self.admitted()
        request = await self.opened(kind)
        answer = await self.call("verifier", "POST", f"/requests/{request}/verify", VERDICT)
        assert answer.status_code == 200, answer.text
        return request

    async def awaiting_approval(self) -> UUID:
        await self.answered(request := await self.verified("erasure"), Operation.PREVIEW, profile=FOUND)
        return request

    async def sent(self, request: UUID, operation: Operation) -> None:
        """The planned tasks of this operation are issued, as a dispatcher does it."""
        async with self.transactions() as tx:
            await _send(tx, RequestId(request), operation)

    async def answered(self, request: UUID, operation: Operation, *found: Claim, **classes: ClassResult) -> None:
        """The open tasks of this operation are sent, and answered by everybody alike."""
        await self.sent(request, operation)
        async with self.transactions() as tx:
            case = await cases.lock_one(tx, RequestId(request))
            asked = [each for each in case.tasks if each.operation is operation and each.state is TaskState.ISSUED]
            answers = [said(an_answer(each, says(**classes)), claims=found) for each in asked]
            await cases.write(tx, [hear(case, answers, at=tx.now, policy=POLICY)])

    async def failed(self, request: UUID, operation: Operation, *, retryable: bool = False) -> None:
        """Everybody says that it cannot be done: now, or ever."""
        await self.sent(request, operation)
        async with self.transactions() as tx:
            case = await cases.lock_one(tx, RequestId(request))
            outcome = Failed(retryable=retryable, error="Broken")
            answers = [said(an_answer(each, outcome=outcome)) for each in case.tasks if each.operation is operation]
            await cases.write(tx, [hear(case, answers, at=tx.now, policy=POLICY)])

    async def built(self, request: UUID, plain: bytes = b"PK report") -> None:
        """A reporter has built the report of a released request."""
        id_, key, parts = RequestId(request), b"k" * 32, 0
        async for piece in encrypt_pieces(key, _stream(plain), request=id_):
            body = _stream(piece.ciphertext)
            await self.deps.blobs.put_stream(report_name(id_, 1, key, piece.n), body, limit=2 * PART_BYTES)
            parts += 1
        async with transactions(self.owner)() as tx:
            public = (await keys.of_request(tx, id_)).reply.public
            notes = SealedNotes(content_key=b64encode(key).decode())
            sealed = seal(notes.to_bytes(), to=public, kid=kid_of(public), apv=str(id_))
            digest = sha256(plain).hexdigest()
            built = Built(n=1, digest=digest, size=len(plain), parts=parts, sealed_key=sealed)
            [job] = await take(tx, most=1)
            await reports.ended(tx, [(job, built)], policy=POLICY)

    async def deliverable(self, plain: bytes = b"PK report") -> UUID:
        """An access request whose report waits to be fetched."""
        request = await self.verified()
        await self.answered(request, Operation.COLLECT, profile=FOUND)
        await self.call("reviewer", "POST", f"/requests/{request}/release", {})
        await self.built(request, plain)
        return request

    async def claim(self, request: UUID, kind: IdentifierKind, value: str) -> Claim:
        async with self.transactions() as tx:
            link = (await keys.of_request(tx, RequestId(request))).link.public
        known = identifier(kind, value)
        return Claim(kind=kind, blind=blind(BLIND_KEY, known), sealed=seal_identifier(known, link, RequestId(request)))

    async def approval(self, request: UUID, who: str, **other: object) -> Json:
        plan = (await self.call("support", "GET", f"/requests/{request}/plan")).json()
        now = datetime.fromtimestamp(int(time.time()), UTC)
        signed = approval_bytes(environment="test", request=RequestId(request), plan_hash=plan["hash"], signed_at=now)
        return {
            "plan_hash": plan["hash"],
            "kid": kid_of(public(who)),
            "signed_at": int(now.timestamp()),
            "signature": b64encode(PERSONAL[who].sign(signed)).decode(),
        } | other

    async def entries(self) -> list[Json]:
        """The log, numbered by the notary."""
        async with transactions(self.owner)() as tx:
            await number(tx)
        answer = await self.call("auditor", "GET", "/audit?limit=500")
        found: list[Json] = [each["leaf"] for each in answer.json()["entries"]]
        return found


async def _stream(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _send(tx: Transaction, request: RequestId, operation: Operation) -> None:
    case = await cases.lock_one(tx, request)
    planned = [each for each in case.tasks if each.operation is operation and each.state is TaskState.PLANNED]
    rounds = sorted({each.round for each in planned})
    intents = [
        Intent(
            request=request,
            operation=operation,
            round=n,
            tasks=tuple(each.id for each in planned if each.round == n),
            due=case.request.due,
        )
        for n in rounds
    ]
    step, _ = issue(
        case,
        intents,
        commands=[CommandId(uuid4()) for _ in intents],
        bearer=lambda *_: sha256(GRANT.encode()).digest(),
        trust={},
        at=tx.now,
        policy=POLICY,
    )
    await cases.write(tx, [step] if step else [])


GRANT = "a-bearer-of-an-upload-grant"
VERDICT: Json = {"method": "id_card", "evidence": "passport of Jane Canary seen at the counter"}
FOUND = Found(count=3)


def a_form(kind: str = "access") -> Json:
    return {"kind": kind, "identifiers": [{"kind": "email", "value": EMAIL}]}
