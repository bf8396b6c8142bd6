"""Messages, keys and records for tests. The keys are made from public seeds: never use them outside tests."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final
from uuid import UUID

from contracts.answer import Answer, ClassAnswer
from contracts.command import Command, Lane, Operation, SealedSlice, Slice, SliceIdentifier
from contracts.dead_letter import Refusal
from contracts.door import Door, Opened, Sorted, answers_door, commands_door, open_envelopes
from contracts.envelope import Envelope, Message, Record, close_envelope, close_envelopes
from contracts.heartbeat import Heartbeat, Progress
from contracts.identifiers import IdentifierKind
from contracts.ids import CommandId, CustodianId, DataClass, RequestId, TaskId, WorkerId
from contracts.keys import KeyRing, PublicSigningKey, SealingKey, SigningKey
from contracts.results import NotFound
from contracts.signing import sign, signed_bytes
from contracts.slices import seal_slice
from contracts.topics import Channel

NOW: Final = 1_790_000_000
ENVIRONMENT: Final = "test"
CRM: Final = CustodianId("crm")
SHOP: Final = CustodianId("shop")
REQUEST: Final = RequestId(UUID("7d1f1c1e-9a53-4a6b-8c11-0c2f53b0a001"))
COMMAND: Final = CommandId(UUID("7d1f1c1e-9a53-4a6b-8c11-0c2f53b0a002"))
TASK: Final = TaskId(UUID("7d1f1c1e-9a53-4a6b-8c11-0c2f53b0a003"))
OTHER_TASK: Final = TaskId(UUID("7d1f1c1e-9a53-4a6b-8c11-0c2f53b0a004"))
PROFILE: Final = DataClass("profile")

ACCESS_KEY: Final = SigningKey.generate(b"public test seed: access lane 01")
ERASURE_KEY: Final = SigningKey.generate(b"public test seed: erase lane  02")
CRM_KEY: Final = SigningKey.generate(b"public test seed: crm signs   03")
SHOP_KEY: Final = SigningKey.generate(b"public test seed: shop signs  04")
STRANGER_KEY: Final = SigningKey.generate(b"public test seed: nobody's    05")
CRM_SEAL: Final = SealingKey.generate(b"public test seed: crm opens   06")
SHOP_SEAL: Final = SealingKey.generate(b"public test seed: shop opens  07")

ACCESS_PIN: Final = PublicSigningKey.of_lane(Lane.ACCESS, ACCESS_KEY.public)
ERASURE_PIN: Final = PublicSigningKey.of_lane(Lane.ERASURE, ERASURE_KEY.public)
CRM_PIN: Final = PublicSigningKey.of_custodian(CRM, CRM_KEY.public)
SHOP_PIN: Final = PublicSigningKey.of_custodian(SHOP, SHOP_KEY.public)
RING: Final = KeyRing([ACCESS_PIN, ERASURE_PIN, CRM_PIN, SHOP_PIN])


@dataclass(frozen=True, kw_only=True)
class FakeRecord:
    """A record of no broker."""

    topic: str = "dsar.access.v1"
    partition: int = 0
    offset: int = 0
    timestamp: int = NOW * 1000
    key: bytes | None = None
    value: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = field(default=())


def a_slice(
    *,
    recipient: CustodianId = CRM,
    task: TaskId = TASK,
    command: CommandId = COMMAND,
    operation: Operation = Operation.COLLECT,
    issue_no: int = 1,
    identifiers: int = 1,
) -> Slice:
    known = (SliceIdentifier(kind=IdentifierKind.EMAIL, value=f"someone{n}@example.org") for n in range(identifiers))
    return Slice(
        task_id=task,
        issue_no=issue_no,
        command_id=command,
        operation=operation,
        recipient=recipient,
        identifiers=tuple(known),
        classes=(PROFILE,),
    )


def a_command(
    *,
    operation: Operation = Operation.COLLECT,
    slices: Iterable[SealedSlice] | None = None,
    environment: str = ENVIRONMENT,
    command: CommandId = COMMAND,
    iat: int = NOW - 10,
    exp: int = NOW + 600,
) -> Command:
    sealed = (seal_slice(a_slice(operation=operation, command=command), public=CRM_SEAL.public),)
    return Command(
        environment=environment,
        command_id=command,
        request_id=REQUEST,
        operation=operation,
        round=1,
        iat=iat,
        exp=exp,
        due=date(2026, 10, 1),
        link_key="link",
        reply_key="reply",
        slices=sealed if slices is None else tuple(slices),
    )


def an_answer(*, custodian: CustodianId = CRM, environment: str = ENVIRONMENT, iat: int = NOW - 5) -> Answer:
    return Answer(
        environment=environment,
        custodian=custodian,
        task_id=TASK,
        issue_no=1,
        command_id=COMMAND,
        command_digest="0" * 64,
        request_id=REQUEST,
        operation=Operation.COLLECT,
        iat=iat,
        manifest_hash="1" * 64,
        classes=(ClassAnswer(data_class=PROFILE, results=(NotFound(),)),),
        worker=WorkerId("crm-1"),
        duration_ms=12,
    )


def a_heartbeat(*, custodian: CustodianId = CRM) -> Heartbeat:
    return Heartbeat(
        environment=ENVIRONMENT,
        custodian=custodian,
        worker=WorkerId("crm-1"),
        at=NOW - 1,
        manifest_hash="1" * 64,
        contracts=(1, 1),
        sdk="0.1.0",
        kids=(CRM_KEY.kid,),
        running=(Progress(task_id=TASK, done=3),),
    )


def delivered(envelope: Envelope, *, topic: str | None = None, offset: int = 0) -> FakeRecord:
    """Return what a reader gets of *envelope*."""
    return FakeRecord(
        topic=envelope.channel if topic is None else topic,
        offset=offset,
        key=envelope.key,
        value=envelope.value,
        headers=envelope.headers,
    )


def with_header(record: FakeRecord, name: str, content: bytes | None) -> FakeRecord:
    """Return *record* with one header replaced, or added."""
    return replace(record, headers=(*without_header(record, name).headers, (name, content)))


def without_header(record: FakeRecord, name: str) -> FakeRecord:
    """Return *record* without one header."""
    return replace(record, headers=tuple(each for each in record.headers if each[0] != name))


def the_command_record() -> FakeRecord:
    return delivered(close_envelope(a_command(), signer=ACCESS_KEY))


def together(*messages: Message, signer: SigningKey = ACCESS_KEY) -> list[FakeRecord]:
    """Return what a reader gets of messages that left together."""
    return [delivered(each) for each in close_envelopes(messages, signer=signer)]


def the_answer_record() -> FakeRecord:
    return delivered(close_envelope(an_answer(), signer=CRM_KEY))


def crm_door(*, ring: KeyRing = RING, environment: str = ENVIRONMENT, audience: CustodianId = CRM) -> Door[Command]:
    return commands_door(environment=environment, ring=ring, audience=audience)


def engine_door(*, ring: KeyRing = RING) -> Door[Answer | Heartbeat]:
    return answers_door(environment=ENVIRONMENT, ring=ring)


def read(*records: Record, door: Door[Command] | None = None, now: int = NOW) -> Sorted[Command]:
    """Open *records* as the custodian crm does."""
    return open_envelopes(records, crm_door() if door is None else door, now)


def heard(*records: Record, ring: KeyRing = RING, now: int = NOW) -> Sorted[Answer | Heartbeat]:
    """Open *records* as the orchestrator does."""
    return open_envelopes(records, engine_door(ring=ring), now)


def refusal_of(outcome: Sorted[Command] | Sorted[Answer | Heartbeat]) -> Refusal:
    """Return why the one record was refused."""
    assert not outcome.opened
    (rejected,) = outcome.rejected
    return rejected.refusal


def the_command(outcome: Sorted[Command]) -> Opened[Command]:
    """Return the one command that was opened."""
    assert not outcome.rejected
    (opened,) = outcome.opened
    return opened


def re_signed(record: FakeRecord, *, signer: SigningKey = ACCESS_KEY, environment: str = ENVIRONMENT) -> FakeRecord:
    """Sign whatever the record holds now, as a holder of the key could."""
    data = signed_bytes(environment, Channel(record.topic), record.key or b"", record.value or b"")
    return with_header(with_header(record, "sig", sign(signer, data).encode()), "kid", signer.kid.encode())
