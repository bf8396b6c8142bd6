"""A worker without Kafka: signed commands go in, signed answers come out, and its life may end at any moment."""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from uuid import UUID

from contracts.answer import Answer
from contracts.bus.letters import DeadLetters
from contracts.command import LANE_OF, Command, Operation, Slice, SliceIdentifier, UploadGrant
from contracts.door import Opened, answers_door, commands_door, open_envelopes
from contracts.envelope import Envelope, close_envelope
from contracts.identifiers import Identifier, IdentifierKind
from contracts.ids import CommandId, CustodianId, DataClass, RequestId, TaskId, WorkerId
from contracts.keys import KeyRing, PublicSigningKey, SealingKey, SigningKey
from contracts.manifest import Claims, Link, Manifest, Provides
from contracts.results import Level
from contracts.slices import seal_slice
from contracts.topics import Channel
from custodians.runner.inbox import Inbox
from custodians.runner.reply import Identity, Replies
from custodians.runner.work import Work
from custodians.runner.worker import Worker
from custodians.sdk import ClassHeld, Custodian, Declaration, Fate, Holding, Kind, Record, Subject
from tests.custodians.freezing import FreezingLedger
from tests.custodians.receivers import Sent, Store

NOW = 1_790_000_000
ENVIRONMENT = "test"
ME = CustodianId("shelf")
LETTERS = DataClass("letters")
NOTES = DataClass("notes")
REQUEST = RequestId(UUID(int=1))
LINK_KEY = SealingKey.generate(b"l" * 32)
REPLY_KEY = SealingKey.generate(b"r" * 32)
LANES = {lane: SigningKey.generate(str(lane).encode().ljust(32, b".")) for lane in set(LANE_OF.values())}
MY_SIGNER = SigningKey.generate(b"s" * 32)
MY_SEAL = SealingKey.generate(b"x" * 32)
WHO = Identifier(IdentifierKind.EMAIL, "someone@example.com")


def a_task(n: int = 1) -> TaskId:
    return TaskId(UUID(int=1000 + n))


class Shelf(Custodian):
    """Holds records in a dict, and does what a test tells it to while it works."""

    def __init__(self) -> None:
        self.held: dict[tuple[DataClass, str | int], Fate | None] = {}
        self.known: set[Identifier] = set()
        self.erased: list[list[str | int]] = []
        self.fail_on_page: int | None = None
        self.failure: Exception | None = RuntimeError("with data in it")  # None: it gets stuck
        self.stuck = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.began = asyncio.Event()
        self.asked: list[Subject] = []

    def put(self, count: int, data_class: DataClass = LETTERS, fate: Fate | None = None, first: int = 0) -> None:
        self.held |= {(data_class, f"{data_class}-{n}"): fate for n in range(first, first + count)}

    async def resolve(self, _: Subject) -> Sequence[Identifier]:
        return tuple(self.known)

    async def collect(self, subject: Subject) -> AsyncIterator[Record]:
        self.asked.append(subject)
        self.began.set()
        await self.gate.wait()
        for (data_class, key), fate in sorted(self.held.items(), key=lambda each: each[0]):
            more = {} if fate is None else {"fate": fate}
            yield Record(data_class=data_class, key=key, fields={"text": "dear"}, **more)

    async def erase(self, holdings: Sequence[Holding]) -> None:
        if self.fail_on_page == len(self.erased):
            for each in holdings[: len(holdings) // 2]:
                self.held.pop((each.data_class, each.key), None)
            await self._fail()
        for each in holdings:
            self.held.pop((each.data_class, each.key), None)
        self.erased.append([each.key for each in holdings])

    async def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure
        self.stuck.set()
        await asyncio.Event().wait()


def a_declaration(**changes: object) -> Declaration:
    base = Declaration(
        id=ME,
        owner="Tests",
        needs=(Kind.EMAIL,),
        provides=(Provides(kind=Kind.CUSTOMER_ID, link=Link.EXACT),),
        classes=(
            ClassHeld(name=LETTERS, label="Letters", level=Level.INVISIBLE, physical_lag_days=7, backups_lag_days=30),
            ClassHeld(name=NOTES, label="Notes", level=Level.REWRITTEN),
        ),
        operations=tuple(Claims(operation=each, time_limit_s=30) for each in Operation),
    )
    return base.model_copy(update=changes)


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, kw_only=True)
class OnBus:
    """A record as the broker gives it."""

    topic: str
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    partition: int = 0
    offset: int = 0
    timestamp: int = NOW * 1000


def on_bus(envelope: Envelope, offset: int = 0) -> OnBus:
    return OnBus(
        topic=envelope.channel, key=envelope.key, value=envelope.value, headers=envelope.headers, offset=offset
    )


def b64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def opened(record: OnBus) -> Opened[Command]:
    ring = KeyRing([PublicSigningKey.of_lane(lane, key.public) for lane, key in LANES.items()])
    (found,) = open_envelopes([record], commands_door(environment=ENVIRONMENT, ring=ring, audience=ME), NOW).opened
    return found


GRANT = UploadGrant(url="https://parts.example/1", bearer="secret", max_bytes=1 << 30, exp=NOW + 3600)


