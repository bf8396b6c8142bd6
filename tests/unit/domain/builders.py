"""What the tests of the domain are made of, with defaults: a test names only what it is about."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Final, TypedDict, Unpack
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.answer import Answer, ClassAnswer
from contracts.command import Operation
from contracts.identifiers import IdentifierKind
from contracts.ids import CommandId, CustodianId, DataClass, RequestId, TaskId, WorkerId
from contracts.manifest import Claims, ClassDeclared, Link, Manifest, Provides
from contracts.results import ClassResult, Level, Result, TaskOutcome
from orchestrator.domain.admission import Claim, Known, Standing
from orchestrator.domain.approval import Approval, Approver, Signature, approval_bytes
from orchestrator.domain.case import Case, Policy, Said
from orchestrator.domain.plan import Line
from orchestrator.domain.request import Kind, Request, State
from orchestrator.domain.task import Issue, Task, TaskState

NOW: Final = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
REQUEST: Final = RequestId(UUID(int=1))
POLICY: Final = Policy(environment="test")
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
EMAIL, PHONE = IdentifierKind.EMAIL, IdentifierKind.PHONE
CUSTOMER, DEVICE = IdentifierKind.CUSTOMER_ID, IdentifierKind.DEVICE_ID
CRM, SHOP = CustodianId("crm"), CustodianId("shop")
PROFILE = DataClass("profile")
ALL_OPERATIONS: Final = (Operation.COLLECT, Operation.PREVIEW, Operation.ERASE, Operation.PROBE)
PEOPLE: Final = {name: Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest()) for name in "ABCD"}
TRUST: Final = {
    f"kid-{name}": Approver(staff=name, kid=f"kid-{name}", public=key.public_key().public_bytes_raw())
    for name, key in PEOPLE.items()
    if name != "D"
}
"""A, B and C are trusted; D has a key that nobody listed."""


def a_manifest(
    custodian: str = "crm",
    *,
    operations: Sequence[Operation] = ALL_OPERATIONS,
    needs: Sequence[IdentifierKind] = (EMAIL,),
    provides: Mapping[IdentifierKind, Link] | None = None,
    classes: Sequence[str] = ("profile",),
    required_level: Level = Level.INVISIBLE,
) -> Manifest:
    return Manifest(
        id=CustodianId(custodian),
        owner="somebody",
        operations=tuple(Claims(operation=each) for each in operations),
        needs=tuple(needs),
        provides=tuple(Provides(kind=kind, link=link) for kind, link in (provides or {}).items()),
        classes=tuple(
            ClassDeclared(name=DataClass(each), label=each, required_level=required_level) for each in classes
        ),
    )


def a_request(
    kind: Kind = Kind.ERASURE, *, state: State = State.RECEIVED, version: int = 0, verified_by: str | None = None
) -> Request:
    return Request(
        id=REQUEST,
        kind=kind,
        state=state,
        version=version,
        regime="eu_gdpr",
        received_on=date(2026, 11, 23),
        due=date(2026, 12, 23),
        opened_by="opener",
        verified_by=verified_by,
    )


def given(kind: IdentifierKind = EMAIL, value: str = "given", *, n: int = 1) -> Known:
    return Known(n=n, kind=kind, blind=blind(value), standing=Standing.ADMITTED, admitted_in=0)


def blind(value: str) -> bytes:
    return sha256(value.encode()).digest()


def a_claim(kind: IdentifierKind = CUSTOMER, value: str = "c-1") -> Claim:
    return Claim(kind=kind, blind=blind(value), sealed=f"sealed {value}")


def a_case(*members: Manifest, request: Request | None = None, identifiers: Sequence[Known] | None = None) -> Case:
    return Case(
        request=request or a_request(),
        members={each.id: each for each in members or (a_manifest(),)},
        identifiers=(given(),) if identifiers is None else tuple(identifiers),
    )


def a_line(*said: Result, custodian: str = "crm", previewed: Sequence[ClassResult] = (), level: int = 1) -> Line:
    return Line(
        custodian=CustodianId(custodian),
        data_class=PROFILE,
        manifest_hash="hash",
        required_level=Level(level),
        previewed=tuple(previewed),
        said=said,
    )


def an_issue(no: int = 1, operation: Operation = Operation.ERASE, *, sent_at: datetime | None = NOW) -> Issue:
    return Issue(
        task=TaskId(UUID(int=7)),
        no=no,
        command=CommandId(UUID(int=no)),
        operation=operation,
        issued_at=NOW,
        expires_at=NOW + HOUR,
        sent_at=sent_at,
    )


def a_task(
    operation: Operation = Operation.ERASE,
    state: TaskState = TaskState.ISSUED,
    *,
    issues: int = 1,
    custodian: CustodianId = CRM,
    asking: int | None = None,
) -> Task:
    return Task(
        id=TaskId(UUID(int=7)),
        request=REQUEST,
        custodian=custodian,
        operation=operation,
        round=1,
        state=state,
        issues=tuple(an_issue(no, operation) for no in range(1, issues + 1)),
        asking=asking,
    )


def says(**classes: ClassResult | Sequence[ClassResult]) -> tuple[ClassAnswer, ...]:
    """`says(profile=NotFound())`: one answer per data class."""
    return tuple(
        ClassAnswer(data_class=DataClass(name), results=tuple(said) if isinstance(said, Sequence) else (said,))
        for name, said in classes.items()
    )


def an_answer(
    task: Task,
    classes: tuple[ClassAnswer, ...] = (),
    *,
    outcome: TaskOutcome | None = None,
    issue_no: int | None = None,
    duration_ms: int = 0,
) -> Answer:
    issue = task.issue(issue_no or task.issue_no)
    assert issue is not None
    return Answer(
        environment="test",
        custodian=task.custodian,
        task_id=task.id,
        issue_no=issue.no,
        command_id=issue.command,
        command_digest=issue.digest or "0" * 64,
        request_id=task.request,
        operation=issue.operation,
        iat=0,
        manifest_hash="hash",
        outcome=outcome,
        classes=classes,
        worker=WorkerId("w"),
        duration_ms=duration_ms,
    )


class SaidExtra(TypedDict, total=False):
    claims: tuple[Claim, ...]
    unreadable: int
    uploaded: bool


def said(answer: Answer, **more: Unpack[SaidExtra]) -> Said:
    return Said(answer=answer, digest=sha256(answer.to_bytes()).hexdigest(), **more)


def a_signature(
    staff: str, request: Request, *, at: datetime = NOW, plan_hash: str | None = None, key: str | None = None
) -> Signature:
    data = approval_bytes(
        environment="test", request=request.id, plan_hash=plan_hash or request.plan_hash or "none", signed_at=at
    )
    return Signature(staff=staff, kid=f"kid-{key or staff}", signed_at=at, value=PEOPLE[key or staff].sign(data))


def an_approval(request: Request, *staff: str, at: datetime = NOW) -> Approval:
    signatures = [a_signature(each, request, at=at) for each in staff or ("A", "B")]
    return Approval(
        request=request.id,
        asking=request.asking,
        plan_hash=request.plan_hash or "none",
        first=signatures[0],
        second=signatures[1] if len(signatures) > 1 else None,
    )
