"""Slices: sealing one recipient's part of a command, and opening one's own."""

from collections.abc import Mapping

from pydantic import ValidationError

from contracts.command import Command, SealedSlice, Slice
from contracts.dead_letter import Refusal
from contracts.ids import CustodianId
from contracts.keys import SealingKey, kid_of
from contracts.sealing import Unsealable, open_sealed, seal


class SliceRefused(ValueError):
    """The slice must not be acted on; `refusal` says why. The command goes to the dead letters."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


class UnknownSealingKey(LookupError):
    """Sealed to a key that the recipient lacks. Answer `rejected(unknown_key)`: it is sent again, to a newer one."""


def seal_slice(content: Slice, *, public: bytes) -> SealedSlice:
    """Seal *content* to the X25519 public key of its recipient."""
    kid = kid_of(public)
    return SealedSlice(
        to=content.recipient,
        task_id=content.task_id,
        issue_no=content.issue_no,
        kid=kid,
        jwe=seal(content.to_bytes(), to=public, kid=kid, apv=content.recipient),
    )


def sealed_slice(command: Command, recipient: CustodianId) -> SealedSlice | None:
    """Return the slice of *command* that is addressed to *recipient*, unopened."""
    return next((each for each in command.slices if each.to == recipient), None)


def slice_of(command: Command, recipient: CustodianId, keys: Mapping[str, SealingKey]) -> Slice:
    """Open *recipient*'s slice of a verified *command* and compare all that it repeats with what was signed.

    Raises `UnknownSealingKey` if its kid is not among *keys* (by kid), `SliceRefused` for anything else. Without the
    comparison a slice could be moved from one command, task or issue to another.
    """
    sealed = sealed_slice(command, recipient)
    if sealed is None:
        raise SliceRefused(Refusal.WRONG_RECIPIENT)
    key = keys.get(sealed.kid)
    if key is None:
        raise UnknownSealingKey
    content = _open(sealed, key, recipient)
    said = (content.task_id, content.issue_no, content.command_id, content.operation, content.recipient)
    if said != (sealed.task_id, sealed.issue_no, command.command_id, command.operation, recipient):
        raise SliceRefused(Refusal.TRANSPLANTED)
    return content


def _open(sealed: SealedSlice, key: SealingKey, recipient: CustodianId) -> Slice:
    try:
        return Slice.model_validate_json(open_sealed(sealed.jwe, key=key, apv=recipient), strict=True)
    except Unsealable:
        raise SliceRefused(Refusal.UNSEALABLE) from None
    except ValidationError:
        raise SliceRefused(Refusal.BAD_SCHEMA) from None
