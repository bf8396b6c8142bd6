"""The door: records opened one by one, in an order that trusts nothing unsigned.

size → header says it is for others → lane → key known → signature → schema → sender → Kafka key, headers → recipient
→ expiry → the key's own time. Expiry comes before the last: a backlog that an old key signed is skipped, not refused.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Generic, NamedTuple, TypeVar, assert_never, cast

from pydantic import ValidationError
from pydantic_core import from_json

from contracts.answer import Answer
from contracts.command import LANE_OF, Command
from contracts.dead_letter import Refusal
from contracts.envelope import LABELS, Message, Record, kafka_key, labels, weight
from contracts.heartbeat import Heartbeat
from contracts.ids import CustodianId
from contracts.keys import CLOCK_TOLERANCE_S, KeyRing, PublicSigningKey
from contracts.signing import signed_bytes, verify_message
from contracts.topics import MAX_MESSAGE_BYTES, TOPICS, Channel, channel_named, channel_of
from contracts.wire import CONTRACT_VERSION

N = TypeVar("N", Command, Answer, Heartbeat)
M_co = TypeVar("M_co", bound=Message, covariant=True)

# long enough for an answer that a retired key signed to have left its topic
ANSWERS_RETIRED_S: Final = TOPICS[Channel.ANSWERS].retention_ms // 1000 + 24 * 60 * 60

_OURS: Final = LABELS | {"kid", "sig", "to"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A record for the dead letters."""

    record: Record = field(repr=False)
    refusal: Refusal


