import csv
import io
import json
import tracemalloc
from datetime import timedelta, timezone
from hashlib import sha256
from io import BytesIO
from zipfile import ZipFile

import pytest
from pydantic import JsonValue

from contracts.identifiers import identifier
from contracts.parts import BrokenPart
from contracts.results import Found
from orchestrator.report import archive, collected
from orchestrator.report.archive import build
from orchestrator.report.given import ReportInput
from orchestrator.report.survey import MAX_COLUMNS, OTHER
from tests.unit.report.builders import Uploads, a_custodian, a_line, a_report, a_task, built, built_of, records, zipped

IDENTIFIERS = [identifier("customer_id", "C-1")]


def uploaded(rows: int, rows_per_part: int) -> tuple[ReportInput, Uploads]:
    uploads = Uploads()
    row: dict[str, JsonValue] = {"note": "x"}
    lines = records("orders", [row] * rows)
    starts = range(0, rows, rows_per_part)
    uploads.add("shop", [("orders", lines[start : start + rows_per_part]) for start in starts])
    return a_report(a_custodian("shop", a_line("orders", Found(count=rows))), parts=uploads.parts), uploads


async def test_the_same_input_gives_the_same_bytes() -> None:
    report, uploads = uploaded(30, 10)
    first = await zipped(report, uploads, IDENTIFIERS)
    again = ReportInput.model_validate_json(report.model_dump_json())
    assert sha256(await zipped(again, uploads, IDENTIFIERS)).digest() == sha256(first).digest()


async def test_the_zone_of_the_machine_does_not_show() -> None:
    report, uploads = uploaded(3, 3)
    first = await zipped(report, uploads)
    there = report.built_at.astimezone(timezone(timedelta(hours=9)))
    assert await zipped(report.model_copy(update={"built_at": there}), uploads) == first


async def test_the_files_are_dated_like_the_report() -> None:
    report, uploads = uploaded(1, 1)
    with ZipFile(BytesIO(await zipped(report, uploads))) as archive:
        assert {info.date_time for info in archive.infolist()} == {(2026, 3, 9, 14, 5, 6)}  # ZIP knows even seconds


async def test_json_holds_the_exact_values() -> None:
    rows: list[dict[str, JsonValue]] = [{"a": 1.5, "b": {"c": [None, True]}, "d": "=1"}, {"a": 10**30}, {}]
    told = json.loads((await built_of(*rows))["shop/orders.json"])
    assert [record["fields"] for record in told["records"]] == rows
    assert (told["custodian"], told["data_class"], told["label"]) == ("shop", "orders", "Orders")


async def test_csv_has_a_column_for_each_field_of_any_record() -> None:
    text = (await built_of({"a": 1, "b": "x"}, {"c": "=1", "b": None}))["shop/orders.csv"].removeprefix("\ufeff")
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == [
        ["record", "a", "b", "c"],
        ["orders/1", "1", "x", ""],
        ["orders/2", "", "", "'=1"],
    ]


async def test_a_formula_in_the_name_of_a_field_or_record_is_guarded() -> None:
    uploads = Uploads()
    uploads.add("shop", [("orders", [b'{"class":"orders","key":"=1","fields":{"@x":1}}\n'])])
    report = a_report(a_custodian("shop", a_line("orders", Found(count=1))), parts=uploads.parts)
    assert (await built(report, uploads))["shop/orders.csv"] == '\ufeff"record","\'@x"\r\n"\'=1",1\r\n'


async def test_fields_beyond_the_last_column_share_one() -> None:
    files = await built_of({f"f{n}": n for n in range(MAX_COLUMNS + 2)}, {"x" * 300: 1}, {"f0": 1})
    text = files["shop/orders.csv"].removeprefix("\ufeff")
    head, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert (len(head), head[-1]) == (MAX_COLUMNS + 2, OTHER)
    assert [row[-1] for row in rows] == ['{"f200": 200, "f201": 201}', '{"' + "x" * 300 + '": 1}', ""]


async def test_the_manifest_names_every_other_file_with_size_and_digest() -> None:
    report, uploads = uploaded(2, 1)
    files = await built(report, uploads)
    manifest = json.loads(files["manifest.json"])
    assert {file["name"]: (file["size"], file["sha256"]) for file in manifest["files"]} == {
        name: (len(text.encode()), sha256(text.encode()).hexdigest())
        for name, text in files.items()
        if name != "manifest.json"
    }
    assert [part["digest"] for part in manifest["parts"]] == [part.digest for part in uploads.parts]
    assert (manifest["complete"], manifest["request"]) == (True, str(report.request_id))


