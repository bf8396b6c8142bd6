"""Composing a command: identifiers are opened for a moment, and sealed again to each recipient as it needs them."""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from contracts.command import ApprovalProof, Command, Operation, SealedSlice, Slice, SliceIdentifier, UploadGrant
from contracts.ids import CustodianId, DataClass, TaskId
from contracts.keys import SealingKey
from contracts.results import Found
from contracts.slices import seal_slice
from orchestrator.domain.admission import Known, Standing
from orchestrator.domain.case import Case
from orchestrator.domain.issuing import Sending
from orchestrator.domain.task import Task
from orchestrator.vault.identifiers import blind, open_identifier

Bearers = Callable[[TaskId, int], str]
"""The bearer of the upload grant for a task's issue, as it was made with the issue."""


class SwappedIdentifier(ValueError):
    """What is sealed beside an index is another identifier: somebody wrote into the table. Nothing must be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What composing takes beside the case. *link* is the only private key, for as long as it is needed."""

    link: SealingKey = field(repr=False)
    blind_key: bytes = field(repr=False)
    reply_public: bytes
    seal_to: Mapping[CustodianId, bytes]
    bearers: Bearers
    upload_url: str
    max_upload: int


def compose(sending: Sending, case: Case, secrets: Secrets, *, environment: str) -> Command | None:
    """Return the command, or None if none of its recipients has a key to seal to.

    Each slice holds the identifiers of the kinds that its recipient needs, and no other. Raises `SwappedIdentifier`,
    or another `ValueError` for what cannot be opened or does not fit into a message.
    """
    known = _opened(sending, case, secrets)
    slices = [
        _slice(sending, task, case, known, secrets) for task in sending.tasks if task.custodian in secrets.seal_to
    ]
    if not slices:
        return None
    return Command(
        environment=environment,
        command_id=sending.command,
        request_id=case.request.id,
        operation=sending.operation,
        round=sending.round,
        plan_hash=case.request.plan_hash,
        iat=int(sending.issued_at.timestamp()),
        exp=int(sending.expires_at.timestamp()),
        due=case.request.due,
        link_key=_base64url(secrets.link.public),
        reply_key=_base64url(secrets.reply_public),
        test=case.request.test,
        approval=_proof(sending, case),
        slices=tuple(slices),
    )


def _opened(sending: Sending, case: Case, secrets: Secrets) -> Sequence[SliceIdentifier]:
    if sending.operation is Operation.HALT:
        return ()
    admitted = [each for each in case.identifiers if each.standing is Standing.ADMITTED]
    return [_identifier(each, secrets, case) for each in admitted]


def _identifier(known: Known, secrets: Secrets, case: Case) -> SliceIdentifier:
    opened = open_identifier(known.sealed, secrets.link, case.request.id)
    if blind(secrets.blind_key, opened) != known.blind:
        raise SwappedIdentifier("an identifier is not the one that its index, and so the approval, is about")
    return SliceIdentifier(kind=opened.kind, value=opened.value, found_by=known.found_by)


def _slice(sending: Sending, task: Task, case: Case, known: Sequence[SliceIdentifier], secrets: Secrets) -> SealedSlice:
    needs = case.members[task.custodian].needs
    lines = [line for line in case.lines if line.custodian == task.custodian]
    content = Slice(
        task_id=task.id,
        issue_no=task.issue_no,
        command_id=sending.command,
        operation=sending.operation,
        recipient=task.custodian,
        identifiers=tuple(each for each in known if each.kind in needs),
        classes=tuple(line.data_class for line in lines),
        grant=_grant(sending, task, secrets),
        preview=_previewed(task, case) if sending.operation is Operation.ERASE else {},
    )
    return seal_slice(content, public=secrets.seal_to[task.custodian])


def _grant(sending: Sending, task: Task, secrets: Secrets) -> UploadGrant | None:
    if sending.operation is not Operation.COLLECT:
        return None
    return UploadGrant(
        url=f"{secrets.upload_url}/parts/{task.id}/{task.issue_no}",
        bearer=secrets.bearers(task.id, task.issue_no),
        max_bytes=secrets.max_upload,
        exp=int(sending.expires_at.timestamp()),
        bundle_url=f"{secrets.upload_url}/parts",
    )


def _previewed(task: Task, case: Case) -> dict[DataClass, int]:
    """What was found erasable, by class: more than that, by a margin, is a drift."""
    return {
        line.data_class: sum(result.count for result in line.previewed if isinstance(result, Found))
        for line in case.lines
        if line.custodian == task.custodian and line.previewed
    }


def _proof(sending: Sending, case: Case) -> ApprovalProof | None:
    given = case.approval
    if sending.operation is not Operation.ERASE or given is None or given.second is None or given.entry is None:
        return None
    return ApprovalProof(
        plan_hash=given.plan_hash, signatures=(given.first.digest, given.second.digest), entry=given.entry
    )


def _base64url(public: bytes) -> str:
    return urlsafe_b64encode(public).rstrip(b"=").decode()
