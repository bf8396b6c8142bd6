"""Golden messages: records and parts, good and bad, and what a reader must make of each. Any language can use them.

`python -m tests.contracts.golden` writes them anew, the same to the byte. The keys in them are public: never use them.
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from pydantic import JsonValue

import contracts
from contracts.answer import Answer, ClassAnswer, PartRef
from contracts.bus.letters import dead_letter
from contracts.command import Command, Operation, SealedSlice, Slice
from contracts.dead_letter import Refusal
from contracts.door import Rejected
from contracts.envelope import Message, ce_headers, close_envelope, draft
from contracts.keys import PublicSigningKey, SigningKey
from contracts.parts import PartRecord, encode_record, encrypt_part
from contracts.results import Erased, Found, Ground, Level, Retained
from tests.contracts import builders as b
from tests.contracts.badly_treed import bad_signatures
from tests.contracts.reference import seal_by_the_book

FOLDER: Final = Path(contracts.__file__).with_name("golden")
WARNING: Final = "TEST KEYS. Their seeds are public: whoever uses them in earnest has no keys at all."

OLD_KEYS: Final[Mapping[str, SigningKey]] = {
    "revoked": SigningKey.generate(b"public test seed: revoked     11"),
    "retired": SigningKey.generate(b"public test seed: retired     12"),
    "not yet valid": SigningKey.generate(b"public test seed: to come     13"),
}
OLD_PINS: Final = (
    replace(b.ACCESS_PIN, public=OLD_KEYS["revoked"].public, revoked_at=b.NOW - 3600),
    replace(b.ACCESS_PIN, public=OLD_KEYS["retired"].public, retire_after=b.NOW - 3600),
    replace(b.ACCESS_PIN, public=OLD_KEYS["not yet valid"].public, not_before=b.NOW + 3600),
)
PINS: Final = (b.ACCESS_PIN, b.ERASURE_PIN, b.CRM_PIN, b.SHOP_PIN, *OLD_PINS)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A record, who reads it when, and what must come of it: opened, refused by a word, expired, unaddressed."""

    name: str
    about: str
    record: b.FakeRecord
    expect: str
    reader: str = "crm"
    slice: str = ""  # what opening the slice must give: "opened" or a refusal

    @property
    def good(self) -> bool:
        return self.expect == "opened" and self.slice in {"", "opened"}


def sealed(content: Slice, *, inside: Slice | None = None) -> SealedSlice:
    """Seal with nothing left to chance; *inside* may say something else than the outside."""
    plain = (inside or content).to_bytes()
    jwe = seal_by_the_book(plain, to=b.CRM_SEAL.public, apv="crm", ephemeral=b.SHOP_SEAL, nonce=b"golden nonce")
    return SealedSlice(to=content.recipient, task_id=content.task_id, issue_no=1, kid=b.CRM_SEAL.kid, jwe=jwe)


def command(operation: Operation = Operation.COLLECT, **changes: object) -> Command:
    plain = b.a_command(operation=operation, slices=[sealed(b.a_slice(operation=operation))])
    return Command(**{**dict(plain), **changes})


def closed(message: Message, *, signer: SigningKey = b.ACCESS_KEY) -> b.FakeRecord:
    return b.delivered(close_envelope(message, signer=signer))


def erased() -> Answer:
    results = (
        Erased(count=5, level=Level.REWRITTEN, physical_by=date(2026, 10, 1)),
        Retained(count=2, ground=Ground.LEGALLY_REQUIRED, until=date(2033, 1, 1)),
    )
    said = {"operation": Operation.ERASE, "classes": (ClassAnswer(data_class=b.PROFILE, results=results),)}
    return Answer(**{**dict(b.an_answer()), **said})


def collected() -> Answer:
    part = PartRef(n=0, data_class=b.PROFILE, digest="2" * 64, size=4096)
    classes = (ClassAnswer(data_class=b.PROFILE, results=(Found(count=1),)),)
    return Answer(**{**dict(b.an_answer()), "classes": classes, "parts": (part,)})


def letter() -> b.FakeRecord:
    rejected = Rejected(record=b.FakeRecord(key=b"\xff", value=b"rubbish"), refusal=Refusal.NO_SIGNATURE)
    value = dead_letter(rejected, reader="crm", environment=b.ENVIRONMENT, at=b.NOW).to_bytes()
    headers = ce_headers("dsar.dead_letter", "dsar.access.v1.0.0", source="/dsar/test/crm", at=b.NOW)
    return b.FakeRecord(topic="dsar.dlq.v1", key=b"crm", value=value, headers=tuple(headers.items()))


