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
    BlobMissing,
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
    return b"".join([chunk async for chunk in blobs.read(name)])


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


async def test_a_large_body_reads_back_in_chunks(tmp_path: Path) -> None:
    blobs, data = blobs_in(tmp_path), bytes(range(256)) * 16 * 1024
    await blobs.put_stream(NAME, body(data[:1_000_000], data[1_000_000:]), limit=len(data))
    chunks = [chunk async for chunk in blobs.read(NAME)]
    assert b"".join(chunks) == data
    assert len(chunks) > 4


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
    for name in (NAME, part_name(REQUEST, TASK, 2, 11), report_name(REQUEST, 1, 0), kept):
        await blobs.put_stream(name, body(b"x"), limit=1)
    assert await blobs.delete_request(REQUEST) == 3
    assert await blobs.delete_request(REQUEST) == 0
    assert await stored_in(blobs, kept) == b"x"


async def test_a_report_can_be_built_anew_while_parts_and_other_versions_stay(tmp_path: Path) -> None:
    blobs, kept = blobs_in(tmp_path), [NAME, report_name(REQUEST, 1, 0), report_name(REQUEST, 22, 0)]
    for name in (*kept, report_name(REQUEST, 2, 0), report_name(REQUEST, 2, 1)):
        await blobs.put_stream(name, body(b"x"), limit=1)
    assert await blobs.delete_report(REQUEST, 2) == 2
    assert [await stored_in(blobs, name) for name in kept] == [b"x"] * 3
    assert (await blobs.put_stream(report_name(REQUEST, 2, 0), body(b"y"), limit=1)).new


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
