"""Keys in files, and the ring of the public ones."""

import stat
from pathlib import Path

import pytest

from contracts.command import LANE_OF, Lane, Operation
from contracts.ids import CustodianId
from contracts.keys import KeyRing, PublicSigningKey, SealingKey, SigningKey, WrongKeyFile, kid_of
from tests.contracts.builders import ACCESS_KEY, CRM_SEAL, NOW

KeyKind = type[SigningKey] | type[SealingKey]


def test_a_kid_is_the_beginning_of_the_digest() -> None:
    assert kid_of(b"\x00" * 32) == "66687aadf862bd77"


@pytest.mark.parametrize("kind", [SigningKey, SealingKey])
def test_a_saved_key_is_the_one_that_is_loaded(kind: KeyKind, tmp_path: Path) -> None:
    key = kind.generate(b"public test seed of a saved key.")
    key.save(tmp_path / "key.pem")
    assert kind.load(tmp_path / "key.pem").public == key.public
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600


@pytest.mark.parametrize("key", [ACCESS_KEY, CRM_SEAL])
def test_a_key_is_never_overwritten(key: SigningKey | SealingKey, tmp_path: Path) -> None:
    key.save(tmp_path / "key.pem")
    with pytest.raises(FileExistsError):
        key.save(tmp_path / "key.pem")


@pytest.mark.parametrize(("kind", "other"), [(SigningKey, CRM_SEAL), (SealingKey, ACCESS_KEY)])
def test_a_key_of_the_other_use_is_refused(kind: KeyKind, other: SigningKey | SealingKey, tmp_path: Path) -> None:
    other.save(tmp_path / "key.pem")
    with pytest.raises(WrongKeyFile):
        kind.load(tmp_path / "key.pem")


def test_a_file_that_holds_no_key_is_refused_without_showing_it(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----")
    with pytest.raises(WrongKeyFile) as refused:
        SigningKey.load(tmp_path / "key.pem")
    assert "secret" not in str(refused.value)


def test_a_private_key_does_not_show_itself() -> None:
    assert repr(ACCESS_KEY) == "SigningKey()"
    assert repr(CRM_SEAL) == "SealingKey()"


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_public_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        PublicSigningKey(public=b"x" * size, owner="crm")


def test_a_lanes_key_may_order_what_travels_on_the_lane_and_nothing_else() -> None:
    access, erasure = (PublicSigningKey.of_lane(lane, ACCESS_KEY.public).operations for lane in Lane)
    assert access == frozenset({Operation.COLLECT, Operation.PREVIEW, Operation.PROBE})
    assert erasure == frozenset({Operation.ERASE, Operation.HALT})
    assert set(LANE_OF) == set(Operation)


def test_a_custodians_key_may_order_nothing() -> None:
    assert PublicSigningKey.of_custodian(CustodianId("crm"), ACCESS_KEY.public).operations is None


def test_a_ring_finds_by_kid_and_cannot_be_changed() -> None:
    key = PublicSigningKey.of_lane(Lane.ACCESS, ACCESS_KEY.public)
    ring = KeyRing([key])
    assert (list(ring), len(ring), ring.get(key.kid), ring.get("unknown")) == ([key.kid], 1, key, None)
    assert not hasattr(ring, "__setitem__")


def test_a_date_cannot_save_a_revoked_key() -> None:
    key = PublicSigningKey(public=ACCESS_KEY.public, owner="crm", revoked_at=NOW)
    assert not key.counts(NOW, dated=NOW - 1_000_000)
    assert key.counts(NOW - 1)
