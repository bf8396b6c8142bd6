"""A custodian in memory: it opens what is addressed to it, and answers as one should, or as it is told."""

import secrets
from base64 import b64encode, urlsafe_b64decode
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import sha256
from typing import assert_never

from contracts.answer import Answer, ClassAnswer, PartRef
from contracts.command import Command, Lane, Operation, Slice, SliceIdentifier
from contracts.door import Opened, commands_door, open_envelopes
from contracts.envelope import Envelope, Record, close_envelope, close_envelopes
from contracts.heartbeat import Heartbeat, Progress
from contracts.identifiers import Identifier, IdentifierKind
from contracts.ids import CustodianId, DataClass, TaskId, WorkerId
from contracts.keys import KeyRing, PublicSigningKey, SealingKey, SigningKey, kid_of
from contracts.manifest import Claims, ClassDeclared, KeyDeclared, KeyUse, Link, Manifest, Provides
from contracts.parts import PartRecord, SealedNotes, encode_record, encrypt_part
from contracts.results import (
    Absent,
    ClassResult,
    Erased,
    Found,
    Ground,
    Halted,
    NotFound,
    Residual,
    Retained,
    TaskOutcome,
)
from contracts.sealing import seal
from contracts.signed_manifest import SignedManifest, sign_manifest
from contracts.slices import slice_of

STUFF = DataClass("stuff")
BOOKS = DataClass("books")
UNTIL = date(2036, 12, 31)
OPERATIONS = (Operation.COLLECT, Operation.PREVIEW, Operation.ERASE, Operation.PROBE)

Upload = Callable[[Slice, int, DataClass, bytes], Awaitable[None]]
"""Brings one part where the slice's grant says."""


@dataclass(frozen=True, kw_only=True)
class Holding:
    """A record that a custodian keeps. What is *kept* the law forbids to erase."""

    key: str
    about: tuple[Identifier, ...]
    names: tuple[Identifier, ...] = ()  # other identifiers of the person that it holds
    data_class: DataClass = STUFF
    kept: bool = False


