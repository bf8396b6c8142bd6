"""The finished ZIP at rest: cut into pieces and encrypted as uploaded parts are, under a key of its own."""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256

from contracts.ids import RequestId, TaskId
from contracts.parts import PART_BYTES, BrokenPart, decrypt_part, encrypt_part


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece, to be stored under its number."""

    n: int
    ciphertext: bytes = field(repr=False)


class Measured:
    """Passes a stream on; once it has ended, `size` and `digest` are those of the whole."""

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._chunks = chunks
        self._sha256 = sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        """SHA-256 of what went by, hex."""
        return self._sha256.hexdigest()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            self._sha256.update(chunk)
            self.size += len(chunk)
            yield chunk


async def encrypt_pieces(key: bytes, archive: AsyncIterable[bytes], *, request: RequestId) -> AsyncIterator[Piece]:
    """Yield the pieces of a ZIP, numbered from 0. The key must be fresh for each try: numbers are nonces."""
    held, n = bytearray(), 0
    async for chunk in archive:
        held += chunk
        while len(held) > PART_BYTES:  # not at exactly that: the last piece is known only once nothing follows it
            yield _piece(key, bytes(held[:PART_BYTES]), request, n, last=False)
            del held[:PART_BYTES]
            n += 1
    yield _piece(key, bytes(held), request, n, last=True)


async def decrypt_pieces(key: bytes, pieces: AsyncIterator[bytes], *, request: RequestId) -> AsyncIterator[bytes]:
    """Yield the ZIP again, from the ciphertexts in their order; raise `BrokenPart` if one is altered, moved or missing.

    A missing end shows only at the end: the reader must keep what was yielded until then to itself.
    """
    held, n = await anext(pieces, None), 0
    if held is None:
        raise BrokenPart("no piece at all")
    async for following in pieces:
        yield decrypt_part(key, held, task=_bound_to(request), n=n, last=False)
        held, n = following, n + 1
    yield decrypt_part(key, held, task=_bound_to(request), n=n, last=True)


def _piece(key: bytes, data: bytes, request: RequestId, n: int, *, last: bool) -> Piece:
    return Piece(n=n, ciphertext=encrypt_part(key, data, task=_bound_to(request), n=n, last=last))


def _bound_to(request: RequestId) -> TaskId:
    return TaskId(request)  # a part is bound to a task; a report is bound to its request in the same place
