"""The orchestrator on a real database, every role with its own login, between a bus and custodians in memory."""

import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.bus.letters import DeadLetters
from contracts.command import Lane, Slice
from contracts.envelope import Envelope
from contracts.identifiers import identifier
from contracts.ids import CommandId, DataClass, RequestId
from contracts.keys import SigningKey
from contracts.topics import Channel, channel_of
from orchestrator.audit.fold import BrokenStory, fold
from orchestrator.audit.leaf import Leaf, parse
from orchestrator.domain.approval import Approver
from orchestrator.domain.case import Case, Policy
from orchestrator.entrypoints.answers import Answers
from orchestrator.entrypoints.api.together import Together
from orchestrator.entrypoints.dispatcher import Dispatcher
from orchestrator.entrypoints.reporter import Reporter
from orchestrator.flow import clock, uploads
from orchestrator.flow.uploads import Announced
from orchestrator.settings import Role
from orchestrator.store import cases
from orchestrator.store import log as audit_log
from orchestrator.store.parts import Place, Stored
from orchestrator.store.session import Transaction, Transactions, connect, transactions
from orchestrator.vault.blobs import Blobs
from orchestrator.vault.kms import FileKms
from tests.integration.road.bus import Bus
from tests.integration.road.custodian import FakeCustodian, lane_keys
from tests.integration.store.databases import as_role

ANN = identifier("email", "ann@example.com")
LANE_ROLES = {Lane.ACCESS: Role.DISPATCHER_ACCESS, Lane.ERASURE: Role.DISPATCHER_ERASURE}
MOST_TURNS = 30

POLICY = Policy(environment="test", grace=timedelta(hours=1), watch=())


