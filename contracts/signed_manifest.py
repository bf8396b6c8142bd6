"""A manifest as a file: its exact text, signed by a key that it declares itself."""

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Final

from pydantic import Field, ValidationError

from contracts.framing import framed
from contracts.keys import SigningKey, kid_of
from contracts.manifest import KeyUse, Manifest
from contracts.signing import sign, verify
from contracts.wire import Wire

MANIFEST_DOMAIN: Final = b"dsar-manifest-v1"


class UnfitManifest(ValueError):
    """The file is no manifest, or its signature does not fit. The message says which."""


class SignedManifest(Wire):
    """What `dsar-custodian manifest` writes and an admin admits. `text` is the manifest's JSON, byte for byte."""

    text: str
    kid: str
    sig: str = Field(repr=False)

    def opened(self) -> Manifest:
        """Return the manifest; raise `UnfitManifest` unless a signing key that it declares has signed this text.

        That proves who holds the key, not that the custodian is who it says: admitting is for a person.
        """
        try:
            manifest = Manifest.model_validate_json(self.text)
        except ValidationError:
            raise UnfitManifest("not a manifest of a version that is known here") from None
        public = signing_keys(manifest).get(self.kid)
        if public is None or not verify(self.sig, public, _signed(self.text)):
            raise UnfitManifest("not signed by a signing key that the manifest declares")
        return manifest


def sign_manifest(manifest: Manifest, signer: SigningKey) -> SignedManifest:
    """Sign *manifest*; its keys must include *signer*'s public half."""
    text = manifest.to_bytes().decode()
    return SignedManifest(text=text, kid=signer.kid, sig=sign(signer, _signed(text)))


def signing_keys(manifest: Manifest) -> dict[str, bytes]:
    """Return the raw signing keys that *manifest* declares, by kid."""
    return _keys(manifest, KeyUse.SIGN)


def sealing_keys(manifest: Manifest) -> dict[str, bytes]:
    """Return the raw sealing keys that *manifest* declares, by kid."""
    return _keys(manifest, KeyUse.SEAL)


def _keys(manifest: Manifest, use: KeyUse) -> dict[str, bytes]:
    found = {}
    for each in manifest.keys:
        if each.use is use:
            try:
                public = b64decode(each.public, validate=True)
            except Base64Error:
                raise UnfitManifest("a key is not base64") from None
            found[kid_of(public)] = public
    return found


def _signed(text: str) -> bytes:
    return MANIFEST_DOMAIN + framed(text.encode())
