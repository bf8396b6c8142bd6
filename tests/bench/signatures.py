"""CPU time a message for signing and verifying, alone and together: `python -m tests.bench.signatures`."""

from collections.abc import Callable
from time import process_time
from typing import Final
from uuid import UUID

from contracts import signing
from contracts.envelope import Draft, draft, sign_drafts
from contracts.ids import CommandId
from contracts.signing import sign, verify_message
from tests.contracts.builders import ACCESS_KEY, a_command

SIZES: Final = (1, 10, 100, 500)
MESSAGES: Final = 3_000  # of each size, in as many batches as they make

Timed = Callable[[list[bytes]], list[str]]


def drafts(count: int) -> list[Draft]:
    """Return commands as they leave: a slice of one recipient each, about 1.5 KB."""
    plain = a_command()
    ids = (CommandId(UUID(int=n + 1)) for n in range(count))
    return [draft(plain.model_copy(update={"command_id": each})) for each in ids]


def alone(batch: list[bytes]) -> list[str]:
    return [sign(ACCESS_KEY, data) for data in batch]


def together(batch: list[bytes]) -> list[str]:
    return signing.sign_batch(ACCESS_KEY, batch)


def microseconds(signs: Timed, batches: list[list[bytes]]) -> tuple[float, float]:
    """Return what signing and what verifying costs, a message."""
    count = sum(map(len, batches))
    began = process_time()
    signatures = [signs(batch) for batch in batches]
    signed = process_time()
    for batch, theirs in zip(batches, signatures, strict=True):
        assert all(verify_message(each, ACCESS_KEY.public, data) for each, data in zip(theirs, batch, strict=True))
    verified = process_time()
    return 1e6 * (signed - began) / count, 1e6 * (verified - signed) / count


def table() -> list[str]:
    """Return the table's lines."""
    data = [each.signed_bytes for each in drafts(MESSAGES)]
    lines = ["batch  ed25519 sign  verify   tree sign  verify   bytes of sig   (µs of CPU a message)"]
    for size in SIZES:
        batches = [data[at : at + size] for at in range(0, MESSAGES, size)]
        one, many = microseconds(alone, batches), microseconds(together, batches)
        longest = max(len(each) for each in together(batches[0]))
        lines.append(f"{size:5}  {one[0]:12.1f}  {one[1]:6.1f}  {many[0]:10.1f}  {many[1]:6.1f}  {longest:13}")
    return lines


if __name__ == "__main__":
    weight = sum(len(each.value) for each in drafts(100)) // 100
    assert len(sign_drafts(drafts(2), signer=ACCESS_KEY)) == 2  # what is timed is what is used
    print("\n".join([f"commands of {weight} bytes, {MESSAGES} of each size", *table()]))  # noqa: T201 -- its purpose