@dataclass(kw_only=True)
class FakeCustodian:
    """One custodian with one worker."""

    id: CustodianId
    needs: tuple[IdentifierKind, ...]
    provides: tuple[IdentifierKind, ...] = ()
    link: Link = Link.EXACT
    classes: tuple[DataClass, ...] = (STUFF,)
    holdings: list[Holding] = field(default_factory=list)
    seals: SealedNotes | None = None  # instead of the true key of its parts
    silent: bool = False
    prefix: str = ""  # of the topics that it reads
    told_to_say: dict[Operation, deque[TaskOutcome]] = field(default_factory=dict)
    comes_back: list[Holding] = field(default_factory=list)  # after the next erase
    uploads: bool = True
    commands: list[Opened[Command]] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)  # the keys of what was erased, in order
    seen: set[tuple[str, int]] = field(default_factory=set)
    _ended: dict[TaskId, tuple[ClassAnswer, ...]] = field(default_factory=dict)
    _halted: set[TaskId] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.signer = SigningKey.generate(secrets.token_bytes(32))
        self.sealer = SealingKey.generate(secrets.token_bytes(32))

    @property
    def manifest(self) -> Manifest:
        return Manifest(
            id=self.id,
            owner=f"{self.id} team",
            operations=tuple(Claims(operation=each) for each in OPERATIONS),
            needs=self.needs,
            provides=tuple(Provides(kind=each, link=self.link) for each in self.provides),
            classes=tuple(ClassDeclared(name=each, label=each.title()) for each in self.classes),
            keys=(
                KeyDeclared(use=KeyUse.SIGN, public=b64encode(self.signer.public).decode()),
                KeyDeclared(use=KeyUse.SEAL, public=b64encode(self.sealer.public).decode()),
            ),
        )

    def signed_manifest(self) -> SignedManifest:
        return sign_manifest(self.manifest, self.signer)

    def will_say(self, operation: Operation, *outcomes: TaskOutcome) -> None:
        """The next times it is asked, it says this instead."""
        self.told_to_say.setdefault(operation, deque()).extend(outcomes)

    def asked(self, operation: Operation) -> list[Command]:
        """The commands that it was sent, of one operation."""
        return [each.message for each in self.commands if each.message.operation is operation]

    def beat(self, now: int, *running: TaskId) -> Envelope:
        beat = Heartbeat(
            environment="test",
            custodian=self.id,
            worker=WorkerId(f"{self.id}-1"),
            at=now,
            manifest_hash=self.manifest.hash,
            contracts=(1, 1),
            sdk="0",
            kids=(self.sealer.kid,),
            running=tuple(Progress(task_id=each, done=0) for each in running),
        )
        return close_envelope(beat, signer=self.signer)

    async def answers(
        self, records: Sequence[Record], *, ring: Sequence[PublicSigningKey], now: int, upload: Upload
    ) -> list[Envelope]:
        """Open each record and answer what is for us."""
        door = commands_door(environment="test", ring=KeyRing(ring), audience=self.id, prefix=self.prefix)
        opened, rejected, _ = open_envelopes(records, door, now)
        assert not rejected, [each.refusal for each in rejected]
        self.commands += opened
        opened.sort(key=lambda each: each.message.operation is not Operation.HALT)  # what is not begun can be stopped
        answers = [await self.answer(each, now=now, upload=upload) for each in opened]
        return close_envelopes(answers, signer=self.signer)

    async def answer(self, opened: Opened[Command], *, now: int, upload: Upload) -> Answer:
        command = opened.message
        content = slice_of(command, self.id, {self.sealer.kid: self.sealer})
        plain = Answer(
            environment="test",
            custodian=self.id,
            task_id=content.task_id,
            issue_no=content.issue_no,
            command_id=command.command_id,
            command_digest=opened.digest,
            request_id=command.request_id,
            operation=command.operation,
            iat=now,
            manifest_hash=self.manifest.hash,
            outcome=Halted(),
            worker=WorkerId(f"{self.id}-1"),
            duration_ms=1,
        )
        if told := self.told_to_say.get(command.operation):
            return plain.model_copy(update={"outcome": told.popleft()})
        return plain.model_copy(update=await self._done(command, content, upload))

    async def _done(self, command: Command, content: Slice, upload: Upload) -> dict[str, object]:
        match content.operation:
            case Operation.COLLECT:
                return {
                    "outcome": None,
                    **self._find(command, content),
                    **await self._collect(command, content, upload),
                }
            case Operation.PREVIEW:
                return {"outcome": None, **self._find(command, content)}
            case Operation.ERASE if content.task_id in self._halted:
                return {}
            case Operation.ERASE:
                return {"outcome": None, "classes": self._erase(content)}
            case Operation.PROBE:
                return {"outcome": None, "classes": self._said(content, self._probe(content))}
            case Operation.HALT:
                self._halted.add(content.task_id)
                ended = self._ended.get(content.task_id)
                return {} if ended is None else {"outcome": None, "classes": ended}
            case _:
                assert_never(content.operation)

    def held(self, content: Slice) -> list[Holding]:
        """What is held about the person of a slice."""
        asked = {(each.kind, each.value) for each in content.identifiers}
        return [each for each in self.holdings if any((one.kind, one.value) in asked for one in each.about)]

    def _said(self, content: Slice, said: dict[DataClass, list[ClassResult]]) -> tuple[ClassAnswer, ...]:
        return tuple(ClassAnswer(data_class=each, results=tuple(said[each])) for each in content.classes)

    def _find(self, command: Command, content: Slice) -> dict[str, object]:
        held = self.held(content)
        asked = {(each.kind, each.value) for each in content.identifiers}
        names = dict.fromkeys(one for each in held for one in each.names if (one.kind, one.value) not in asked)
        to = _public(command.link_key)
        found = tuple(seal(_plain(each), to=to, kid=kid_of(to), apv=str(command.request_id)) for each in names)
        erasable = command.operation is Operation.COLLECT
        said = {each: _counted(held, each, whole=erasable) for each in content.classes}
        return {"classes": self._said(content, said), "found": found}

    async def _collect(self, command: Command, content: Slice, upload: Upload) -> dict[str, object]:
        key = secrets.token_bytes(32)
        bodies = list(_bodies(self.held(content), content.classes))
        parts = []
        for n, (data_class, body) in enumerate(bodies):
            part = encrypt_part(key, body, task=content.task_id, n=n, last=n == len(bodies) - 1)
            if self.uploads:
                await upload(content, n, data_class, part)
            parts.append(PartRef(n=n, data_class=data_class, digest=sha256(part).hexdigest(), size=len(part)))
        if not parts:
            return {}
        to = _public(command.reply_key)
        notes = self.seals or SealedNotes(content_key=b64encode(key).decode())
        sealed = seal(notes.to_bytes(), to=to, kid=kid_of(to), apv=str(command.request_id))
        return {"parts": tuple(parts), "sealed": sealed}

    def _erase(self, content: Slice) -> tuple[ClassAnswer, ...]:
        if content.task_id in self._ended:
            return self._ended[content.task_id]
        gone = [each for each in self.held(content) if not each.kept]
        kept = [each for each in self.held(content) if each.kept]
        said = {each: _erased(gone, kept, each) for each in content.classes}
        self.holdings = [each for each in self.holdings if each not in gone] + self.comes_back
        self.comes_back = []
        self.effects += [each.key for each in gone]
        self._ended[content.task_id] = self._said(content, said)
        return self._ended[content.task_id]

    def _probe(self, content: Slice) -> dict[DataClass, list[ClassResult]]:
        left = [each for each in self.held(content) if not each.kept]
        found = {each: sum(one.data_class == each for one in left) for each in content.classes}
        return {each: [Residual(count=count) if count else Absent()] for each, count in found.items()}