@dataclass(frozen=True, kw_only=True)
class Opened(Generic[M_co]):
    """A message that may be believed: who signed it, what exactly was signed, and when it was read."""

    message: M_co
    kid: str
    digest: str
    value: bytes = field(repr=False)
    received_at: int
    record: Record = field(repr=False)

    def narrowed(self, to: type[N]) -> "Opened[N]":
        """Return it as what it was found to be; raise `TypeError` if it is not."""
        if not isinstance(self.message, to):
            raise TypeError(f"not a {to.__name__}")
        return cast("Opened[N]", self)

    def refused(self, refusal: Refusal) -> Rejected:
        """Return it as a record for the dead letters: genuine, but it names what we do not know, or hides something."""
        return Rejected(record=self.record, refusal=refusal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Genuine commands that nobody needs to look at: counted, never dead-lettered.

    A custodian that was away for three weeks comes back to a backlog of expired commands; it must not stop on them.
    """

    expired: int = 0
    unaddressed: int = 0


class Sorted(NamedTuple, Generic[M_co]):
    """A batch, sorted: what to act on, what to dead-letter, what was passed over."""

    opened: list[Opened[M_co]]
    rejected: list[Rejected]
    skipped: Skipped


@dataclass(frozen=True, kw_only=True)
class Door(Generic[M_co]):
    """What a reader accepts. Make it with `commands_door` or `answers_door`."""

    environment: str
    models: Mapping[str, type[M_co]]
    channels: frozenset[Channel]
    ring: KeyRing
    audience: CustodianId | None = None
    prefix: str = ""


def commands_door(
    *,
    environment: str,
    ring: KeyRing,
    audience: CustodianId,
    channels: Iterable[Channel] = (Channel.ACCESS, Channel.ERASURE),
    prefix: str = "",
) -> Door[Command]:
    """Return the door of a custodian: it opens commands that are addressed to *audience*."""
    return Door[Command](
        environment=environment,
        models={"dsar.command": Command},
        channels=frozenset(channels),
        ring=ring,
        audience=audience,
        prefix=prefix,
    )


def answers_door(*, environment: str, ring: KeyRing, prefix: str = "") -> Door[Answer | Heartbeat]:
    """Return the door of the orchestrator. It takes answers of a retired key for as long as they can be under way.

    Whether that key was good when the issue was sent is for the caller to compare: only it knows when that was.
    """
    models: Mapping[str, type[Answer | Heartbeat]] = {"dsar.answer": Answer, "dsar.heartbeat": Heartbeat}
    return Door[Answer | Heartbeat](
        environment=environment,
        models=models,
        channels=frozenset({Channel.ANSWERS}),
        ring=ring,
        prefix=prefix,
    )


def open_envelopes(records: Iterable[Record], door: Door[M_co], now: int) -> Sorted[M_co]:
    """Open each record by itself; *now* is seconds since the epoch. Nothing in a record raises."""
    opened: list[Opened[M_co]] = []
    rejected: list[Rejected] = []
    expired = unaddressed = 0
    for record in records:
        try:
            opened.append(_open(record, door, now))
        except _Refused as refused:
            rejected.append(Rejected(record=record, refusal=refused.refusal))
        except _Expired:
            expired += 1
        except _Unaddressed:
            unaddressed += 1
    return Sorted(opened, rejected, Skipped(expired=expired, unaddressed=unaddressed))


class _Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


class _Expired(Exception):
    pass


class _Unaddressed(Exception):
    pass


def _open(record: Record, door: Door[M_co], now: int) -> Opened[M_co]:
    headers = _headers(record)
    if _is_for_others(headers, door):
        raise _Unaddressed
    channel = channel_named(record.topic, door.prefix)
    if channel is None or channel not in door.channels:
        raise _Refused(Refusal.WRONG_LANE)
    signer = _signer(headers, door)
    _verify(record, headers, channel, signer, door)
    value = record.value or b""
    message = _parsed(headers, value, door)
    _check_sender(message, signer, channel)
    _check_labels(message, record, headers, door)
    _check_addressed(message, headers, door, now)
    _check_key_time(message, signer, now)
    return Opened[M_co](
        message=message,
        kid=signer.kid,
        digest=sha256(value).hexdigest(),
        value=value,
        received_at=now,
        record=record,
    )


def _headers(record: Record) -> Mapping[str, bytes]:
    headers = record.headers
    if weight(record.key or b"", record.value or b"", headers) > MAX_MESSAGE_BYTES:
        raise _Refused(Refusal.TOO_LARGE)
    named = {name: value or b"" for name, value in headers}
    if len(named) != len(headers) and _repeats(headers):
        raise _Refused(Refusal.WRONG_HEADERS)
    return named


def _repeats(headers: Iterable[tuple[str, bytes | None]]) -> bool:
    ours = [name for name, _ in headers if name in _OURS]
    return len(set(ours)) != len(ours)


def _is_for_others(headers: Mapping[str, bytes], door: Door[M_co]) -> bool:
    """Look at an unsigned header: it may make a reader pass on, which saves a verification, and nothing else."""
    to = headers.get("to")
    return to is not None and door.audience is not None and door.audience.encode() not in to.split(b",")


def _signer(headers: Mapping[str, bytes], door: Door[M_co]) -> PublicSigningKey:
    kid = _text(headers, "kid")
    if not kid or not headers.get("sig"):
        raise _Refused(Refusal.NO_SIGNATURE)
    signer = door.ring.get(kid)
    if signer is None:
        raise _Refused(Refusal.UNKNOWN_KEY)
    return signer


def _verify(
    record: Record, headers: Mapping[str, bytes], channel: Channel, signer: PublicSigningKey, door: Door[M_co]
) -> None:
    signature, key, value = _text(headers, "sig"), record.key or b"", record.value or b""
    if verify_message(signature, signer.public, signed_bytes(door.environment, channel, key, value)):
        return
    elsewhere = signed_bytes(_environment(value), channel, key, value)  # a mirror, or one key in two environments
    genuine = verify_message(signature, signer.public, elsewhere)
    raise _Refused(Refusal.WRONG_ENVIRONMENT if genuine else Refusal.BAD_SIGNATURE)


def _text(headers: Mapping[str, bytes], name: str) -> str:
    return headers.get(name, b"").decode("ascii", "replace")


def _environment(value: bytes) -> str:
    try:
        said = from_json(value)
    except ValueError:
        return ""
    environment = said.get("environment") if isinstance(said, dict) else None
    return environment if isinstance(environment, str) else ""


def _parsed(headers: Mapping[str, bytes], value: bytes, door: Door[M_co]) -> M_co:
    model = door.models.get(_text(headers, "ce_type"))
    if model is None:
        raise _Refused(Refusal.WRONG_HEADERS)
    try:
        return cast("M_co", model.model_validate_json(value, strict=True))  # a bound that is a union is lost on the way
    except ValidationError:
        raise _Refused(_why_unreadable(value)) from None


def _why_unreadable(value: bytes) -> Refusal:
    """Say why, on the failing path only. The version comes first: a newer schema cannot be judged by this one."""
    try:
        said = from_json(value)
    except ValueError:
        return Refusal.NOT_JSON
    version = said.get("v") if isinstance(said, dict) else None
    if isinstance(version, int) and version > CONTRACT_VERSION:
        return Refusal.FUTURE_VERSION
    return Refusal.BAD_SCHEMA


def _check_sender(message: Message, signer: PublicSigningKey, channel: Channel) -> None:
    """Refuse what this key may not say here. A key either orders or answers, never both."""
    match message:
        case Command(operation=operation):
            if channel_of(LANE_OF[operation]) is not channel or operation not in (signer.operations or ()):
                raise _Refused(Refusal.WRONG_LANE)
        case Answer(custodian=custodian) | Heartbeat(custodian=custodian):
            if signer.operations is not None or signer.owner != custodian:
                raise _Refused(Refusal.WRONG_CUSTODIAN)
        case _:
            assert_never(message)


def _check_labels(message: Message, record: Record, headers: Mapping[str, bytes], door: Door[M_co]) -> None:
    if message.environment != door.environment:
        raise _Refused(Refusal.WRONG_ENVIRONMENT)
    if record.key != kafka_key(message):
        raise _Refused(Refusal.WRONG_KEY)
    if any(headers.get(name) != said for name, said in labels(message).items()):
        raise _Refused(Refusal.WRONG_HEADERS)


def _check_addressed(message: Message, headers: Mapping[str, bytes], door: Door[M_co], now: int) -> None:
    if not isinstance(message, Command) or door.audience is None:
        return
    if all(each.to != door.audience for each in message.slices):
        if "to" in headers:  # the header named us, or we would not be here: the envelope contradicts itself
            raise _Refused(Refusal.WRONG_RECIPIENT)
        raise _Unaddressed
    if not message.iat - CLOCK_TOLERANCE_S <= now <= message.exp + CLOCK_TOLERANCE_S:
        raise _Expired


def _check_key_time(message: Message, signer: PublicSigningKey, now: int) -> None:
    dated, retired_s = (message.iat, 0) if isinstance(message, Command) else (now, ANSWERS_RETIRED_S)
    if not signer.counts(now, dated=dated, retired_s=retired_s):
        raise _Refused(Refusal.UNKNOWN_KEY)
