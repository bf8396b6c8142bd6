"""Slices: only the one addressed, only where it was put."""

from dataclasses import dataclass
from uuid import UUID

import pytest

from contracts.command import Command, Operation, SealedSlice, Slice
from contracts.dead_letter import Refusal
from contracts.ids import CommandId, CustodianId
from contracts.keys import SealingKey
from contracts.sealing import open_sealed, seal
from contracts.slices import SliceRefused, UnknownSealingKey, seal_slice, sealed_slice, slice_of
from tests.contracts.builders import CRM, CRM_SEAL, OTHER_TASK, SHOP, SHOP_SEAL, a_command, a_slice

KEYS = {CRM_SEAL.kid: CRM_SEAL}
OTHER_COMMAND = CommandId(UUID("7d1f1c1e-9a53-4a6b-8c11-0c2f53b0a00e"))


def refusal(command: Command, *, recipient: CustodianId = CRM, keys: dict[str, SealingKey] | None = None) -> Refusal:
    with pytest.raises(SliceRefused) as refused:
        slice_of(command, recipient, KEYS if keys is None else keys)
    return refused.value.refusal


def carrying(sealed: SealedSlice) -> Command:
    return a_command(slices=[sealed])


def test_a_recipient_opens_its_slice() -> None:
    assert slice_of(a_command(), CRM, KEYS) == a_slice()


def test_an_older_key_still_opens_what_was_sealed_to_it() -> None:
    assert slice_of(a_command(), CRM, {SHOP_SEAL.kid: SHOP_SEAL, CRM_SEAL.kid: CRM_SEAL}) == a_slice()


def test_a_slice_sealed_to_a_key_that_is_gone_says_so() -> None:
    with pytest.raises(UnknownSealingKey):
        slice_of(a_command(), CRM, {SHOP_SEAL.kid: SHOP_SEAL})


def test_a_command_without_a_slice_for_the_reader_is_refused() -> None:
    assert sealed_slice(a_command(), SHOP) is None
    assert refusal(a_command(), recipient=SHOP) is Refusal.WRONG_RECIPIENT


@dataclass(frozen=True)
class Moved:
    """A slice that says something else than the envelope that carries it."""

    what: str
    content: Slice


MOVED = [
    Moved("task", a_slice(task=OTHER_TASK)),
    Moved("issue", a_slice(issue_no=2)),
    Moved("command", a_slice(command=OTHER_COMMAND)),
    Moved("operation", a_slice(operation=Operation.ERASE)),
    Moved("recipient", a_slice(recipient=SHOP)),
]


@pytest.mark.parametrize("moved", MOVED, ids=lambda moved: moved.what)
def test_a_transplanted_slice_is_refused(moved: Moved) -> None:
    kid = CRM_SEAL.kid
    jwe = seal(moved.content.to_bytes(), to=CRM_SEAL.public, kid=kid, apv=CRM)
    outside = seal_slice(a_slice(), public=CRM_SEAL.public)
    assert refusal(carrying(outside.model_copy(update={"jwe": jwe}))) is Refusal.TRANSPLANTED


def test_another_recipients_slice_under_our_name_does_not_open() -> None:
    theirs = seal_slice(a_slice(recipient=SHOP), public=CRM_SEAL.public)
    assert refusal(carrying(theirs.model_copy(update={"to": CRM}))) is Refusal.UNSEALABLE


def test_a_slice_under_the_wrong_kid_does_not_open() -> None:
    sealed = seal_slice(a_slice(), public=SHOP_SEAL.public).model_copy(update={"kid": CRM_SEAL.kid})
    assert refusal(carrying(sealed)) is Refusal.UNSEALABLE


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"{", b"\xff"])
def test_a_seal_around_no_slice_is_refused(content: bytes) -> None:
    jwe = seal(content, to=CRM_SEAL.public, kid=CRM_SEAL.kid, apv=CRM)
    sealed = seal_slice(a_slice(), public=CRM_SEAL.public).model_copy(update={"jwe": jwe})
    assert refusal(carrying(sealed)) is Refusal.BAD_SCHEMA


@pytest.mark.parametrize("identifiers", [1, 2, 3, 20])
def test_a_slice_is_padded_so_that_its_length_tells_little(identifiers: int) -> None:
    sealed = seal_slice(a_slice(identifiers=identifiers), public=CRM_SEAL.public)
    assert len(open_sealed(sealed.jwe, key=CRM_SEAL, apv=CRM)) % 256 == 0


def test_identifiers_do_not_show_in_a_repr() -> None:
    assert "example.org" not in repr(a_slice())
    assert a_command().slices[0].jwe not in repr(a_command())
