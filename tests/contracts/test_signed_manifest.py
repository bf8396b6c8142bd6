"""A manifest's file: signed by a key that it declares, to the byte."""

from base64 import b64encode

import pytest

from contracts.command import Operation
from contracts.identifiers import IdentifierKind
from contracts.keys import SigningKey
from contracts.manifest import Claims, ClassDeclared, KeyDeclared, KeyUse, Manifest
from contracts.signed_manifest import SignedManifest, UnfitManifest, sealing_keys, sign_manifest, signing_keys
from tests.contracts.builders import CRM, CRM_KEY, CRM_SEAL, PROFILE, STRANGER_KEY


def a_manifest(*keys: KeyDeclared) -> Manifest:
    declared = (
        KeyDeclared(use=KeyUse.SIGN, public=b64encode(CRM_KEY.public).decode()),
        KeyDeclared(use=KeyUse.SEAL, public=b64encode(CRM_SEAL.public).decode()),
    )
    return Manifest(
        id=CRM,
        owner="CRM team",
        operations=(Claims(operation=Operation.COLLECT),),
        needs=(IdentifierKind.EMAIL,),
        classes=(ClassDeclared(name=PROFILE, label="Your profile"),),
        keys=keys or declared,
    )


def signed(manifest: Manifest | None = None, *, signer: SigningKey = CRM_KEY) -> SignedManifest:
    return sign_manifest(manifest or a_manifest(), signer)


def test_a_signed_manifest_opens_to_what_was_signed() -> None:
    assert SignedManifest.model_validate_json(signed().to_bytes()).opened() == a_manifest()


def test_a_manifest_declares_its_keys_by_use() -> None:
    assert signing_keys(a_manifest()) == {CRM_KEY.kid: CRM_KEY.public}
    assert sealing_keys(a_manifest()) == {CRM_SEAL.kid: CRM_SEAL.public}


@pytest.mark.parametrize(
    "file",
    [
        signed(signer=STRANGER_KEY),
        signed(signer=STRANGER_KEY).model_copy(update={"kid": CRM_KEY.kid}),
        signed().model_copy(update={"text": signed().text.replace("CRM team", "CRM teem")}),
        signed().model_copy(update={"text": signed().text + " "}),
        signed().model_copy(update={"text": "{}"}),
        signed().model_copy(update={"sig": "ed25519:AAAA"}),
        signed(a_manifest(KeyDeclared(use=KeyUse.SEAL, public=b64encode(CRM_KEY.public).decode()))),
        signed(a_manifest(KeyDeclared(use=KeyUse.SIGN, public="no base64!"))),
    ],
)
def test_a_file_that_was_not_signed_so_is_refused(file: SignedManifest) -> None:
    with pytest.raises(UnfitManifest):
        file.opened()


def test_a_manifests_hash_changes_with_anything_in_it() -> None:
    assert a_manifest().hash == a_manifest().hash
    assert a_manifest().model_copy(update={"owner": "else"}).hash != a_manifest().hash


def test_a_manifest_claims_what_it_names_and_each_once() -> None:
    assert a_manifest().can(Operation.COLLECT)
    assert not a_manifest().can(Operation.ERASE)
    assert a_manifest().classes[0].physical_lag.days == 0
    with pytest.raises(ValueError, match="declared twice"):
        Manifest.model_validate({**a_manifest().model_dump(), "classes": a_manifest().classes * 2})