def good() -> Iterator[Case]:
    """What must be taken."""
    collect, erase = closed(command()), closed(command(Operation.ERASE), signer=b.ERASURE_KEY)
    yield Case(name="collect", about="A command to collect.", record=collect, expect="opened", slice="opened")
    yield Case(name="erase", about="A command to erase.", record=erase, expect="opened", slice="opened")
    for name, message in (("answer", collected()), ("erased", erased()), ("heartbeat", b.a_heartbeat())):
        record = closed(message, signer=b.CRM_KEY)
        yield Case(name=name, about=f"{name.title()}.", record=record, expect="opened", reader="orchestrator")
    hint = b.without_header(collect, "to")
    yield Case(name="no_hint", about="Without `to`, the slices decide.", record=hint, expect="opened", slice="opened")
    for n, record in enumerate(b.together(command(), command(Operation.PREVIEW), command(Operation.PROBE))):
        about = f"Number {n} of three commands that were signed together."
        yield Case(name=f"tree_{n}", about=about, record=record, expect="opened", slice="opened")
    (answer, _) = b.together(collected(), b.a_heartbeat(), signer=b.CRM_KEY)
    about = "An answer, signed together with a heartbeat."
    yield Case(name="tree_answer", about=about, record=answer, expect="opened", reader="orchestrator")


def bad() -> Iterator[Case]:
    """What must not be acted on."""
    yield from badly_signed()
    yield from badly_signed_together()
    yield from badly_put()
    yield from badly_timed()


def badly_signed() -> Iterator[Case]:
    record = closed(command())
    flipped = replace(record, value=(record.value or b"").replace(b'"round":1', b'"round":2'))
    lane = closed(command(Operation.ERASE))
    for name, about, spoilt, refusal in (
        ("unsigned", "No signature.", b.without_header(record, "sig"), Refusal.NO_SIGNATURE),
        ("unknown_key", "A stranger's key.", closed(command(), signer=b.STRANGER_KEY), Refusal.UNKNOWN_KEY),
        ("altered", "One byte is not what was signed.", flipped, Refusal.BAD_SIGNATURE),
        ("scheme", "An unknown scheme.", b.with_header(record, "sig", b"merkle:AAAA"), Refusal.BAD_SIGNATURE),
        ("copied", "Moved to the other lane.", replace(record, topic="dsar.erasure.v1"), Refusal.BAD_SIGNATURE),
        ("no_key", "The Kafka key is missing.", replace(record, key=None), Refusal.BAD_SIGNATURE),
        ("tombstone", "The value is missing.", replace(record, value=None), Refusal.BAD_SIGNATURE),
        ("wrong_lane", "The access key orders an erase.", lane, Refusal.WRONG_LANE),
        ("header_bytes", "A key id that is no text.", b.with_header(record, "kid", b"\xff"), Refusal.UNKNOWN_KEY),
        ("staging", "From elsewhere.", closed(command(environment="staging")), Refusal.WRONG_ENVIRONMENT),
        ("size", "Over 512 KiB.", replace(record, value=b"x" * (512 * 1024 + 1)), Refusal.TOO_LARGE),
    ):
        yield Case(name=name, about=about, record=spoilt, expect=refusal)
    erase = b.re_signed(replace(closed(command(Operation.ERASE)), topic="dsar.access.v1"), signer=b.ERASURE_KEY)
    yield Case(name="wrong_topic", about="An erase on the access topic.", record=erase, expect=Refusal.WRONG_LANE)
    theirs = closed(b.an_answer(), signer=b.SHOP_KEY)
    about = "A custodian answers for another."
    yield Case(name="other", about=about, record=theirs, expect=Refusal.WRONG_CUSTODIAN, reader="orchestrator")


def badly_signed_together() -> Iterator[Case]:
    """Number 1 of three, each time with something wrong."""
    three = [command(), command(Operation.PREVIEW), command(Operation.PROBE)]
    alone, whole = closed(three[1]), b.together(*three)[1]
    batch = [draft(each).signed_bytes for each in three]
    for name, about, sig in bad_signatures(batch, signer=b.ACCESS_KEY, stranger=b.STRANGER_KEY):
        record = b.with_header(alone, "sig", sig.encode())
        yield Case(name=f"tree_{name}", about=about, record=record, expect=Refusal.BAD_SIGNATURE)
    swapped = replace(whole, value=closed(three[0]).value)
    about = "The value of another in the tree."
    yield Case(name="tree_swapped", about=about, record=swapped, expect=Refusal.BAD_SIGNATURE)