def a_command(
    operation: Operation,
    *,
    issue: int = 1,
    task: TaskId | None = None,
    preview: Mapping[DataClass, int] | None = None,
    lives: int = 900,
    classes: Sequence[DataClass] = (LETTERS, NOTES),
    identifiers: Sequence[Identifier] = (WHO,),
    seal_to: SealingKey = MY_SEAL,
    at: int = NOW,
    plan_hash: str | None = None,
) -> OnBus:
    command_id = CommandId(UUID(int=hash((operation, issue, lives, plan_hash)) & (2**64 - 1)))
    content = Slice(
        task_id=task or a_task(),
        issue_no=issue,
        command_id=command_id,
        operation=operation,
        recipient=ME,
        identifiers=tuple(SliceIdentifier(kind=each.kind, value=each.value) for each in identifiers),
        classes=tuple(classes),
        grant=GRANT if operation is Operation.COLLECT else None,
        preview=preview or {},
    )
    command = Command(
        environment=ENVIRONMENT,
        command_id=command_id,
        request_id=REQUEST,
        operation=operation,
        round=1,
        plan_hash=plan_hash,
        iat=at,
        exp=at + lives,
        due=date(2026, 12, 1),
        link_key=b64url(LINK_KEY.public),
        reply_key=b64url(REPLY_KEY.public),
        slices=(seal_slice(content, public=seal_to.public),),
    )
    return on_bus(close_envelope(command, signer=LANES[LANE_OF[operation]]))


@dataclass(kw_only=True)
class Bench:
    """All that outlives a worker: its store, its ledger file, its keys, and the bus."""

    folder: Path
    shelf: Shelf = field(default_factory=Shelf)
    custodian: Custodian | None = None  # another than the shelf
    clock: Clock = field(default_factory=Clock)
    sent: Sent = field(default_factory=Sent)
    store: Store = field(default_factory=Store)
    declaration: Declaration = field(default_factory=a_declaration)
    freezes: tuple[str, str] | None = None  # where this life stops for good: ("before" or "after", a ledger's method)

    @property
    def answers(self) -> list[Answer]:
        """The answers sent, each verified as the orchestrator would."""
        ring = KeyRing([PublicSigningKey.of_custodian(ME, MY_SIGNER.public)])
        records = [on_bus(each) for each in self.sent.envelopes if each.channel is Channel.ANSWERS]
        opened, rejected, _ = open_envelopes(records, answers_door(environment=ENVIRONMENT, ring=ring), NOW)
        assert not rejected
        return [each.message for each in opened if isinstance(each.message, Answer)]

    @property
    def dead(self) -> int:
        return sum(each.channel is Channel.DEAD_LETTERS for each in self.sent.envelopes)

    @asynccontextmanager
    async def life(self) -> AsyncIterator["Life"]:
        """One process. Leaving it is a kill: nothing that runs is waited for."""
        async with AsyncExitStack() as stack:
            ledger = await stack.enter_async_context(
                FreezingLedger(self.folder / "ledger.sqlite", b"k" * 32, now=self.clock, at=self.freezes)
            )
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            life = self._life(ledger, tasks)
            yield life
            life.worker.draining = True  # the dead start nothing
            for task in life.jobs():
                task.cancel()

    def _life(self, ledger: FreezingLedger, tasks: asyncio.TaskGroup) -> "Life":
        manifest: Manifest = self.declaration.manifest()
        work = Work(
            self.custodian or self.shelf,
            manifest=manifest,
            held={each.name: each for each in self.declaration.classes},
            ledger=ledger,
            uploads=self.store,
            clock=self.clock,
            secret=lambda count: b"c" * count,
        )
        identity = Identity(
            environment=ENVIRONMENT,
            custodian=ME,
            worker=WorkerId("shelf-1"),
            manifest_hash=manifest.hash,
            signer=MY_SIGNER,
        )
        replies = Replies(ledger, self.sent, identity, clock=self.clock)
        keys = {MY_SEAL.kid: MY_SEAL}
        worker = Worker(work, replies, ledger, manifest=manifest, keys=keys, tasks=tasks, clock=self.clock)
        ring = KeyRing([PublicSigningKey.of_lane(lane, key.public) for lane, key in LANES.items()])
        inbox = Inbox(
            door=commands_door(environment=ENVIRONMENT, ring=ring, audience=ME),
            custodian=ME,
            keys=keys,
            letters=DeadLetters(self.sent, reader=ME, environment=ENVIRONMENT, clock=self.clock),
            ledger=ledger,
            replies=replies,
            worker=worker,
            clock=self.clock,
        )
        return Life(ledger=ledger, replies=replies, worker=worker, inbox=inbox)


@dataclass(kw_only=True)
class Life:
    """What one process holds."""

    ledger: FreezingLedger
    replies: Replies
    worker: Worker
    inbox: Inbox

    def jobs(self) -> list[asyncio.Task[None]]:
        return [task for _, task in self.worker._running.values()]

    async def take(self, *records: OnBus) -> None:
        """Give a batch, and let everything that it starts come to its end."""
        await self.inbox.take(records)
        await self.settle()

    async def settle(self) -> None:
        while jobs := self.jobs():
            await asyncio.wait(jobs)
        await self.replies.flush()

    async def resume(self) -> None:
        await self.worker.resume()
        await self.settle()
