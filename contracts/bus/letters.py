"""Dead letters: what cannot be taken is kept, and when too much cannot be taken, reading stops."""

import json
from base64 import b64encode
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

import structlog

from contracts.bus.sender import NotWritten
from contracts.dead_letter import DeadLetter, Refusal
from contracts.door import Rejected
from contracts.envelope import Envelope, Record, ce_headers
from contracts.topics import TOPICS, Channel

log = structlog.get_logger()

BRAKE_LIMIT: Final = 20
BRAKE_WINDOW_S: Final = 60.0
LETTER_BYTES: Final = TOPICS[Channel.DEAD_LETTERS].max_message_bytes - 16 * 1024  # the rest is for names and places
_REMEMBERED: Final = 10_000

Clock = Callable[[], float]
Place = tuple[str, int, int]


class BrakePulled(RuntimeError):
    """Too many records of one refusal: the batch waits, nothing of it is dead-lettered or committed."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


class Brake:
    """Stops reading at more than *limit* refusals of one class within *window_s* seconds.

    After a bad roll-out of keys everything is refused: without a brake the whole topic would be drained into the
    dead letters. The waiting batch is judged again at each attempt, so once the keys are right it goes through.
    """

    def __init__(self, *, limit: int = BRAKE_LIMIT, window_s: float = BRAKE_WINDOW_S) -> None:
        self._limit = limit
        self._window_s = window_s
        self._seen: dict[Refusal, deque[float]] = {refusal: deque() for refusal in Refusal}
        self._released = False
        self.pulled: Refusal | None = None

    def check(self, refusals: Sequence[Refusal], *, now: float) -> None:
        """Raise `BrakePulled` if one more batch with these *refusals* is too much."""
        if self._released:
            return
        too_many = [
            refusal for refusal in Refusal if self._recent(refusal, now) + refusals.count(refusal) > self._limit
        ]
        worst = next((refusal for refusal in too_many if refusal in refusals), None)
        if worst is not None and self.pulled is not worst:
            log.error("bus.brake_pulled", refusal=worst.value, limit=self._limit, window_s=self._window_s)
        self.pulled = worst
        if worst is not None:
            raise BrakePulled(worst)

    def count(self, refusals: Iterable[Refusal], *, now: float) -> None:
        """Remember what has been dead-lettered."""
        self._released = False
        for refusal in refusals:
            self._seen[refusal].append(now)

    def release(self) -> None:
        """Let the next batch pass, whatever it holds: a person has looked at it and wants it in the dead letters."""
        self._released = True
        self.pulled = None

    def _recent(self, refusal: Refusal, now: float) -> int:
        seen = self._seen[refusal]
        while seen and seen[0] <= now - self._window_s:
            seen.popleft()
        return len(seen)


class Publishes(Protocol):
    """Whatever sends envelopes: `Sender`, or a stand-in."""

    async def send(self, envelopes: Sequence[Envelope]) -> tuple[bool, ...]:
        """Publish *envelopes* and say of each whether it is certainly written."""


class DeadLetters:
    """Forwards what was rejected. Letters are not signed: they hold evidence, and a replay is verified anew."""

    def __init__(
        self, sender: Publishes, *, reader: str, environment: str, clock: Clock, brake: Brake | None = None
    ) -> None:
        self._sender = sender
        self._reader = reader
        self._environment = environment
        self._clock = clock
        self._forwarded: OrderedDict[Place, None] = OrderedDict()
        self.brake = Brake() if brake is None else brake

    async def forward(self, rejected: Sequence[Rejected]) -> None:
        """Write a letter for each; raise `BrakePulled` before, `NotWritten` after: then nothing may be committed.

        Safe to repeat: a record whose letter was confirmed is not written, nor counted by the brake, again.
        """
        now = self._clock()
        fresh = [each for each in rejected if _place(each.record) not in self._forwarded]
        self.brake.check([each.refusal for each in fresh], now=now)
        if not fresh:
            return
        written = await self._sender.send([self._letter(each, int(now)) for each in fresh])
        done = [each for each, sure in zip(fresh, written, strict=True) if sure]
        self.brake.count((each.refusal for each in done), now=now)
        self._remember(_place(each.record) for each in done)
        if len(done) != len(fresh):
            raise NotWritten("a dead letter was not confirmed")

    def _remember(self, places: Iterable[Place]) -> None:
        self._forwarded.update(dict.fromkeys(places))
        while len(self._forwarded) > _REMEMBERED:
            self._forwarded.popitem(last=False)

    def _letter(self, rejected: Rejected, now: int) -> Envelope:
        letter = dead_letter(rejected, reader=self._reader, environment=self._environment, at=now)
        place = "{}.{}.{}".format(*_place(rejected.record))
        headers = ce_headers("dsar.dead_letter", place, source=f"/dsar/{self._environment}/{self._reader}", at=now)
        return Envelope(
            channel=Channel.DEAD_LETTERS,
            key=self._reader.encode(),  # not the record's own key: nobody vouches for what is in it
            value=letter.to_bytes(),
            headers=tuple(headers.items()),
        )


def dead_letter(rejected: Rejected, *, reader: str, environment: str, at: int) -> DeadLetter:
    """Return the letter of a rejected record, whole if the record was within the limit; else what fits of it."""
    record = rejected.record
    room = _Room(LETTER_BYTES)
    return DeadLetter(
        environment=environment,
        reader=reader,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        refusal=rejected.refusal,
        at=at,
        key=room.base64(record.key),
        headers=tuple(room.headers(record.headers)),
        value=room.base64(record.value),  # last: a key or a header is what tells a replay from rubbish
        value_bytes=len(record.value or b""),
    )


class _Room:
    """What is left of a letter's bytes: one that no topic takes would hold up its reader for ever."""

    def __init__(self, size: int) -> None:
        self._left = size

    def base64(self, raw: bytes | None) -> str | None:
        if raw is None:
            return None
        text = b64encode(raw[: self._left // 4 * 3]).decode()
        self._left -= len(text)
        return text

    def headers(self, headers: Iterable[tuple[str, bytes | None]]) -> Iterator[tuple[str, str]]:
        for name, content in headers:
            self._left -= len(json.dumps(name)) + len('["",],')
            if self._left < 0:
                self._left = 0
                return
            yield name, self.base64(content) or ""


def _place(record: Record) -> Place:
    return record.topic, record.partition, record.offset
