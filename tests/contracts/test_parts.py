"""Uploaded parts: none can be altered, swapped, moved, dropped or brought in from elsewhere."""

import json
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import JsonValue

from contracts.ids import DataClass
from contracts.parts import (
    PART_BYTES,
    TAG_BYTES,
    BrokenPart,
    PartRecord,
    SealedNotes,
    decode_records,
    decrypt_part,
    encode_record,
    encrypt_part,
)
from tests.contracts.builders import OTHER_TASK, PROFILE, TASK

KEY = b"public test content key, 32 bytes"[:32]
OTHER_KEY = b"another public test content key."


def encrypted(contents: Sequence[bytes]) -> list[bytes]:
    last = len(contents) - 1
    return [encrypt_part(KEY, each, task=TASK, n=n, last=n == last) for n, each in enumerate(contents)]


def decrypted(parts: Sequence[bytes]) -> list[bytes]:
    """Read as a reader does who knows how many parts the signed answer lists."""
    last = len(parts) - 1
    return [decrypt_part(KEY, each, task=TASK, n=n, last=n == last) for n, each in enumerate(parts)]


def a_record(**fields: object) -> PartRecord:
    return PartRecord(data_class=PROFILE, key="7", fields=json.loads(json.dumps(fields)))


contents = st.lists(st.binary(max_size=20), min_size=1, max_size=5)


@given(contents)
def test_parts_are_read_as_they_were_written(contents: list[bytes]) -> None:
    assert decrypted(encrypted(contents)) == contents


@given(contents, st.data())
def test_any_other_order_is_noticed(contents: list[bytes], data: st.DataObject) -> None:
    parts = encrypted(contents)
    shuffled = data.draw(st.permutations(parts))
    assume(shuffled != parts)
    with pytest.raises(BrokenPart):
        decrypted(shuffled)


@given(contents, st.data())
def test_a_dropped_part_is_noticed(contents: list[bytes], data: st.DataObject) -> None:
    assume(len(contents) > 1)
    parts = encrypted(contents)
    del parts[data.draw(st.integers(0, len(parts) - 1))]
    with pytest.raises(BrokenPart):
        decrypted(parts)


@given(contents)
def test_a_part_from_another_task_or_issue_is_noticed(contents: list[bytes]) -> None:
    parts = encrypted(contents)
    last = len(parts) == 1
    for strange in (
        encrypt_part(KEY, contents[0], task=OTHER_TASK, n=0, last=last),
        encrypt_part(OTHER_KEY, contents[0], task=TASK, n=0, last=last),
    ):
        with pytest.raises(BrokenPart):
            decrypted([strange, *parts[1:]])


@given(st.binary(max_size=40), st.data())
def test_a_flipped_bit_or_a_cut_is_noticed(content: bytes, data: st.DataObject) -> None:
    (part,) = encrypted([content])
    at, bit = data.draw(st.integers(0, len(part) - 1)), data.draw(st.integers(0, 7))
    for broken in (part[:at], part[:at] + bytes([part[at] ^ 1 << bit]) + part[at + 1 :], part + b"\0"):
        with pytest.raises(BrokenPart):
            decrypted([broken])


def test_a_part_is_aes_gcm_under_its_number_and_its_place() -> None:
    bound = b"\0\0\0\x10" + TASK.bytes + b"\0\0\0\x04\0\0\0\x07" + b"\0\0\0\x01\x01"
    by_the_book = AESGCM(KEY).encrypt(b"\0" * 11 + b"\x07", b"data", bound)
    assert encrypt_part(KEY, b"data", task=TASK, n=7, last=True) == by_the_book


def test_a_part_has_a_limit() -> None:
    assert len(encrypt_part(KEY, b"x" * PART_BYTES, task=TASK, n=0, last=True)) == PART_BYTES + TAG_BYTES
    with pytest.raises(ValueError, match="at most"):
        encrypt_part(KEY, b"x" * (PART_BYTES + 1), task=TASK, n=0, last=True)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_content_key_has_256_bits(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        encrypt_part(b"x" * size, b"", task=TASK, n=0, last=True)
    with pytest.raises(BrokenPart):
        decrypt_part(b"x" * size, b"y" * 16, task=TASK, n=0, last=True)


fields = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.text(max_size=5), fields, max_size=3), max_size=4))
def test_records_are_read_as_they_were_written(rows: list[dict[str, JsonValue]]) -> None:
    records = [PartRecord(data_class=DataClass("orders"), key=str(n), fields=row) for n, row in enumerate(rows)]
    assert list(decode_records(b"".join(map(encode_record, records)))) == records


def test_a_record_is_one_line_whatever_it_holds() -> None:
    line = encode_record(a_record(text="a\nb\r\u2028c"))
    assert line.count(b"\n") == 1
    assert list(decode_records(line * 2)) == [a_record(text="a\nb\r\u2028c")] * 2


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b"7", b"{}", b'{"class":1,"key":"","fields":{}}', b'{"class":"a","key":"b","fields":[]}', b"\xff"],
)
def test_a_line_that_is_no_record_is_refused(line: bytes) -> None:
    with pytest.raises(BrokenPart):
        list(decode_records(encode_record(a_record()) + line))


def test_a_record_shows_neither_key_nor_fields() -> None:
    assert repr(a_record(email="someone@example.org")) == "PartRecord(data_class='profile')"


def test_notes_carry_the_content_key() -> None:
    notes = SealedNotes(content_key="cHVibGljIHRlc3QgY29udGVudCBrZXksIDMyIGJ5dGU=", notes="a word")
    assert (notes.key(), SealedNotes().key()) == (KEY, None)
    assert repr(notes) == "SealedNotes()"


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!"])
def test_a_content_key_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- base64 and size differ in their words
        SealedNotes(content_key=text).key()
