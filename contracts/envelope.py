"""Envelopes: a message serialised, signed and labelled for the bus, and what a record of the bus looks like."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Protocol, assert_never

from contracts.answer import Answer
from contracts.command import LANE_OF, Command
from contracts.heartbeat import Heartbeat
from contracts.keys import SigningKey
from contracts.signing import MAX_SIGNATURE, sign_batch, signed_bytes
from contracts.topics import MAX_MESSAGE_BYTES, Channel, channel_of

Message = Command | Answer | Heartbeat
"""What is signed and sent."""

Headers = tuple[tuple[str, bytes], ...]

LABELS: Final = frozenset({"content-type", "ce_specversion", "ce_type", "ce_id", "ce_source", "ce_time"})
"""The unsigned headers that repeat what a message says."""

_SIGNATURE_ROOM: Final = len("kid") + 16 + len("sig") + MAX_SIGNATURE


class Record(Protocol):
    """A record as the broker gives it. Its key, value and headers may be anything, invalid UTF-8 too."""

    @property
    def topic(self) -> str:
        """The physical topic."""

    @property
    def partition(self) -> int:
        """The partition within the topic."""

    @property
    def offset(self) -> int:
        """The place within the partition."""

    @property
    def timestamp(self) -> int:
        """Milliseconds since the epoch, by the broker's clock."""

    @property
    def key(self) -> bytes | None:
        """The Kafka key."""

    @property
    def value(self) -> bytes | None:
        """The raw value; None is a tombstone."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """All headers; a name may stand twice, a value be absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What is sent: the serialised message as it was signed, under its key, with its headers."""

    channel: Channel
    key: bytes
    value: bytes = field(repr=False)
    headers: Headers = field(repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the value, hex: what an answer binds itself to."""
        return sha256(self.value).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message serialised once and labelled, not yet signed: these very bytes are what will be signed and sent."""

    environment: str
    channel: Channel
    key: bytes
    value: bytes = field(repr=False)
    headers: Headers = field(repr=False)

    @property
    def signed_bytes(self) -> bytes:
        """What its signature is to cover."""
        return signed_bytes(self.environment, self.channel, self.key, self.value)


def draft(message: Message, *, traceparent: str | None = None) -> Draft:
    """Serialise *message* once; raise `ValueError` if it is too large, whichever signature it gets.

    Channel, key and headers follow from the message: each header repeats the value, or is only a hint.
    """
    channel, key, value = _channel(message), kafka_key(message), message.to_bytes()
    headers = [*labels(message).items()]
    if isinstance(message, Command):
        headers.append(("to", ",".join(each.to for each in message.slices).encode()))
    if traceparent is not None:
        headers.append(("traceparent", traceparent.encode()))
    if weight(key, value, headers) + _SIGNATURE_ROOM > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message over {MAX_MESSAGE_BYTES} bytes")
    return Draft(environment=message.environment, channel=channel, key=key, value=value, headers=tuple(headers))


def sign_drafts(drafts: Sequence[Draft], *, signer: SigningKey) -> list[Envelope]:
    """Sign what is ready to leave, together: at the price of one signature, and each can be opened without the others.

    Signing a draft again, with others, changes nothing but its signature.
    """
    signatures = sign_batch(signer, [each.signed_bytes for each in drafts])
    return [
        Envelope(
            channel=each.channel,
            key=each.key,
            value=each.value,
            headers=(*each.headers, ("kid", signer.kid.encode()), ("sig", signature.encode())),
        )
        for each, signature in zip(drafts, signatures, strict=True)
    ]


def close_envelope(message: Message, *, signer: SigningKey, traceparent: str | None = None) -> Envelope:
    """Serialise and sign *message* once; raise `ValueError` if it is too large."""
    (closed,) = sign_drafts([draft(message, traceparent=traceparent)], signer=signer)
    return closed


def close_envelopes(messages: Iterable[Message], *, signer: SigningKey) -> list[Envelope]:
    """Close all of *messages* under one signature; raise `ValueError` if any is too large."""
    return sign_drafts([draft(each) for each in messages], signer=signer)


def weight(key: bytes, value: bytes, headers: Iterable[tuple[str, bytes | None]]) -> int:
    """Return the bytes of a record that count against `MAX_MESSAGE_BYTES`."""
    return len(key) + len(value) + sum(len(name) + len(content or b"") for name, content in headers)


def kafka_key(message: Message) -> bytes:
    """Return the request's id, of a heartbeat the custodian's: random or public, never anything about the person."""
    return (message.custodian if isinstance(message, Heartbeat) else str(message.request_id)).encode()


def labels(message: Message) -> Mapping[str, bytes]:
    """Return the unsigned headers that repeat what *message* says."""
    match message:
        case Command():
            type_, id_, at = "dsar.command", str(message.command_id), message.iat
            source = f"dispatcher/{LANE_OF[message.operation]}"
        case Answer():
            type_, id_, at = "dsar.answer", f"{message.task_id}.{message.issue_no}", message.iat
            source = f"custodian/{message.custodian}"
        case Heartbeat():
            type_, id_, at = "dsar.heartbeat", f"{message.worker}.{message.at}", message.at
            source = f"custodian/{message.custodian}"
        case _:
            assert_never(message)
    return ce_headers(type_, id_, source=f"/dsar/{message.environment}/{source}", at=at)


def ce_headers(type_: str, id_: str, *, source: str, at: int) -> Mapping[str, bytes]:
    """Return the headers that make a record a CloudEvent in Kafka's binary mode."""
    return {
        "content-type": b"application/json",
        "ce_specversion": b"1.0",
        "ce_type": type_.encode(),
        "ce_id": id_.encode(),
        "ce_source": source.encode(),
        "ce_time": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode(),
    }


def _channel(message: Message) -> Channel:
    return channel_of(LANE_OF[message.operation]) if isinstance(message, Command) else Channel.ANSWERS
