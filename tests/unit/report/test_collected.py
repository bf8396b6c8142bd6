from collections.abc import Callable
from hashlib import sha256

import pytest
from pydantic import ValidationError

from contracts.parts import BrokenPart, encrypt_part
from contracts.results import Found
from orchestrator.report.collected import Collected
from orchestrator.report.given import ReportInput
from tests.unit.report.builders import KEY, Uploads, a_custodian, a_line, a_report, a_task, records

LINES = records("orders", ({"n": n} for n in range(6)))


def three_parts() -> Uploads:
    uploads = Uploads()
    uploads.add("shop", [("orders", LINES[:2]), ("orders", LINES[2:4]), ("orders", LINES[4:])])
    return uploads


def report_of(uploads: Uploads) -> ReportInput:
    return a_report(a_custodian("shop", a_line("orders", Found(count=6))), parts=uploads.parts)


async def read(report: ReportInput, uploads: Uploads) -> list[int]:
    collected = Collected(report=report, fetch=uploads.fetch, keys=uploads.keys)
    [(custodian, line)] = report.lines()
    batches = [batch async for batch in collected.records(custodian.id, line.data_class)]
    return [int(str(record.fields["n"])) for batch in batches for record in batch]


async def test_records_come_in_the_order_of_the_upload_whatever_the_order_of_the_list() -> None:
    uploads = three_parts()
    uploads.parts.reverse()
    assert await read(report_of(uploads), uploads) == list(range(6))


async def test_of_a_large_class_one_part_is_fetched_before_its_records_are_wanted() -> None:
    uploads = Uploads()
    large = records("orders", ({"n": n, "text": "x" * 1000} for n in range(80)))
    uploads.add("shop", [("orders", large[:40]), ("orders", large[40:])])
    report = report_of(uploads)
    collected = Collected(report=report, fetch=uploads.fetch, keys=uploads.keys)
    await anext(collected.records(report.custodians[0].id, report.custodians[0].lines[0].data_class))
    assert uploads.asked == [0]


async def test_a_small_class_is_fetched_once_for_all_its_passes() -> None:
    uploads = three_parts()
    report = report_of(uploads)
    collected = Collected(report=report, fetch=uploads.fetch, keys=uploads.keys)
    for _ in range(3):
        async for _ in collected.records(report.custodians[0].id, report.custodians[0].lines[0].data_class):
            pass
    assert uploads.asked == [0, 1, 2]


def cut_off(uploads: Uploads) -> None:
    del uploads.parts[2]


def altered(uploads: Uploads) -> None:
    place = (a_task("shop"), 1)
    uploads.blobs[place] = bytes([uploads.blobs[place][0] ^ 1]) + uploads.blobs[place][1:]


def lengthened(uploads: Uploads) -> None:
    uploads.blobs[a_task("shop"), 1] += b"more"


def shortened(uploads: Uploads) -> None:
    uploads.blobs[a_task("shop"), 1] = uploads.blobs[a_task("shop"), 1][:-1]


def without_key(uploads: Uploads) -> None:
    uploads.keys.clear()


def under_another_key(uploads: Uploads) -> None:
    uploads.keys[a_task("shop"), 1] = b"x" * 32


def swapped(uploads: Uploads) -> None:
    first, second = (a_task("shop"), 0), (a_task("shop"), 1)
    uploads.blobs[first], uploads.blobs[second] = uploads.blobs[second], uploads.blobs[first]


def swapped_with_their_digests(uploads: Uploads) -> None:
    swapped(uploads)
    first, second, third = uploads.parts
    uploads.parts[:] = [first.model_copy(update={"n": 1}), second.model_copy(update={"n": 0}), third]


def sealed_anew_after_the_answer(uploads: Uploads) -> None:
    forged = b"".join(LINES[2:4]).replace(b"2", b"9")
    uploads.blobs[a_task("shop"), 1] = encrypt_part(KEY, forged, task=a_task("shop"), n=1, last=False)


def of_another_class(uploads: Uploads) -> None:
    data = encrypt_part(KEY, records("invoices", [{"n": 1}])[0], task=a_task("shop"), n=2, last=True)
    uploads.blobs[a_task("shop"), 2] = data
    changes = {"digest": sha256(data).hexdigest(), "size": len(data)}
    uploads.parts[2] = uploads.parts[2].model_copy(update=changes)


@pytest.mark.parametrize(
    "damage",
    [
        cut_off,
        altered,
        lengthened,
        shortened,
        without_key,
        under_another_key,
        swapped,
        swapped_with_their_digests,
        sealed_anew_after_the_answer,
        of_another_class,
    ],
)
async def test_what_is_not_exactly_the_upload_is_refused(damage: Callable[[Uploads], None]) -> None:
    uploads = three_parts()
    damage(uploads)
    with pytest.raises(BrokenPart):
        await read(report_of(uploads), uploads)


def test_a_part_missing_in_the_middle_is_refused_before_anything_is_read() -> None:
    uploads = three_parts()
    del uploads.parts[1]
    with pytest.raises(ValidationError, match="missing or doubled"):
        report_of(uploads)


def test_a_part_of_a_class_that_the_plan_does_not_name_is_refused() -> None:
    with pytest.raises(ValidationError, match="does not name"):
        a_report(a_custodian("shop", a_line("invoices")), parts=three_parts().parts)


def test_a_class_named_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="twice"):
        a_report(a_custodian("shop", a_line("orders"), a_line("orders")))


@pytest.mark.parametrize("name", ["../shop", "shop/..", "/shop", "Shop", "shop\n", ""])
def test_a_name_that_could_be_a_path_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        a_custodian(name, a_line("orders"))
    with pytest.raises(ValidationError):
        a_line(name)


def test_the_input_survives_being_stored_as_json() -> None:
    report = report_of(three_parts())
    assert ReportInput.model_validate_json(report.model_dump_json()) == report
    assert ReportInput.model_validate(report.model_dump(mode="json")) == report