def badly_put() -> Iterator[Case]:
    record = closed(command())
    said = json.loads(record.value or b"")
    for name, about, value, refusal in (
        ("not_json", "Signed, but no JSON.", b"{", Refusal.NOT_JSON),
        ("future", "A version to come.", json.dumps({**said, "v": 2, "slices": 1}).encode(), Refusal.FUTURE_VERSION),
        ("schema", "An unknown operation.", json.dumps({**said, "operation": "x"}).encode(), Refusal.BAD_SCHEMA),
    ):
        yield Case(name=name, about=about, record=b.re_signed(replace(record, value=value)), expect=refusal)
    key = b.re_signed(replace(record, key=b"7d1f1c1e-9a53-4a6b-8c11-0c2f53b0a00f"))
    yield Case(name="wrong_key", about="Under another request's key.", record=key, expect=Refusal.WRONG_KEY)
    header = b.with_header(record, "ce_id", b"else")
    about = "A header contradicts the body."
    yield Case(name="header", about=about, record=header, expect=Refusal.WRONG_HEADERS)
    moved = closed(command(slices=(sealed(b.a_slice(), inside=b.a_slice(task=b.OTHER_TASK)),)))
    about = "The slice is of another task."
    yield Case(name="transplanted", about=about, record=moved, expect="opened", slice=Refusal.TRANSPLANTED)
    lie = b.with_header(record, "to", b"shop")
    yield Case(name="lie", about="`to` lies.", record=lie, expect=Refusal.WRONG_RECIPIENT, reader="shop")
    yield Case(name="for_others", about="Not for this reader.", record=record, expect="unaddressed", reader="shop")


def badly_timed() -> Iterator[Case]:
    late = closed(command(iat=b.NOW - 9000, exp=b.NOW - 8000))
    yield Case(name="expired", about="Passed over, never dead-lettered.", record=late, expect="expired")
    for name, key in OLD_KEYS.items():
        record, file = closed(command(), signer=key), name.replace(" ", "_")
        yield Case(name=file, about=f"A key that is {name}.", record=record, expect=Refusal.UNKNOWN_KEY)


def files() -> Mapping[str, str]:
    """Return every golden file by its name."""
    cases = {f"{'good' if case.good else 'bad'}/{case.name}.json": _case(case) for case in (*good(), *bad())}
    extra: dict[str, JsonValue] = {"keys.json": _keys(), "good/part.json": _part(), "good/dead_letter.json": _letter()}
    return {name: json.dumps(content, indent=2) + "\n" for name, content in (cases | extra).items()}


def _case(case: Case) -> JsonValue:
    return {
        "about": case.about,
        "reader": {"is": case.reader, "environment": b.ENVIRONMENT, "now": b.NOW},
        "expect": case.expect,
        **({"slice": case.slice} if case.slice else {}),
        "record": _record(case.record),
    }


def _record(record: b.FakeRecord) -> JsonValue:
    """Bytes are base64; a long value of one byte is told by its length."""
    value = record.value
    long = value is not None and value == value[:1] * len(value) and len(value) > 1000
    return {
        "topic": record.topic,
        "key": _base64(record.key),
        "value": {"byte": (value or b"")[0], "times": len(value or b"")} if long else _base64(value),
        "headers": [[name, _base64(content)] for name, content in record.headers],
    }


def _base64(raw: bytes | None) -> str | None:
    return None if raw is None else b64encode(raw).decode()


def _keys() -> JsonValue:
    return {
        "warning": WARNING,
        "pinned": [_pin(pin) for pin in PINS],
        "sealing": {"kid": b.CRM_SEAL.kid, "public": _base64(b.CRM_SEAL.public), "private": _private()},
    }


def _private() -> JsonValue:
    return _base64(b.CRM_SEAL.private.private_bytes_raw())


def _pin(pin: PublicSigningKey) -> JsonValue:
    return {
        "kid": pin.kid,
        "public": _base64(pin.public),
        "owner": pin.owner,
        "operations": None if pin.operations is None else [*sorted(pin.operations)],
        "not_before": pin.not_before,
        "retire_after": pin.retire_after,
        "revoked_at": pin.revoked_at,
    }


def _letter() -> JsonValue:
    return {"about": "A dead letter: unsigned.", "expect": "valid", "record": _record(letter())}


def _part() -> JsonValue:
    key, plain = (
        b"golden content key, 32 bytes: 01",
        encode_record(PartRecord(data_class=b.PROFILE, key="7", fields={"email": "someone@example.org"})),
    )
    part = encrypt_part(key, plain, task=b.TASK, n=0, last=True)
    return {
        "about": "The last part, number 0, of an upload.",
        "content_key": _base64(key),
        "task": str(b.TASK),
        "n": 0,
        "last": True,
        "plaintext": _base64(plain),
        "ciphertext": _base64(part),
    }


if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(text)
