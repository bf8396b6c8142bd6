"""Packing records into parts: one data class a part, classes one after the other, a page in memory."""

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from pydantic import JsonValue

from contracts.ids import DataClass
from contracts.parts import PART_BYTES, PartRecord, encode_record
from custodians.runner.failures import BadPlugin
from custodians.sdk import GiveUp, Record

_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


class RecordTooLarge(GiveUp):
    """One record does not fit into a part."""


class ClassesInterleaved(GiveUp):
    """Records came back to an earlier data class: they must come class by class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The plaintext of one part. Whether it is the last one is known when the next comes, or none."""

    n: int
    data_class: DataClass
    last: bool
    data: bytes = field(repr=False)


async def packed(records: AsyncIterator[Record]) -> AsyncIterator[Part]:
    """Yield the parts of *records*, each at most `PART_BYTES` long; nothing for no records."""
    n = 0
    held: tuple[DataClass, bytes] | None = None
    async for following in _chunks(records):
        if held is not None:
            yield Part(n=n, data_class=held[0], last=False, data=held[1])
            n += 1
        held = following
    if held is not None:
        yield Part(n=n, data_class=held[0], last=True, data=held[1])


async def _chunks(records: AsyncIterator[Record]) -> AsyncIterator[tuple[DataClass, bytes]]:
    buffer = bytearray()
    seen: list[DataClass] = []
    async for record in records:
        line = _line(record)
        is_new = not seen or record.data_class != seen[-1]
        if buffer and (is_new or len(buffer) + len(line) > PART_BYTES):
            yield seen[-1], bytes(buffer)
            buffer.clear()
        if is_new and record.data_class in seen:
            raise ClassesInterleaved
        if is_new:
            seen.append(record.data_class)
        buffer += line
    if buffer:
        yield seen[-1], bytes(buffer)


def _line(record: Record) -> bytes:
    fields = {name: _json(value) for name, value in record.fields.items()}
    try:
        line = encode_record(PartRecord(data_class=record.data_class, key=str(record.key), fields=fields))
    except ValueError:  # not a number, or a lone surrogate
        raise BadPlugin from None
    if len(line) > PART_BYTES:
        raise RecordTooLarge
    return line


def _json(value: Any) -> JsonValue:  # noqa: ANN401 -- whatever a store's driver makes of a value
    return value if type(value) in _PLAIN else _told(value)


def _told(value: object) -> JsonValue:
    match value:
        case None | bool() | int() | float() | str() if not isinstance(value, Enum):
            return value
        case Enum():
            return _json(value.value)
        case datetime() | date() | time():
            return value.isoformat()
        case Decimal() | UUID():
            return str(value)
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(value).decode()
        case _:
            return _nested(value)


def _nested(value: Any) -> JsonValue:  # noqa: ANN401 -- whatever a store's driver makes of a value
    match value:
        case Mapping():
            return {str(name): _json(inner) for name, inner in value.items()}
        case Sequence() | set() | frozenset():
            return [_json(inner) for inner in value]
        case _:
            raise BadPlugin
