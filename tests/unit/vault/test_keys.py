from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import RequestId
from orchestrator.vault.keys import KeyUse, new_pair, unwrap, wrap_pair
from orchestrator.vault.kms import CannotUnwrap, FileKms, UnfitKeyFile, Wrapped

REQUEST = RequestId(UUID(int=1))
OTHER_REQUEST = RequestId(UUID(int=2))


def a_kms(folder: Path, name: str = "link.kek", byte: int = 7) -> FileKms:
    FileKms.create(folder / name, bytes([byte]) * 32)
    return FileKms(folder / name)


async def test_a_wrapped_key_opens_again(tmp_path: Path) -> None:
    kms = a_kms(tmp_path)
    public, private = new_pair(b"s" * 32)
    wrapped = await wrap_pair(kms, REQUEST, KeyUse.LINK, private)
    assert (await unwrap(kms, REQUEST, KeyUse.LINK, wrapped)).public == public
    assert private not in wrapped


async def test_a_wrapped_key_opens_for_no_other_request(tmp_path: Path) -> None:
    kms = a_kms(tmp_path)
    wrapped = await wrap_pair(kms, REQUEST, KeyUse.LINK, b"s" * 32)
    with pytest.raises(CannotUnwrap):
        await unwrap(kms, OTHER_REQUEST, KeyUse.LINK, wrapped)


async def test_a_wrapped_key_opens_for_no_other_use(tmp_path: Path) -> None:
    kms = a_kms(tmp_path)
    wrapped = await wrap_pair(kms, REQUEST, KeyUse.LINK, b"s" * 32)
    with pytest.raises(CannotUnwrap):
        await unwrap(kms, REQUEST, KeyUse.REPLY, wrapped)


async def test_the_key_of_another_use_opens_nothing(tmp_path: Path) -> None:
    wrapped = await wrap_pair(a_kms(tmp_path), REQUEST, KeyUse.LINK, b"s" * 32)
    other = a_kms(tmp_path, "reply.kek", byte=8)
    with pytest.raises(CannotUnwrap):
        await unwrap(other, REQUEST, KeyUse.LINK, wrapped)


async def test_a_key_that_claims_another_id_still_opens_nothing(tmp_path: Path) -> None:
    wrapped = Wrapped.from_bytes(await wrap_pair(a_kms(tmp_path), REQUEST, KeyUse.LINK, b"s" * 32))
    other = a_kms(tmp_path, "reply.kek", byte=8)
    claimed = Wrapped(kek_id=other.kek_id, ciphertext=wrapped.ciphertext)
    with pytest.raises(CannotUnwrap):
        await unwrap(other, REQUEST, KeyUse.LINK, claimed.to_bytes())


@given(data=st.binary(max_size=120).filter(lambda data: b":" not in data))
def test_bytes_that_nobody_wrapped_are_refused(data: bytes) -> None:
    with pytest.raises(CannotUnwrap):
        Wrapped.from_bytes(data)


async def test_one_altered_byte_is_refused(tmp_path: Path) -> None:
    kms = a_kms(tmp_path)
    wrapped = await wrap_pair(kms, REQUEST, KeyUse.LINK, b"s" * 32)
    for place in range(len(wrapped)):
        altered = bytearray(wrapped)
        altered[place] ^= 1
        with pytest.raises(CannotUnwrap):
            await unwrap(kms, REQUEST, KeyUse.LINK, bytes(altered))


async def test_wrapping_twice_gives_different_bytes(tmp_path: Path) -> None:
    kms = a_kms(tmp_path)
    first, second = [await wrap_pair(kms, REQUEST, KeyUse.LINK, b"s" * 32) for _ in range(2)]
    assert first != second


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    FileKms.create(tmp_path / "kek", b"a" * 32)
    with pytest.raises(FileExistsError):
        FileKms.create(tmp_path / "kek", b"b" * 32)
    assert (tmp_path / "kek").read_bytes() == b"a" * 32


def test_creating_a_key_leaves_one_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    FileKms.create(tmp_path / "kek", b"a" * 32)
    assert [each.name for each in tmp_path.iterdir()] == ["kek"]
    assert (tmp_path / "kek").stat().st_mode & 0o777 == 0o600


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    FileKms.create(tmp_path / "kek", b"a" * 32)
    (tmp_path / "kek").chmod(0o640)
    with pytest.raises(UnfitKeyFile):
        FileKms(tmp_path / "kek")


def test_a_key_file_of_another_length_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kek").touch(0o600)
    with pytest.raises(UnfitKeyFile):
        FileKms(tmp_path / "kek")
    with pytest.raises(ValueError, match="32 bytes"):
        FileKms.create(tmp_path / "short", b"a")


def test_no_secret_shows_in_a_representation() -> None:
    assert "ciphertext" not in repr(Wrapped(kek_id="k", ciphertext=b"c"))
