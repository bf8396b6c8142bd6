"""Folders, buckets and forms of files at their edges: what is away, what grows meanwhile, what lies deeper."""

import io
import json
import os
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.store import MemoryStore

from custodians.bundled import files
from custodians.bundled.files import JsonLines
from custodians.bundled.objects import ObjectsCustodian
from custodians.bundled.parquet import Parquet
from custodians.bundled.places import Bucket, Folder, ObjectChanged, ObjectsUnavailable
from custodians.sdk import Holding
from tests.custodians.test_objects import ME, MINE, THEIRS, a_folder, a_map, found, over


async def test_a_line_that_is_appended_while_the_file_is_rewritten_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    custodian = over(a_folder(tmp_path, a=MINE + THEIRS[0]))
    mine = await found(custodian)
    late = [THEIRS[1]]

    class Slow(JsonLines):
        def copy_without(self, source: IO[bytes], target: IO[bytes], *, key: str, gone: Collection[str]) -> int:
            removed = super().copy_without(source, target, key=key, gone=gone)
            if late:
                with (tmp_path / "logs/a.jsonl").open("ab") as file:
                    file.write(late.pop())
            return removed

    monkeypatch.setattr(files, "form_of", lambda _: Slow())
    await custodian.erase(mine)
    assert (tmp_path / "logs/a.jsonl").read_bytes() == THEIRS[0] + THEIRS[1]


async def test_a_file_that_never_stops_changing_is_left_alone_and_tried_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    custodian = over(a_folder(tmp_path, a=MINE))
    mine = await found(custodian)
    monkeypatch.setattr(Folder, "version", lambda *_: os.urandom(4).hex())
    with pytest.raises(ObjectChanged):
        await custodian.erase(mine)
    assert (tmp_path / "logs/a.jsonl").read_bytes() == MINE


async def test_a_folder_that_may_not_be_written_is_tried_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    custodian = over(a_folder(tmp_path, a=MINE + THEIRS[0]))
    mine = await found(custodian)
    monkeypatch.setattr("custodians.bundled.places.os.fsync", full)
    with pytest.raises(ObjectsUnavailable):
        await custodian.erase(mine)
    assert (tmp_path / "logs/a.jsonl").read_bytes() == MINE + THEIRS[0]
    assert [each.name for each in (tmp_path / "logs").iterdir()] == ["a.jsonl"]


async def test_an_object_that_is_gone_from_a_bucket_is_erased() -> None:
    store = MemoryStore()
    store.put("logs/a.jsonl", MINE)
    custodian = over(Bucket(store))
    mine = await found(custodian)
    store.delete("logs/a.jsonl")
    await custodian.erase(mine)
    assert await found(custodian) == []
    assert Bucket(store).names("logs/") == []


async def test_many_records_of_one_file_are_taken_out_in_one_rewrite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [json.dumps({"id": f"e{n}", "customer": "c-1" if n % 2 else "c-2"}).encode() + b"\n" for n in range(2_000)]
    folder = a_folder(tmp_path, a=b"".join(lines))
    rewrites: list[str] = []

    class Counted(JsonLines):
        def copy_without(self, source: IO[bytes], target: IO[bytes], *, key: str, gone: Collection[str]) -> int:
            rewrites.append(key)
            return super().copy_without(source, target, key=key, gone=gone)

    monkeypatch.setattr(files, "form_of", lambda _: Counted())
    custodian = over(folder)
    await custodian.erase(await found(custodian))
    assert (tmp_path / "logs/a.jsonl").read_bytes() == b"".join(lines[::2])
    assert rewrites == ["id"]


def nested_table() -> pa.Table:
    rows = [{"event": {"id": n}, "customer": "c-1" if n == 1 else "c-2"} for n in range(3)]
    return pa.Table.from_pylist([*rows, {"event": None, "customer": None}])


async def test_a_key_inside_a_struct_takes_its_row_out_of_a_parquet_file(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    pq.write_table(nested_table(), tmp_path / "logs/a.parquet")
    data_map = a_map("logs/*.parquet", key="event.id", match={"customer_id": "customer"})
    custodian = ObjectsCustodian(data_map, Folder(tmp_path), today=lambda: date(2026, 11, 22))
    mine = await found(custodian)
    assert [each.key for each in mine] == ["logs/a.parquet#1"]
    await custodian.erase(mine)
    assert pq.read_table(tmp_path / "logs/a.parquet").to_pylist() == [
        row for row in nested_table().to_pylist() if row["customer"] != "c-1"
    ]


def test_a_parquet_file_from_which_everybody_goes_stays_a_parquet_file() -> None:
    source, target = io.BytesIO(), io.BytesIO()
    table = pa.table({"id": ["a", "b"]})
    pq.write_table(table, source)
    assert Parquet().copy_without(source, target, key="id", gone={"a", "b"}) == 2
    assert pq.read_table(target).schema.equals(table.schema)
    assert pq.read_table(target).num_rows == 0


async def test_a_key_names_one_file_only(tmp_path: Path) -> None:
    custodian = over(a_folder(tmp_path, a=MINE, b=MINE))
    first, second = await found(custodian, ME)
    await custodian.erase([first])
    assert await found(custodian, ME) == [second]
    assert isinstance(second, Holding)
