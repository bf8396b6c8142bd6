"""What happens when a report is begun: its frozen input is read and opened, and nothing else ever looks at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from contracts.answer import Answer
from contracts.identifiers import Identifier
from contracts.ids import RequestId, TaskId
from contracts.keys import SealingKey
from contracts.manifest import ClassDeclared, Manifest
from contracts.parts import BrokenPart, SealedNotes
from contracts.sealing import open_sealed
from orchestrator.domain.admission import Standing
from orchestrator.domain.case import Case
from orchestrator.domain.errors import Conflict
from orchestrator.domain.outcome import gaps
from orchestrator.domain.plan import Line
from orchestrator.report.given import CustodianGiven, LineGiven, PartGiven, ReportInput
from orchestrator.store import cases, keys, reports
from orchestrator.store.keys import Pairs
from orchestrator.store.reports import Job, SignedAnswer
from orchestrator.store.session import Transaction
from orchestrator.vault.identifiers import open_identifier
from orchestrator.vault.keys import KeyUse, unwrap
from orchestrator.vault.kms import Kms


class Shredded(Conflict):
    """The request's keys are gone, and with them all that was sealed to them."""

    code = "shredded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """All that a report is made of, but for the parts themselves."""

    given: ReportInput
    identifiers: tuple[Identifier, ...] = field(repr=False)
    content_keys: Mapping[tuple[TaskId, int], bytes] = field(repr=False)
    reply_public: bytes

    @property
    def size(self) -> int:
        """What the custodians uploaded, in bytes."""
        return sum(part.size for part in self.given.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The frozen input of one report as it lies in the tables: sealed, wrapped and signed."""

    job: Job
    case: Case
    pairs: Pairs
    answers: tuple[SignedAnswer, ...]


async def gather(tx: Transaction, jobs: Sequence[Job]) -> list[Gathered]:
    """Read the input of *jobs*, of one request each."""
    ids = [job.request for job in jobs]
    held, pairs = await cases.lock(tx, ids), await keys.read(tx, ids)
    answers = await reports.answers(tx, [job.frozen for job in jobs])
    return [
        Gathered(
            job=job,
            case=held[job.request],
            pairs=pairs[job.request],
            answers=tuple(answers[TaskId(task)] for task, _ in job.frozen.answers if task in answers),
        )
        for job in jobs
    ]


async def opened(gathered: Gathered, *, controller: str, link: Kms, reply: Kms) -> Material:
    """Open what was gathered, without a lock: a KMS may be slow.

    Raises `Shredded` if there is nothing left to open it with, and `BrokenPart` if an answer that was frozen is gone.
    """
    job, pairs = gathered.job, gathered.pairs
    if len(gathered.answers) < len(job.frozen.digests):
        raise BrokenPart("an answer that the report was to be made of is not there any more")
    if pairs.link.wrapped is None or pairs.reply.wrapped is None:
        raise Shredded("the request was shredded")
    link_key = await unwrap(link, job.request, KeyUse.LINK, pairs.link.wrapped)
    reply_key = await unwrap(reply, job.request, KeyUse.REPLY, pairs.reply.wrapped)
    answers = [Answer.model_validate_json(each.signed) for each in gathered.answers]
    return Material(
        given=_given(gathered.case, answers, job, controller),
        identifiers=_identifiers(gathered.case, link_key),
        content_keys=_content_keys(answers, reply_key, job.request),
        reply_public=pairs.reply.public,
    )


def _identifiers(case: Case, key: SealingKey) -> tuple[Identifier, ...]:
    admitted = [each for each in case.identifiers if each.standing is Standing.ADMITTED]
    return tuple(open_identifier(each.sealed, key, case.request.id) for each in admitted)


def _content_keys(answers: Sequence[Answer], key: SealingKey, request: RequestId) -> dict[tuple[TaskId, int], bytes]:
    found = {}
    for answer in answers:
        if answer.sealed is not None:
            content_key = _content_key(answer.sealed, key, request)
            if content_key is not None:
                found[answer.task_id, answer.issue_no] = content_key
    return found


def _content_key(sealed: str, key: SealingKey, request: RequestId) -> bytes | None:
    try:
        return SealedNotes.model_validate_json(open_sealed(sealed, key=key, apv=str(request))).key()
    except ValueError:  # Unsealable, another schema, a key of another length
        raise BrokenPart("the key of the parts cannot be read") from None


def _given(case: Case, answers: Sequence[Answer], job: Job, controller: str) -> ReportInput:
    missing = {(line.custodian, line.data_class) for line in gaps(case.lines)}
    return ReportInput(
        request_id=case.request.id,
        kind=case.request.kind,
        received_on=case.request.received_on,
        due=case.request.due,
        controller=controller,
        built_at=job.wanted_at,  # the same for every try
        custodians=tuple(
            CustodianGiven(
                id=custodian,
                owner=manifest.owner,
                lines=tuple(
                    _line(line, manifest, gap=(custodian, line.data_class) in missing)
                    for line in case.lines
                    if line.custodian == custodian
                ),
            )
            for custodian, manifest in sorted(case.members.items())
        ),
        parts=tuple(
            PartGiven(
                task=answer.task_id,
                issue_no=answer.issue_no,
                n=part.n,
                custodian=answer.custodian,
                data_class=part.data_class,
                digest=part.digest,
                size=part.size,
            )
            for answer in sorted(answers, key=lambda each: each.custodian)
            for part in answer.parts
        ),
        test=case.request.test,
        partial=case.request.partial or bool(missing),
    )


def _line(line: Line, manifest: Manifest, *, gap: bool) -> LineGiven:
    declared = _declared(line, manifest)
    return LineGiven(
        data_class=line.data_class,
        label=declared.label,
        purpose=declared.purpose,
        categories=declared.categories,
        basis=declared.basis,
        retention=declared.retention,
        said=line.said,
        gap=gap,
    )


def _declared(line: Line, manifest: Manifest) -> ClassDeclared:
    return next(each for each in manifest.classes if each.name == line.data_class)
