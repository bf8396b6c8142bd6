"""What happens when a custodian is admitted, and when it says that it lives."""

from collections.abc import Mapping, Sequence

from contracts.heartbeat import Heartbeat
from contracts.ids import EventId
from contracts.keys import PublicSigningKey, kid_of
from contracts.manifest import KeyUse, Manifest
from contracts.sealing import seal
from contracts.signed_manifest import SignedManifest, UnfitManifest, sealing_keys, signing_keys
from orchestrator.domain.errors import Forbidden, InvalidInput
from orchestrator.domain.events import Entry, Event
from orchestrator.domain.task import LEASES
from orchestrator.store import cases, registry
from orchestrator.store.session import Transaction

RENEWAL_S = max(int(each.total_seconds()) for each in LEASES.values())
"""What a heartbeat adds to the lease of a task that it names as running."""


async def admit(tx: Transaction, file: SignedManifest, *, by: str, entry_id: EventId) -> Manifest:
    """Let a custodian take part in every plan from now on, or replace its manifest.

    Raises `InvalidInput` for a file that is no manifest or not signed by its own key, `Forbidden` if the custodian
    is known and a stranger's key has signed its new manifest.
    """
    try:
        manifest = file.opened()
        declared = {KeyUse.SIGN: signing_keys(manifest), KeyUse.SEAL: sealing_keys(manifest)}
    except UnfitManifest as unfit:
        raise InvalidInput(str(unfit)) from None
    _check_keys(declared)
    owners = await registry.owners(tx, [kid_of(public) for found in declared.values() for public in found.values()])
    if owners - {manifest.id}:
        raise Forbidden("a key of this manifest belongs to another custodian; make keys of its own")
    known = {each.kid for each in await registry.signing_keys(tx) if each.owner == manifest.id and not each.revoked_at}
    if known and file.kid not in known:
        raise Forbidden("this custodian is known under another key; sign the manifest with that one")
    keys = [(use, public) for use, found in declared.items() for public in found.values()]
    await registry.admit(tx, manifest, keys, body=file.text.encode(), signature=file.sig, by=by)
    facts = {"manifest": manifest.hash, "kid": file.kid}
    entry = Entry(
        id=entry_id, event=Event.CUSTODIAN_ADMITTED, at=tx.now, actor=by, custodian=manifest.id, facts=dict(facts)
    )
    await cases.append(tx, [entry])
    return manifest


def _check_keys(declared: Mapping[KeyUse, Mapping[str, bytes]]) -> None:
    """Try every key before it counts: one that cannot be used later would stop everybody, not only its owner."""
    if not declared[KeyUse.SEAL]:
        raise InvalidInput("the manifest declares no sealing key: nothing could be sent to this custodian")
    try:
        for kid, public in declared[KeyUse.SEAL].items():
            seal(b"{}", to=public, kid=kid, apv="check")
        for public in declared[KeyUse.SIGN].values():
            PublicSigningKey(public=public, owner="check")
    except ValueError:
        raise InvalidInput("a key of the manifest is none: each is base64 of 32 raw bytes") from None


async def heard(tx: Transaction, heartbeats: Sequence[Heartbeat]) -> None:
    """Write down who lives, and renew the leases of what they are working on, in the caller's transaction."""
    if heartbeats:
        await registry.heard(tx, heartbeats, lease_s=RENEWAL_S)