class World:
    """Everything that takes part. `drive` lets all of them do what there is to do, until nobody has anything."""

    def __init__(self, url: str, folder: Path, policy: Policy) -> None:
        self.policy = policy
        self.bus = Bus()
        self.custodians: dict[str, FakeCustodian] = {}
        self.ahead = timedelta()  # of the database's clock
        self.link, self.reply = _kms(folder / "link.kek"), _kms(folder / "reply.kek")
        self.blind_key = secrets.token_bytes(32)
        self.url, self.folder = url, folder
        self.blobs = Blobs((folder / "blobs").as_uri())
        self.signers = {lane: SigningKey.generate(secrets.token_bytes(32)) for lane in Lane}
        self.approvers = {name: SigningKey.generate(secrets.token_bytes(32)) for name in ("st_a", "st_b", "st_c")}
        self.trusted = {key.kid: Approver(staff=name, kid=key.kid, public=key.public) for name, key in self._trustees()}
        self.engines: dict[Role, AsyncEngine] = {role: connect(as_role(url, role)) for role in Role}
        self.owner = connect(url)
        self.tx = {role: self.transactions(engine) for role, engine in self.engines.items()}
        self.answers = self.an_engine()
        self.dispatchers = {lane: self.a_dispatcher(lane) for lane in Lane}
        self.reporter = self.a_reporter()
        self.tampered = False  # a test has written states by hand: the log cannot tell them
        self.holes = 0  # numbers that a restored backup has lost
        self._filed = 0

    def _trustees(self) -> list[tuple[str, SigningKey]]:
        return [(name, key) for name, key in self.approvers.items() if name != "st_c"]

    def transactions(self, engine: AsyncEngine) -> Transactions:
        """Transactions whose clock is ahead by what the test has let pass."""
        real = transactions(engine)

        @asynccontextmanager
        async def shifted() -> AsyncIterator[Transaction]:
            async with real() as tx:
                yield replace(tx, now=tx.now + self.ahead)

        return shifted

    def now(self) -> float:
        return time.time() + self.ahead.total_seconds()

    def an_engine(self) -> Answers:
        letters = DeadLetters(self.bus, reader="engine", environment="test", clock=self.now)
        return Answers(
            transaction=self.tx[Role.ENGINE],
            policy=self.policy,
            link_kms=self.link,
            blind_key=self.blind_key,
            dead_letters=letters,
            clock=self.now,
        )

    def a_dispatcher(self, lane: Lane) -> Dispatcher:
        return Dispatcher(
            lane=lane,
            transaction=self.tx[LANE_ROLES[lane]],
            policy=self.policy,
            trust=lambda: self.trusted,
            signer=self.signers[lane],
            link_kms=self.link,
            blind_key=self.blind_key,
            sender=self.bus,
            upload_url="http://api.test",
            new_command=lambda: CommandId(uuid4()),
            new_bearer=partial(secrets.token_urlsafe, 32),
        )

    def a_reporter(self, blobs: Blobs | None = None) -> Reporter:
        return Reporter(
            transaction=self.tx[Role.REPORTER],
            policy=self.policy,
            link_kms=self.link,
            reply_kms=self.reply,
            blobs=blobs or self.blobs,
            controller="Example",
            new_secret=partial(secrets.token_bytes, 32),
        )

    async def close(self) -> None:
        for engine in (*self.engines.values(), self.owner):
            await engine.dispose()

    async def drive(self, *, reporting: bool = True) -> None:
        """Let everybody do what there is to do, until nobody has anything; it must come to that."""
        for _ in range(MOST_TURNS):
            if not await self.turn(reporting=reporting):
                return
        raise AssertionError("it never comes to rest")

    async def turn(self, *, reporting: bool = True) -> int:
        """Everybody has a go; return how much was done."""
        done = await self.dispatch() + await self.hear() + await self.tick()
        return done + (await self.reporter.once() if reporting else 0)

    async def dispatch(self) -> int:
        return sum([await each.once() for each in self.dispatchers.values()])

    async def tick(self) -> int:
        async with self.tx[Role.ENGINE]() as tx:
            return await clock.pass_time(tx, policy=self.policy)

    async def later(self, **span: float) -> None:
        """Let time pass, for every clock at once, and drive."""
        self.ahead += timedelta(**span)
        await self.drive()

    async def hear(self) -> int:
        """Custodians read their commands and answer; the engine files what came."""
        before = len(self.bus.read(Channel.ANSWERS))
        for each in self.custodians.values():
            if not each.silent:
                self.put(await self.answered_by(each))
        await self.file()
        return len(self.bus.read(Channel.ANSWERS)) - before

    async def answered_by(self, custodian: FakeCustodian) -> list[Envelope]:
        """What *custodian* answers to what it has not read yet."""
        records = [each for lane in Lane for each in self.bus.read(channel_of(lane))]
        unread = [each for each in records if (each.topic, each.offset) not in custodian.seen]
        custodian.seen |= {(each.topic, each.offset) for each in unread}
        return await custodian.answers(unread, ring=lane_keys(self.signers), now=int(self.now()), upload=self.upload)

    def put(self, answers: Sequence[Envelope]) -> None:
        for each in answers:
            self.bus.put(each)

    async def file(self) -> None:
        """Hand the engine what lies on the answers' topic and it has not had."""
        records = self.bus.read(Channel.ANSWERS, self._filed)
        if records:
            await self.answers.handle(records)
        self._filed += len(records)

    async def upload(self, content: Slice, n: int, data_class: DataClass, part: bytes) -> None:
        assert content.grant is not None
        place = Place(task=content.task_id, issue_no=content.issue_no, n=n)
        digest = sha256(part).hexdigest()
        together = Together(self.tx[Role.API])
        announced = Announced(place=place, bearer=content.grant.bearer, digest=digest)
        admission = await together(uploads.admit, announced)
        await self.blobs.put_stream(admission.name(place), _once(part), limit=admission.limit, digest=digest)
        await together(uploads.stored, Stored(place=place, data_class=data_class, digest=digest, size=len(part)))

    async def case(self, request: RequestId) -> Case:
        async with self.tx[Role.ENGINE]() as tx:
            return await cases.lock_one(tx, request)

    async def log(self) -> list[Leaf]:
        """The whole log, in its own order, after everything was numbered."""
        async with self.tx[Role.NOTARY]() as tx:
            while await audit_log.number(tx):
                pass
        async with self.tx[Role.API]() as tx:
            rows = (await tx.connection.execute(text("select seq, leaf from audit_entry order by seq"))).all()
        assert len({row.seq for row in rows}) == len(rows)
        assert not rows or rows[-1].seq == len(rows) + self.holes - 1
        return [parse(row.leaf) for row in rows]

    async def events(self, request: RequestId) -> list[str]:
        """What the log says of a request, in the order of its versions."""
        leaves = [each for each in await self.log() if each.request == request]
        return [str(each.event) for each in sorted(leaves, key=lambda each: each.version)]

    async def check_the_log(self) -> None:
        """The log alone tells where every request stands, and tells each fact once."""
        leaves = await self.log()
        assert len({each.id for each in leaves}) == len(leaves)
        async with transactions(self.owner)() as tx:
            rows = (await tx.connection.execute(text("select id, kind, state, version, outcome from request"))).all()
        told = {id_: (each.kind, each.state, each.version, each.outcome) for id_, each in fold(leaves).items()}
        assert told == {row.id: (row.kind, row.state, row.version, row.outcome) for row in rows}


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _kms(path: Path) -> FileKms:
    FileKms.create(path, secrets.token_bytes(32))
    return FileKms(path)


@asynccontextmanager
async def worlds(url: str, folder: Path, policy: Policy = POLICY) -> AsyncIterator[World]:
    """A world, whose log is checked when the block ends well."""
    made = World(url, folder, policy)
    try:
        yield made
        with pytest.raises(BrokenStory) if made.tampered else nullcontext():
            await made.check_the_log()
    finally:
        await made.close()
