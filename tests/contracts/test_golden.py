"""The golden messages, read from their files as a stranger would."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from contracts.command import Command, Operation
from contracts.dead_letter import DeadLetter, Refusal
from contracts.door import Door, Opened, answers_door, commands_door, open_envelopes
from contracts.ids import CustodianId, TaskId
from contracts.keys import KeyRing, PublicSigningKey, SealingKey, kid_of
from contracts.parts import decode_records, decrypt_part
from contracts.slices import SliceRefused, slice_of
from tests.contracts.builders import FakeRecord
from tests.contracts.golden import FOLDER, files

CASES = sorted(path for path in FOLDER.glob("*/*.json") if path.stem not in {"part", "dead_letter"})


def load(name: str) -> Any:  # noqa: ANN401 -- JSON
    return json.loads((FOLDER / name).read_text())


def unbase64(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)


def record_of(said: Any) -> FakeRecord:  # noqa: ANN401 -- JSON
    value = said["value"]
    return FakeRecord(
        topic=said["topic"],
        key=unbase64(said["key"]),
        value=bytes([value["byte"]]) * value["times"] if isinstance(value, dict) else unbase64(value),
        headers=tuple((name, unbase64(content)) for name, content in said["headers"]),
    )


def ring() -> KeyRing:
    pinned = load("keys.json")["pinned"]
    return KeyRing(
        PublicSigningKey(
            public=b64decode(each["public"]),
            owner=each["owner"],
            operations=None if each["operations"] is None else frozenset(map(Operation, each["operations"])),
            not_before=each["not_before"],
            retire_after=each["retire_after"],
            revoked_at=each["revoked_at"],
        )
        for each in pinned
    )


def door_of(reader: Any) -> Door[Any]:  # noqa: ANN401 -- JSON
    if reader["is"] == "orchestrator":
        return answers_door(environment=reader["environment"], ring=ring())
    return commands_door(environment=reader["environment"], ring=ring(), audience=CustodianId(reader["is"]))


def outcome_of(case: Any) -> tuple[str, Opened[Any] | None]:  # noqa: ANN401 -- JSON
    reader = case["reader"]
    opened, rejected, skipped = open_envelopes([record_of(case["record"])], door_of(reader), reader["now"])
    if opened:
        return "opened", opened[0]
    if rejected:
        return rejected[0].refusal, None
    return ("expired" if skipped.expired else "unaddressed"), None


def slice_outcome(command: Command, recipient: str) -> str:
    key = SealingKey.generate(b64decode(load("keys.json")["sealing"]["private"]))
    try:
        slice_of(command, CustodianId(recipient), {key.kid: key})
    except SliceRefused as refused:
        return refused.refusal
    return "opened"


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", CASES, ids=name_of)
def test_a_golden_record_is_taken_or_refused_as_it_says(path: Path) -> None:
    case = json.loads(path.read_text())
    outcome, opened = outcome_of(case)
    assert outcome == case["expect"]
    if "slice" in case:
        assert opened is not None
        assert slice_outcome(opened.message, case["reader"]["is"]) == case["slice"]


@pytest.mark.parametrize("path", CASES, ids=name_of)
def test_only_a_good_record_is_in_the_good_folder(path: Path) -> None:
    case = json.loads(path.read_text())
    good = case["expect"] == "opened" and case.get("slice", "opened") == "opened"
    assert path.parent.name == ("good" if good else "bad")


def test_every_refusal_that_a_reader_gives_has_a_golden_record() -> None:
    cases = [json.loads(path.read_text()) for path in CASES]
    seen = {case["expect"] for case in cases} | {case.get("slice") for case in cases}
    assert set(Refusal) - seen == {Refusal.UNSEALABLE, Refusal.UNKNOWN_TASK}  # a ledger's and a table's, not a record's
    assert {"opened", "expired", "unaddressed"} <= seen


def test_the_golden_keys_are_marked_and_their_ids_follow_from_them() -> None:
    keys = load("keys.json")
    assert keys["warning"].startswith("TEST KEYS")
    assert [each["kid"] for each in keys["pinned"]] == [kid_of(b64decode(each["public"])) for each in keys["pinned"]]


def test_the_golden_part_opens() -> None:
    part = load("good/part.json")
    plain = decrypt_part(
        b64decode(part["content_key"]),
        b64decode(part["ciphertext"]),
        task=TaskId(UUID(part["task"])),
        n=part["n"],
        last=part["last"],
    )
    assert plain == b64decode(part["plaintext"])
    assert len(list(decode_records(plain))) == 1


def test_the_golden_dead_letter_is_one() -> None:
    letter = DeadLetter.model_validate_json(
        record_of(load("good/dead_letter.json")["record"]).value or b"", strict=True
    )
    assert (letter.refusal, unbase64(letter.value)) == (Refusal.NO_SIGNATURE, b"rubbish")


def test_the_golden_files_are_what_the_code_writes() -> None:
    written = {str(path.relative_to(FOLDER)): path.read_text() for path in FOLDER.rglob("*.json")}
    assert written == files()
