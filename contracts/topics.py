"""The four channels, their settings, and how a channel is named on a broker."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from contracts.command import Lane

MAX_MESSAGE_BYTES: Final = 512 * 1024
"""What one record may weigh: value, key and headers."""

MAX_BATCH: Final = 500
"""How many records a reader takes at once."""

_DAY_MS: Final = 24 * 60 * 60 * 1000


class Channel(StrEnum):
    """The logical name of a topic. It is what is signed, so that a prefix or a mirror changes nothing."""

    ACCESS = "dsar.access.v1"
    ERASURE = "dsar.erasure.v1"
    ANSWERS = "dsar.answers.v1"
    DEAD_LETTERS = "dsar.dlq.v1"


CHANNEL_OF: Final[Mapping[Lane, Channel]] = MappingProxyType(
    {Lane.ACCESS: Channel.ACCESS, Lane.ERASURE: Channel.ERASURE}
)


def channel_of(lane: Lane) -> Channel:
    """Return the channel on which the commands of *lane* travel."""
    return CHANNEL_OF[lane]


def topic_of(channel: Channel, prefix: str = "") -> str:
    """Return the name of *channel* on a broker that several environments share."""
    return f"{prefix}{channel}"


def channel_named(topic: str, prefix: str = "") -> Channel | None:
    """Return the channel behind a broker's *topic*, or None if it is none of ours."""
    if not topic.startswith(prefix):
        return None
    try:
        return Channel(topic.removeprefix(prefix))
    except ValueError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSettings:
    """How a topic is made. Retention counts from the broker's clock: no producer can date a record into next year."""

    partitions: int
    retention_ms: int = 7 * _DAY_MS
    segment_ms: int = _DAY_MS  # a segment is deleted as a whole, so data lives for retention + segment at most
    max_message_bytes: int = MAX_MESSAGE_BYTES

    @property
    def config(self) -> Mapping[str, str]:
        """The settings as the broker's admin calls take them.

        `uncompressed` makes the broker measure what a record weighs for its readers, not what was squeezed.
        """
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(self.retention_ms),
            "segment.ms": str(self.segment_ms),
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.type": "LogAppendTime",
            "compression.type": "uncompressed",
        }


TOPICS: Final[Mapping[Channel, TopicSettings]] = MappingProxyType(
    {
        Channel.ACCESS: TopicSettings(partitions=6),
        Channel.ERASURE: TopicSettings(partitions=6),
        Channel.ANSWERS: TopicSettings(partitions=6),
        # twice the room: a dead letter holds a whole record in base64
        Channel.DEAD_LETTERS: TopicSettings(partitions=1, max_message_bytes=2 * MAX_MESSAGE_BYTES),
    }
)
