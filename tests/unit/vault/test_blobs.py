import os
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.ids import RequestId, TaskId
from orchestrator.vault.blobs import (
    AnotherBlob,
    Blob,
    BlobMissing,
    BlobRefused,
    Blobs,
    Stored,
    TooLarge,
    WrongDigest,
    part_name,
    report_name,
)

REQUEST = RequestId(UUID(int=1))
OTHER_REQUEST = RequestId(UUID(int=2))
TASK = TaskId(UUID(int=3))
NAME = part_name(REQUEST, TASK, 1, 0)


def blobs_in(folder: Path) -> Blobs:
    return Blobs(f"file://{folder}/blobs")


class BrokenOffError(Exception):
    pass


async def body(*chunks: bytes, breaks: bool = False) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    if breaks:
        raise BrokenOffError


async def stored_in(blobs: Blobs, name: str = NAME) -> bytes:
    return await blobs.get(name)


def files_in(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(chunks=st.lists(st.binary(max_size=300), max_size=6))
async def test_what_is_stored_reads_back_with_its_size_and_digest(tmp_path: Path, chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    blobs = blobs_in(tmp_path)
    name = f"{sha256(repr(chunks).encode()).hexdigest()}/1"
    stored = await blobs.put_stream(name, body(*chunks), limit=2000)
    assert (stored.size, stored.digest) == (len(whole), sha256(whole).hexdigest())
    assert await stored_in(blobs, name) == whole


async def test_storing_the_same_bytes_again_is_no_news(tmp_path: Path) -> None:
    blobs = blobs_in(tmp_path)
    first = await blobs.put_stream(NAME, body(b"ab", b"c"), limit=3)
    again = await blobs.put_stream(NAME, body(b"a", b"bc"), limit=3)
    assert first == Stored(size=3, digest=sha256(b"abc").hexdigest(), new=True)
    assert again == Stored(size=3, digest=first.digest, new=False)


async def test_other_bytes_never_replace_what_is_stored(tmp_path: Path) -> None:
    blobs = blobs_in(tmp_path)
    await blobs.put_stream(NAME, body(b"first"), limit=9)
    with pytest.raises(AnotherBlob):
        await blobs.put_stream(NAME, body(b"other"), limit=9)
    assert await stored_in(blobs) == b"first"


async def test_a_body_over_the_limit_leaves_nothing(tmp_path: Path) -> None:
    blobs = blobs_in(tmp_path)
    with pytest.raises(TooLarge):
        await blobs.put_stream(NAME, body(b"abc", b"d"), limit=3)
    assert files_in(tmp_path) == []


async def test_a_body_over_the_limit_is_not_read_to_its_end(tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        await blobs_in(tmp_path).put_stream(NAME, body(b"abcd", breaks=True), limit=3)


async def test_a_body_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    blobs = blobs_in(tmp_path)
    with pytest.raises(BrokenOffError):
        await blobs.put_stream(NAME, body(b"half", breaks=True), limit=99)
    assert files_in(tmp_path) == []
    with pytest.raises(BlobMissing):
        await stored_in(blobs)


async def test_what_a_killed_writer_left_behind_is_no_blob(tmp_path: Path) -> None:
    blobs = blobs_in(tmp_path)
    staged = tmp_path / "blobs" / f"{NAME}#1"  # where the folder store writes before it names the file
    staged.parent.mkdir(parents=True)
    staged.write_bytes(b"ha")
    with pytest.raises(BlobMissing):
        await stored_in(blobs)
    assert (await blobs.put_stream(NAME, body(b"half"), limit=9)).new
    assert await blobs.delete_request(REQUEST) == 1


async def test_a_damaged_upload_leaves_its_name_free(tmp_path: Path) -> None:
    blobs, announced = blobs_in(tmp_path), sha256(b"good").hexdigest()
    with pytest.raises(WrongDigest):
        await blobs.put_stream(NAME, body(b"goof"), limit=9, digest=announced)
    assert (await blobs.put_stream(NAME, body(b"good"), limit=9, digest=announced)).new


async def test_deleting_may_be_repeated(tmp_path: Path) -> None:
    blobs = blobs_in(tmp_path)
    await blobs.put_stream(NAME, body(b"x"), limit=1)
    await blobs.delete(NAME)
    await blobs.delete(NAME)
    with pytest.raises(BlobMissing):
        await stored_in(blobs)


async def test_all_of_one_request_goes_and_nothing_of_another(tmp_path: Path) -> None:
    blobs, kept = blobs_in(tmp_path), part_name(OTHER_REQUEST, TASK, 1, 0)
    for name in (NAME, part_name(REQUEST, TASK, 2, 11), report_name(REQUEST, 1, b"key", 0), kept):
        await blobs.put_stream(name, body(b"x"), limit=1)
    assert await blobs.delete_request(REQUEST) == 3
    assert await blobs.delete_request(REQUEST) == 0
    assert await stored_in(blobs, kept) == b"x"


@pytest.mark.parametrize("url", ["folder", "memory:///"])
async def test_many_are_read_at_once_and_what_is_missing_is_told_in_its_place(tmp_path: Path, url: str) -> None:
    blobs = blobs_in(tmp_path) if url == "folder" else Blobs(url)
    for name, data in ((NAME, b"one"), (report_name(REQUEST, 1, b"key", 0), b"")):
        await blobs.put_stream(name, body(data), limit=3)
    wanted = [report_name(REQUEST, 1, b"key", 0), part_name(REQUEST, TASK, 9, 9), NAME]
    assert await blobs.get_many(wanted) == [b"", None, b"one"]
    assert await blobs.get_many([]) == []


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "a/./b"])
async def test_a_name_cannot_lead_out_of_the_store(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="path"):
        await blobs_in(tmp_path).put_stream(name, body(b"x"), limit=1)
    assert files_in(tmp_path) == []


async def test_the_same_promises_hold_in_another_kind_of_store() -> None:
    blobs = Blobs("memory:///")
    assert (await blobs.put_stream(NAME, body(b"x"), limit=1)).new
    assert not (await blobs.put_stream(NAME, body(b"x"), limit=1)).new
    with pytest.raises(AnotherBlob):
        await blobs.put_stream(NAME, body(b"y"), limit=1)
    assert await blobs.delete_request(REQUEST) == 1
    assert await blobs.delete_request(REQUEST) == 0


def a_blob(n: int, data: bytes, announced: bytes | None = None) -> Blob:
    digest = sha256(data if announced is None else announced).hexdigest()
    return Blob(name=part_name(REQUEST, TASK, 1, n), data=data, digest=digest)


@pytest.fixture(params=["folder", "memory"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return blobs_in(tmp_path) if request.param == "folder" else Blobs("memory:///")


async def test_many_are_stored_at_once_and_one_that_is_refused_keeps_none_of_the_others(either: Blobs) -> None:
    await either.put_many([a_blob(1, b"was here"), a_blob(2, b"was here too")])
    many = [a_blob(0, b"good"), a_blob(1, b"other"), a_blob(2, b"was here too"), a_blob(3, b"damaged", b"whole")]
    results = await either.put_many([*many, a_blob(4, b"last")])
    assert [each.new if isinstance(each, Stored) else type(each) for each in results] == [
        True,
        AnotherBlob,
        False,
        WrongDigest,
        True,
    ]
    assert [await stored_in(either, part_name(REQUEST, TASK, 1, n)) for n in (0, 1, 4)] == [
        b"good",
        b"was here",
        b"last",
    ]
    with pytest.raises(BlobMissing):
        await stored_in(either, many[3].name)


async def test_of_two_for_the_same_name_one_stays_and_the_other_is_told(either: Blobs) -> None:
    given = [b"first", b"second", b"first"]
    results = await either.put_many([a_blob(0, each) for each in given])
    stays = await stored_in(either)
    assert [isinstance(each, Stored) for each in results] == [each == stays for each in given]
    assert [each.new for each in results if isinstance(each, Stored)].count(True) == 1


async def test_none_at_all_may_be_stored(either: Blobs) -> None:
    assert await either.put_many([]) == []


async def test_each_file_is_synced_then_each_folder_once_and_after_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs, synced = blobs_in(tmp_path), list[str]()
    monkeypatch.setattr(os, "fsync", lambda each: synced.append(os.path.realpath(f"/proc/self/fd/{each}")))
    names = [part_name(request, TASK, 1, n) for request, n in ((REQUEST, 0), (REQUEST, 1), (OTHER_REQUEST, 0))]
    await blobs.put_many([Blob(name=each, data=b"x", digest=sha256(b"x").hexdigest()) for each in names])
    root = (tmp_path / "blobs").resolve()
    told = [Path(each).relative_to(root) for each in synced]
    assert told[:3] == [Path(each) for each in names]
    assert sorted(told[3:5]) == sorted({each.parent for each in told[:3]})
    assert told[5:] == [Path()]


async def test_what_could_not_be_synced_is_not_called_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: int) -> None:
        raise OSError("input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="input"):
        await blobs_in(tmp_path).put_many([a_blob(0, b"x")])


async def test_a_store_that_fails_is_said_of_each_that_it_did_not_take(tmp_path: Path) -> None:
    blobs = blobs_in(tmp_path)
    (tmp_path / "blobs" / str(OTHER_REQUEST)).write_bytes(b"a file where a folder should be")
    lost = Blob(name=part_name(OTHER_REQUEST, TASK, 1, 0), data=b"x", digest=sha256(b"x").hexdigest())
    failed, stored = await blobs.put_many([lost, a_blob(0, b"y")])
    assert not isinstance(failed, Stored | BlobRefused)
    assert isinstance(stored, Stored)
