"""Uploaded parts: collected records as lines of JSON, cut into pieces that cannot be swapped, dropped or moved."""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from struct import pack
from typing import Annotated, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import Field, JsonValue

from contracts.framing import framed
from contracts.ids import DataClass, TaskId
from contracts.wire import CLASS_NAME, DIGEST, Count, Number, Wire

PART_BYTES: Final = 4 * 1024 * 1024
"""The most plaintext that one part holds."""

TAG_BYTES: Final = 16
CONTENT_KEY_BYTES: Final = 32

BUNDLE_PARTS: Final = 100
"""The most parts of one bundle: many small parts in one request, each by the grant of its own issue."""

BUNDLE_BYTES: Final = 1024 * 1024
"""What the body of a bundle may weigh, with its head."""

BUNDLE_HEAD_BYTES: Final = 64 * 1024
"""What its head may, with the line feed."""

SMALL_PART_BYTES: Final = 64 * 1024
"""A part over this gains nothing by company: put it alone."""


class SealedNotes(Wire):
    """What an answer's `sealed` opens to: the key of its parts, in base64, and a word to the reviewer."""

    content_key: str | None = Field(default=None, repr=False)
    notes: str = Field(default="", max_length=2000, repr=False)

    def key(self) -> bytes | None:
        """Return the content key, or None; raise `ValueError` if it is not 32 bytes of base64."""
        if self.content_key is None:
            return None
        raw = b64decode(self.content_key, validate=True)
        if len(raw) != CONTENT_KEY_BYTES:
            raise ValueError(f"a content key has {CONTENT_KEY_BYTES} bytes")
        return raw


class BrokenPart(ValueError):
    """The part is not the one expected: altered, swapped, cut off, or of another task."""


def encrypt_part(key: bytes, data: bytes, *, task: TaskId, n: int, last: bool) -> bytes:
    """Encrypt part *n* of an issue of *task*; raise `ValueError` over `PART_BYTES` or for a short key.

    The number is the nonce: a key must be fresh for each issue, and *n* be given to one content only.
    """
    if len(data) > PART_BYTES:
        raise ValueError(f"a part holds at most {PART_BYTES} bytes")
    return _cipher(key).encrypt(_nonce(n), data, _bound_to(task, n, last=last))


def decrypt_part(key: bytes, data: bytes, *, task: TaskId, n: int, last: bool) -> bytes:
    """Return the plaintext of part *n*, the *last* one or not; raise `BrokenPart` if it is not exactly that."""
    try:
        return _cipher(key).decrypt(_nonce(n), data, _bound_to(task, n, last=last))
    except (InvalidTag, ValueError):
        raise BrokenPart(f"part {n} is not what was uploaded") from None


def _cipher(key: bytes) -> AESGCM:
    if len(key) != CONTENT_KEY_BYTES:  # the library would take 128 bits, too
        raise ValueError(f"a content key has {CONTENT_KEY_BYTES} bytes")
    return AESGCM(key)


def _nonce(n: int) -> bytes:
    return n.to_bytes(12, "big")


def _bound_to(task: TaskId, n: int, *, last: bool) -> bytes:
    return framed(task.bytes, pack(">I", n), b"\x01" if last else b"\x00")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRecord:
    """One collected record."""

    data_class: DataClass
    key: str = field(repr=False)
    fields: Mapping[str, JsonValue] = field(repr=False)


def encode_record(record: PartRecord) -> bytes:
    """Return *record* as one line of JSON with its line end; the same record gives the same bytes."""
    line = {"class": record.data_class, "key": record.key, "fields": dict(record.fields)}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def decode_records(data: bytes) -> Iterator[PartRecord]:
    """Read the records of a part's plaintext; raise `BrokenPart` at a line that is none."""
    for line in data.splitlines():
        yield _decoded(line)


def _decoded(line: bytes) -> PartRecord:
    try:
        said = json.loads(line)
        data_class, key, fields = said["class"], said["key"], said["fields"]
    except (ValueError, TypeError, LookupError, RecursionError):
        raise BrokenPart("a line is no record") from None
    if not (isinstance(data_class, str) and isinstance(key, str) and isinstance(fields, dict)):
        raise BrokenPart("a line is no record")
    return PartRecord(data_class=DataClass(data_class), key=key, fields=fields)


class AnnouncedPart(Wire):
    """One part of a bundle: where it goes, what its ciphertext is, and the bearer of the issue's grant."""

    task_id: TaskId
    issue_no: Number
    n: Count
    data_class: DataClass = Field(pattern=CLASS_NAME)
    digest: str = Field(pattern=DIGEST)
    size: Number
    bearer: str = Field(repr=False)


class BundleHead(Wire):
    """The head of a bundle, in one line of at most 64 KiB and ended by a line feed.

    Behind it lie the bytes of the parts, in this order, each as long as its *size*. All of it weighs 1 MiB at most.
    """

    parts: tuple[AnnouncedPart, ...] = Field(min_length=1, max_length=BUNDLE_PARTS)


class PartVerdict(Wire):
    """What came of one part: the status that it would have been answered with alone, and why, if it was refused."""

    status: Annotated[int, Field(ge=100, le=599)]
    type: str | None = None
    detail: str | None = None


class BundleAnswer(Wire):
    """One verdict a part, in the order of the head."""

    results: tuple[PartVerdict, ...]


def bundle_of(head: BundleHead, bodies: Sequence[bytes]) -> bytes:
    """Return the body of the request that carries these parts; `bodies` are in the order of the head."""
    return b"".join((head.to_bytes(), b"\n", *bodies))