def _public(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _plain(known: Identifier) -> bytes:
    return SliceIdentifier(kind=known.kind, value=known.value).to_bytes()


def _counted(held: Sequence[Holding], data_class: DataClass, *, whole: bool) -> list[ClassResult]:
    ours = [each for each in held if each.data_class == data_class]
    kept = 0 if whole else sum(each.kept for each in ours)
    found: list[ClassResult] = [Found(count=len(ours) - kept)] if len(ours) > kept else []
    if kept:
        found.append(Retained(count=kept, ground=Ground.LEGALLY_REQUIRED, until=UNTIL))
    return found or [NotFound()]


def _erased(gone: Sequence[Holding], kept: Sequence[Holding], data_class: DataClass) -> list[ClassResult]:
    count = sum(each.data_class == data_class for each in gone)
    left = sum(each.data_class == data_class for each in kept)
    said: list[ClassResult] = [Erased(count=count, level=1)] if count else []
    if left:
        said.append(Retained(count=left, ground=Ground.LEGALLY_REQUIRED, until=UNTIL))
    return said or [NotFound()]


def _bodies(held: Sequence[Holding], classes: Sequence[DataClass]) -> Iterator[tuple[DataClass, bytes]]:
    for data_class in classes:
        rows = [each for each in held if each.data_class == data_class]
        if rows:
            lines = [PartRecord(data_class=data_class, key=each.key, fields={"id": each.key}) for each in rows]
            yield data_class, b"".join(encode_record(each) for each in lines)


def lane_keys(signers: dict[Lane, SigningKey]) -> list[PublicSigningKey]:
    return [PublicSigningKey.of_lane(lane, signer.public, not_before=0) for lane, signer in signers.items()]


def moved(holding: Holding, key: str) -> Holding:
    """The same record under another key."""
    return replace(holding, key=key)
