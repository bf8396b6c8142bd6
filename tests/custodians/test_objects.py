"""The custodian of files: finds by what names a person, and rewrites a file whole or not at all."""

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.store import MemoryStore

from contracts.identifiers import Identifier, IdentifierKind
from custodians.bundled import datamap
from custodians.bundled.datamap import ObjectsMap
from custodians.bundled.files import UnreadableRecord
from custodians.bundled.objects import ObjectsCustodian
from custodians.bundled.places import REWRITING, Bucket, Folder, ObjectChanged, Place
from custodians.sdk import DataClass, Holding, Subject

ME = Subject((Identifier(IdentifierKind.CUSTOMER_ID, "c-1"), Identifier(IdentifierKind.EMAIL, "someone@example.com")))
MINE = b'{"id": "e1", "customer": "c-1"}\n'
THEIRS = [
    b'{"id": "e2", "customer": "c-10"}\n',  # near, and somebody else
    b'{ "customer" : "c-2",  "id":"e3", "note": "c-1" }\n',  # mentions me, spaced oddly
    b'{"id": "e4", "customer": null, "caf\xc3\xa9": 1}\n',
    b"\n",
    b'{"id": "e5", "customer": "c-3"}',  # no line end
]


def a_map(files: str = "logs/*.jsonl", **more: object) -> ObjectsMap:
    said: Mapping[str, object] = {
        "store": "objects",
        "id": "logs",
        "owner": "Tests",
        "needs": ["customer_id", "email"],
        "provides": [{"kind": "device_id", "link": "exact", "from": "lines.device"}],
        "classes": [
            {
                "name": "lines",
                "label": "Lines",
                "files": files,
                "key": "id",
                "match": {"customer_id": "customer", "email": "mail"},
                "level": "rewritten",
                **more,
            }
        ],
    }
    parsed = datamap.parse(said)
    assert isinstance(parsed, ObjectsMap)
    return parsed


def over(place: Place, data_map: ObjectsMap | None = None) -> ObjectsCustodian:
    return ObjectsCustodian(data_map or a_map(), place, today=lambda: date(2026, 11, 22))


def a_folder(root: Path, **files: bytes) -> Folder:
    (root / "logs").mkdir(exist_ok=True)
    for name, content in files.items():
        (root / "logs" / f"{name}.jsonl").write_bytes(content)
    return Folder(root)


async def found(custodian: ObjectsCustodian, subject: Subject = ME) -> list[Holding]:
    return [each async for each in custodian.find(subject)]


async def test_lines_of_other_people_stay_byte_for_byte(tmp_path: Path) -> None:
    custodian = over(a_folder(tmp_path, a=b"".join([THEIRS[0], MINE, *THEIRS[1:]]), b=b"".join(THEIRS)))
    before = (tmp_path / "logs/b.jsonl").stat()
    await custodian.erase(await found(custodian))
    assert (tmp_path / "logs/a.jsonl").read_bytes() == b"".join(THEIRS)
    assert (tmp_path / "logs/b.jsonl").stat() == before


async def test_erasing_again_changes_nothing(tmp_path: Path) -> None:
    custodian = over(a_folder(tmp_path, a=MINE + THEIRS[0]))
    mine = await found(custodian)
    await custodian.erase(mine)
    once = (tmp_path / "logs/a.jsonl").stat()
    await custodian.erase(mine)
    assert (tmp_path / "logs/a.jsonl").stat() == once
    assert await found(custodian) == []


async def test_a_file_that_is_gone_is_erased(tmp_path: Path) -> None:
    custodian = over(a_folder(tmp_path, a=MINE))
    mine = await found(custodian)
    (tmp_path / "logs/a.jsonl").unlink()
    await custodian.erase(mine)
    assert not list((tmp_path / "logs").iterdir())


@pytest.mark.parametrize(
    "line",
    [
        {"id": "e", "customer": "c-1"},
        {"id": "e", "mail": "Someone@Example.com"},
        {"id": "e", "mail": "someone@example.com", "customer": "c-9"},
    ],
    ids=["by customer", "by an address in another case", "by either"],
)
async def test_a_record_is_found_by_any_of_its_columns(tmp_path: Path, line: Mapping[str, str]) -> None:
    custodian = over(a_folder(tmp_path, a=json.dumps(line).encode()))
    assert len(await found(custodian)) == 1


async def test_a_value_that_is_written_with_escapes_is_found(tmp_path: Path) -> None:
    custodian = over(a_folder(tmp_path, a=b'{"id": "e1", "customer": "c\\u002d1"}\n'))
    assert len(await found(custodian)) == 1


async def test_find_and_collect_name_the_same_records(tmp_path: Path) -> None:
    custodian = over(a_folder(tmp_path, a=MINE + THEIRS[0], b=MINE))
    records = [each async for each in custodian.collect(ME)]
    assert [each.key for each in records] == [each.key for each in await found(custodian)]
    assert records[0].fields == {"id": "e1", "customer": "c-1"}


async def test_what_is_left_out_is_not_handed_over(tmp_path: Path) -> None:
    left_out = a_map(leave_out={"customer": "a test"})
    custodian = over(a_folder(tmp_path, a=MINE), left_out)
    assert [each.fields async for each in custodian.collect(ME)] == [{"id": "e1"}]


