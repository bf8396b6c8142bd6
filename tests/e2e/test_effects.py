"""What an erasure does to the stores, by the stores' own word."""

import json
from datetime import UTC, date, datetime

import pytest

from custodians.samples.people import Person, person
from tests.e2e.desk import Desk
from tests.e2e.program import Machine
from tests.e2e.stores import Held, Stores, add_file, everything

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.timeout(240), pytest.mark.usefixtures("everybody")]

ERASED, BYSTANDER = person(7), person(8)
OTHERS_FILE = "events/2026-01-01.jsonl"


def kept_by_law(row: Held) -> bool:
    """An invoice stays until ten years have passed since the end of its year."""
    if row.place != "shop.invoice":
        return False
    issued = date.fromisoformat(str(row.content).split("(")[1].split(",")[2])
    return date(issued.year + 10, 12, 31) >= datetime.now(UTC).date()  # noqa: TID251 - the law's clock


def a_file_without(erased: Person) -> bytes:
    event = {"event": "bystander", "device": {"id": BYSTANDER.devices[0].id}, "customer": BYSTANDER.customer}
    line = json.dumps(event).encode() + b"\r\n"  # no line that we would write
    assert erased.customer.encode() not in line
    return line


@pytest.fixture(scope="module")
async def before_and_after(machine: Machine, desk: Desk) -> tuple[Stores, Stores]:
    machine.worker.start()
    add_file(machine, OTHERS_FILE, a_file_without(ERASED))
    before = await everything(machine)
    shown = await desk.erasure(ERASED.email)
    assert shown["outcome"] == "retained_in_part"
    return before, await everything(machine)


async def test_of_the_erased_person_only_what_the_law_keeps_is_left(before_and_after: tuple[Stores, Stores]) -> None:
    before, after = before_and_after
    held = before.of(ERASED.customer)
    kept = [row for row in held if kept_by_law(row)]
    assert {row.place for row in held} >= {"public.customer", "public.device", "shop.purchase", "shop.invoice"}
    assert any(row.place.endswith(".jsonl") for row in held)
    assert any(row.place.endswith(".parquet") for row in held)
    assert 0 < len(kept) < len([row for row in held if row.place == "shop.invoice"])
    assert after.of(ERASED.customer) == kept


async def test_what_belongs_to_everybody_else_is_the_same_to_the_byte(before_and_after: tuple[Stores, Stores]) -> None:
    before, after = before_and_after
    assert len({row.owner for row in before.held}) > 50
    assert after.of_others(ERASED.customer) == before.of_others(ERASED.customer)
    assert after.shapes == before.shapes


async def test_files_in_which_the_person_never_was_are_not_written_anew(
    before_and_after: tuple[Stores, Stores],
) -> None:
    before, after = before_and_after
    assert after.files[OTHERS_FILE] == before.files[OTHERS_FILE]
    assert after.files.keys() == before.files.keys()
    rewritten = {name for name in before.files if after.files[name] != before.files[name]}
    assert rewritten == {row.place for row in before.of(ERASED.customer)} & before.files.keys()
