"""Custodians: who takes part, when they were last heard, and letting one in."""

from fastapi import APIRouter
from pydantic import BaseModel

from contracts.ids import CustodianId
from contracts.signed_manifest import SignedManifest
from orchestrator.entrypoints.api.deps import Caller, Given
from orchestrator.entrypoints.api.guard import GuardedRoute
from orchestrator.entrypoints.api.permissions import V1
from orchestrator.flow import registry
from orchestrator.store.views import custodians as views

router = APIRouter(prefix=f"{V1}/custodians", tags=["custodians"], route_class=GuardedRoute)


class Listed(BaseModel):
    """All of them."""

    custodians: list[views.CustodianView]


class Admitted(BaseModel):
    """The custodian, by the manifest that counts from now on."""

    id: CustodianId
    manifest_hash: str
    classes: list[str]


@router.get("")
async def list_(deps: Given) -> Listed:
    """List custodians with their workers, as their last heartbeats showed them."""
    async with deps.transactions() as tx:
        return Listed(custodians=await views.custodians(tx))


@router.post("", status_code=201)
async def admit(body: SignedManifest, deps: Given, caller: Caller) -> Admitted:
    """Admit a signed manifest: it counts for every plan frozen from now on."""
    async with deps.transactions() as tx:
        manifest = await registry.admit(tx, body, by=caller.id, entry_id=deps.entry_id())
    return Admitted(id=manifest.id, manifest_hash=manifest.hash, classes=[each.name for each in manifest.classes])
