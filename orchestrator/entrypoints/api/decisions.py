"""What staff decide about a request: who asks, what may be used, whether it goes on."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from contracts.identifiers import IdentifierKind
from contracts.ids import CustodianId, RequestId
from orchestrator.domain.admission import Standing
from orchestrator.domain.case import Step, only
from orchestrator.domain.events import Detail
from orchestrator.entrypoints.api.deps import Caller, Deps, Given
from orchestrator.entrypoints.api.guard import GuardedRoute
from orchestrator.entrypoints.api.permissions import V1
from orchestrator.flow import identity, reading, review
from orchestrator.store import keys
from orchestrator.store.session import Transaction
from orchestrator.store.views import requests as views
from orchestrator.vault.details import seal_detail
from orchestrator.vault.identifiers import open_identifier
from orchestrator.vault.keys import KeyUse, unwrap

router = APIRouter(prefix=f"{V1}/requests/{{request}}", tags=["decisions"], route_class=GuardedRoute)
TEXT = Field(min_length=1, max_length=2000, repr=False)


class Verdict(BaseModel):
    """What a verifier found. `evidence` says what was seen, never holds a copy of it; it is sealed."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    result: Literal["confirmed", "failed"] = "confirmed"
    method: str = Field(pattern=r"^[a-z0-9_-]{1,40}$", description="how it was checked, in one word")
    evidence: str = TEXT


class Release(BaseModel):
    """Whether to go on without custodians that have not answered: the report then names them."""

    model_config = ConfigDict(extra="forbid")
    in_part: bool = False


class Decision(BaseModel):
    """Whether an identifier that a custodian found belongs to the person."""

    model_config = ConfigDict(extra="forbid")
    admit: bool


class Now(BaseModel):
    """Where the request stands after it."""

    id: RequestId
    state: str
    outcome: str | None
    version: int


def now(decided: Step) -> Now:
    """Where a request stands after what was decided."""
    request = decided.request
    return Now(id=request.id, state=request.state, outcome=request.outcome, version=request.version)


class IdentifierRead(BaseModel):
    """An identifier in clear."""

    n: int
    kind: IdentifierKind
    value: str = Field(repr=False)
    standing: Standing
    found_by: CustodianId | None


class IdentifiersRead(BaseModel):
    """All identifiers of a request, in clear."""

    identifiers: list[IdentifierRead]


@router.post("/verify")
async def verify(request: UUID, body: Verdict, deps: Given, caller: Caller) -> Now:
    """Record that the person is who they say, or is not. From a confirmation on, custodians are asked."""
    id_ = RequestId(request)
    async with deps.transactions() as tx:
        evidence = await sealed(deps, tx, id_, body.evidence)
        verdict = identity.Verdict(
            request=id_, confirmed=body.result == "confirmed", method=body.method, evidence=evidence
        )
        decided = only(await identity.judge(tx, [verdict], by=caller.id, policy=deps.policy))
    return now(decided)


@router.post("/identifiers/{n}")
async def decide(
    request: UUID, n: Annotated[int, Path(ge=1, le=2**31 - 1)], body: Decision, deps: Given, caller: Caller
) -> Now:
    """Admit or reject an identifier that a custodian found."""
    async with deps.transactions() as tx:
        await review.decide(tx, RequestId(request), n, admit=body.admit, by=caller.id, policy=deps.policy)
        return await _now(tx, RequestId(request))


@router.get("/identifiers")
async def identifiers(request: UUID, deps: Given, caller: Caller) -> IdentifiersRead:
    """Show the identifiers in clear. That somebody read them is an entry of the log."""
    id_ = RequestId(request)
    async with deps.transactions() as tx:
        read = await reading.identifiers(tx, id_, by=caller.id, policy=deps.policy)
    key = await unwrap(deps.link_kms, id_, KeyUse.LINK, read.wrapped)
    shown = [
        IdentifierRead(
            n=each.n,
            kind=each.kind,
            value=open_identifier(each.sealed, key, id_).value,
            standing=each.standing,
            found_by=each.found_by,
        )
        for each in read.identifiers
    ]
    return IdentifiersRead(identifiers=shown)


async def sealed(deps: Deps, tx: Transaction, request: RequestId, text: str) -> Detail:
    """A text that only the request's own key opens."""
    link = (await keys.of_request(tx, request)).link
    return seal_detail(text, link_public=link.public, request_id=request, salt=deps.new_secret())


async def _now(tx: Transaction, request: RequestId) -> Now:
    held = await views.standing(tx, request)
    return Now(id=request, state=held.state, outcome=held.outcome, version=held.version)
