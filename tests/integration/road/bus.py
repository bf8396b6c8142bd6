"""A broker in memory: what was sent stays, and everybody reads it from where they stopped."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from contracts.dead_letter import DeadLetter
from contracts.envelope import Envelope
from contracts.topics import Channel


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A record as a broker gives it."""

    topic: str
    partition: int = 0
    offset: int
    timestamp: int = 0
    key: bytes | None
    value: bytes | None = field(repr=False)
    headers: Sequence[tuple[str, bytes | None]] = field(repr=False)


class Weather(StrEnum):
    """What becomes of a sending."""

    FINE = "fine"
    LOST = "lost"  # not written, and nobody says so
    UNCONFIRMED = "unconfirmed"  # written, and nobody says so


class Bus:
    """Every channel, its records in order."""

    def __init__(self) -> None:
        self.weather = Weather.FINE
        self._kept: dict[Channel, list[Kept]] = {channel: [] for channel in Channel}

    async def send(self, envelopes: Sequence[Envelope]) -> tuple[bool, ...]:
        if self.weather is not Weather.LOST:
            for each in envelopes:
                self.put(each)
        return tuple(self.weather is Weather.FINE for _ in envelopes)

    def put(self, envelope: Envelope) -> Kept:
        """Write it as it is."""
        log = self._kept[envelope.channel]
        record = Kept(
            topic=envelope.channel,
            offset=len(log),
            key=envelope.key,
            value=envelope.value,
            headers=envelope.headers,
        )
        log.append(record)
        return record

    def read(self, channel: Channel, after: int = 0) -> list[Kept]:
        """What lies on *channel* from the record numbered *after*."""
        return self._kept[channel][after:]

    def letters(self) -> list[DeadLetter]:
        """The dead letters so far."""
        return [DeadLetter.model_validate_json(each.value or b"") for each in self._kept[Channel.DEAD_LETTERS]]
