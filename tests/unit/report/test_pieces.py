from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from uuid import UUID

import pytest

from contracts.ids import RequestId
from contracts.parts import PART_BYTES, TAG_BYTES, BrokenPart
from orchestrator.report.pieces import Measured, decrypt_pieces, encrypt_pieces
from tests.unit.report.builders import KEY, REQUEST


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def pieces_of(*chunks: bytes) -> list[bytes]:
    pieces = [piece async for piece in encrypt_pieces(KEY, stream(*chunks), request=REQUEST)]
    assert [piece.n for piece in pieces] == list(range(len(pieces)))
    return [piece.ciphertext for piece in pieces]


async def opened(pieces: Sequence[bytes], request: RequestId = REQUEST) -> bytes:
    return b"".join([chunk async for chunk in decrypt_pieces(KEY, stream(*pieces), request=request)])


@pytest.mark.parametrize(("size", "count"), [(0, 1), (1, 1), (PART_BYTES, 1), (PART_BYTES + 1, 2), (2 * PART_BYTES, 2)])
async def test_a_report_comes_back_from_its_pieces(size: int, count: int) -> None:
    data = bytes(size)
    pieces = await pieces_of(data[: size // 3], data[size // 3 :])
    assert len(pieces) == count
    assert max(len(piece) for piece in pieces) <= PART_BYTES + TAG_BYTES
    assert await opened(pieces) == data


@pytest.mark.parametrize(
    "order",
    [[0, 1], [1, 0, 2], [0, 2], [0, 1, 2, 2], [2], []],
    ids=["cut off", "moved", "gap", "doubled", "end", "none"],
)
async def test_pieces_that_are_not_all_in_their_order_are_refused(order: list[int]) -> None:
    pieces = await pieces_of(bytes(2 * PART_BYTES + 9))
    with pytest.raises(BrokenPart):
        await opened([pieces[n] for n in order])


async def test_pieces_of_another_request_are_refused() -> None:
    with pytest.raises(BrokenPart):
        await opened(await pieces_of(b"zip"), RequestId(UUID(int=9)))


async def test_the_whole_is_measured_as_it_goes_by() -> None:
    measured = Measured(stream(b"ab", b"c"))
    pieces = [piece async for piece in encrypt_pieces(KEY, measured, request=REQUEST)]
    assert (measured.size, measured.digest) == (3, sha256(b"abc").hexdigest())
    assert b"abc" not in pieces[0].ciphertext
    assert "ciphertext" not in repr(pieces[0])