async def test_nobody_is_found_by_an_empty_subject(tmp_path: Path) -> None:
    custodian = over(a_folder(tmp_path, a=MINE + b'{"id": "e9", "customer": ""}\n'))
    assert await found(custodian, Subject(())) == []


async def test_other_identifiers_of_the_person_are_resolved(tmp_path: Path) -> None:
    custodian = over(a_folder(tmp_path, a=b'{"id": "e1", "customer": "c-1", "device": "d-1"}\n'))
    assert set(await custodian.resolve(ME)) == {Identifier(IdentifierKind.DEVICE_ID, "d-1")}


@pytest.mark.parametrize("line", [b"c-1 {", b'["c-1"]'], ids=["no JSON", "no object"])
async def test_a_line_that_may_be_the_persons_and_cannot_be_read_is_not_passed_over(
    tmp_path: Path, line: bytes
) -> None:
    with pytest.raises(UnreadableRecord):
        await found(over(a_folder(tmp_path, a=line)))


async def test_a_file_that_changes_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    place = a_folder(tmp_path, a=MINE)
    version = place.version("logs/a.jsonl")
    (tmp_path / "logs/a.jsonl").write_bytes(MINE + THEIRS[0])
    with pytest.raises(ObjectChanged):
        place.replace("logs/a.jsonl", version, lambda file: file.write(b"old") > 0)
    assert (tmp_path / "logs/a.jsonl").read_bytes() == MINE + THEIRS[0]
    assert not list((tmp_path / "logs").glob(f"*{REWRITING}"))


async def test_a_rewrite_keeps_the_rights_of_the_file(tmp_path: Path) -> None:
    custodian = over(a_folder(tmp_path, a=MINE + THEIRS[0]))
    (tmp_path / "logs/a.jsonl").chmod(0o640)
    await custodian.erase(await found(custodian))
    assert (tmp_path / "logs/a.jsonl").stat().st_mode & 0o777 == 0o640


async def test_a_bucket_is_rewritten_only_if_nobody_wrote_since() -> None:
    store = MemoryStore()
    store.put("logs/a.jsonl", MINE + THEIRS[0])
    place = Bucket(store)
    custodian = over(place)
    await custodian.erase(await found(custodian))
    assert bytes(store.get("logs/a.jsonl").bytes()) == THEIRS[0]
    with pytest.raises(ObjectChanged):
        place.replace("logs/a.jsonl", '"0"', lambda file: file.write(b"old") > 0)
    assert bytes(store.get("logs/a.jsonl").bytes()) == THEIRS[0]


def a_table() -> pa.Table:
    return pa.table(
        {
            "id": pa.array([f"r{n}" for n in range(10)]),
            "customer": pa.array(["c-1" if n % 3 == 0 else f"c-1{n}" for n in range(10)]).dictionary_encode(),
            "mail": pa.array([None] * 10, pa.string()),
            "score": pa.array([n / 7 for n in range(10)], pa.float32()),
        },
        metadata={"written_by": "a test"},
    )


async def test_rows_of_other_people_stay_in_a_parquet_file_with_its_schema(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "a.parquet"
    path.parent.mkdir()
    pq.write_table(a_table(), path, compression="zstd", row_group_size=4)
    custodian = over(Folder(tmp_path), a_map("logs/*.parquet"))
    mine = await found(custodian)
    assert [str(each.key).rpartition("#")[2] for each in mine] == ["r0", "r3", "r6", "r9"]
    before = pq.read_table(path)
    await custodian.erase(mine)
    after = pq.read_table(path)
    assert after.to_pylist() == [row for row in before.to_pylist() if row["customer"] != "c-1"]
    assert after.schema.equals(before.schema, check_metadata=True)
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"
    assert b"r3" not in path.read_bytes()
    assert await found(custodian) == []


async def test_a_key_that_is_not_there_takes_nothing_else_with_it(tmp_path: Path) -> None:
    custodian = over(a_folder(tmp_path, a=MINE + THEIRS[0]))
    await custodian.erase([Holding(data_class=DataClass("lines"), key="logs/a.jsonl#nobody")])
    assert (tmp_path / "logs/a.jsonl").read_bytes() == MINE + THEIRS[0]


async def test_misfits_name_the_columns_that_are_not_there(tmp_path: Path) -> None:
    custodian = over(a_folder(tmp_path, a=MINE))
    assert await custodian.misfits() == ["lines: logs/a.jsonl has no column mail"]


STOPS_HALF_WAY = """
import sys, time
from pathlib import Path
from custodians.bundled.places import Folder

def half(file):
    file.write(b"half a li")
    file.flush()
    print("half", flush=True)
    time.sleep(60)

place = Folder(Path(sys.argv[1]))
place.replace("logs/a.jsonl", place.version("logs/a.jsonl"), half)
"""


def test_a_kill_in_the_middle_of_a_rewrite_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    a_folder(tmp_path, a=MINE + THEIRS[0])
    argv = [sys.executable, "-c", STOPS_HALF_WAY, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"half\n"
        Folder(tmp_path)  # another process opens the folder: what is being written is not taken away
        assert len(list((tmp_path / "logs").glob(f"*{REWRITING}"))) == 1
        child.kill()
    assert (tmp_path / "logs/a.jsonl").read_bytes() == MINE + THEIRS[0]
    Folder(tmp_path)
    assert [each.name for each in (tmp_path / "logs").iterdir()] == ["a.jsonl"]