async def test_the_manifest_tells_what_everyone_answered() -> None:
    report = a_report(a_custodian("shop", a_line("orders", Found(count=3)), a_line("calls", gap=True)))
    manifest = json.loads((await built(report, Uploads()))["manifest.json"])
    orders, calls = manifest["custodians"][0]["classes"]
    assert (orders["said"], orders["records"]) == ([{"kind": "found", "count": 3}], 0)
    assert (calls["said"], calls["gap"]) == ([], True)
    assert not manifest["complete"]
    assert [each["label"] for each in manifest["missing"]] == ["Orders", "Calls"]


async def test_names_that_some_systems_reserve_are_not_used() -> None:
    uploads = Uploads()
    uploads.add("con", [("nul", records("nul", [{"n": 1}]))])
    report = a_report(a_custodian("con", a_line("nul", Found(count=1))), parts=uploads.parts)
    names = set(await built(report, uploads))
    assert not any(part in ("con", "nul") for name in names for part in name.replace(".", "/").split("/"))


async def test_a_small_report_needs_no_new_zip_reader() -> None:
    report, uploads = uploaded(1, 1)
    with ZipFile(BytesIO(await zipped(report, uploads))) as archive:
        assert {info.extract_version for info in archive.infolist()} == {20}


async def test_a_part_that_was_altered_ends_the_report() -> None:
    report, uploads = uploaded(30, 10)
    uploads.blobs[a_task("shop"), 2] = uploads.blobs[a_task("shop"), 1]
    with pytest.raises(BrokenPart):
        await zipped(report, uploads)


async def test_a_value_that_json_cannot_say_ends_the_report() -> None:
    uploads = Uploads()
    uploads.add("shop", [("orders", [b'{"class":"orders","key":"1","fields":{"a":NaN}}\n'])])
    report = a_report(a_custodian("shop", a_line("orders", Found(count=1))), parts=uploads.parts)
    with pytest.raises(BrokenPart):
        await zipped(report, uploads)


async def test_a_report_can_be_given_up_half_way() -> None:
    report, uploads = uploaded(3000, 100)
    stream = build(report, identifiers=[], fetch=uploads.fetch, keys=uploads.keys)
    assert await anext(stream)


async def peak_of(rows: int) -> tuple[int, int]:
    report, uploads = uploaded(rows, 500)
    tracemalloc.start()
    size = 0
    async for chunk in build(report, identifiers=[], fetch=uploads.fetch, keys=uploads.keys):
        size += len(chunk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak, size


async def test_memory_stays_flat_however_many_records_there_are() -> None:
    few, _ = await peak_of(5_000)
    many, size = await peak_of(50_000)
    assert size > 200_000
    assert many < 1.5 * few
    assert many < 8 * 2**20


def unpacked(archive: bytes) -> list[tuple[str, bytes, tuple[int, ...], int, int]]:
    with ZipFile(BytesIO(archive)) as zip_:
        assert zip_.testzip() is None
        return [
            (each.filename, zip_.read(each), each.date_time, each.external_attr, each.create_system)
            for each in zip_.infolist()
        ]


async def test_a_small_report_and_a_streamed_one_hold_the_same_files(monkeypatch: pytest.MonkeyPatch) -> None:
    report, uploads = uploaded(2500, 1000)
    at_once = await zipped(report, uploads, IDENTIFIERS)
    monkeypatch.setattr(archive, "SMALL_BYTES", 0)
    monkeypatch.setattr(collected, "KEPT_BYTES", 0)
    streamed = await zipped(report, uploads, IDENTIFIERS)
    assert unpacked(streamed) == unpacked(at_once)
    assert streamed != at_once  # else this compares one way with itself


async def test_a_page_is_full_however_the_records_were_cut_into_parts() -> None:
    report, uploads = uploaded(2500, 333)
    files = await built(report, uploads)
    pages = [files[f"shop/orders{n}.html"] for n in ("", "-2", "-3")]
    assert [page.count('<th scope="row">') for page in pages] == [1000, 1000, 500]
    assert [f">orders/{n}<" in page for n, page in zip((1000, 2000, 2500), pages, strict=True)] == [True, True, True]


async def test_a_streamed_report_is_the_same_bytes_with_every_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "SMALL_BYTES", 0)
    report, uploads = uploaded(30, 10)
    assert await zipped(report, uploads, IDENTIFIERS) == await zipped(report, uploads, IDENTIFIERS)
