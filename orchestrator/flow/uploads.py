"""What happens when a custodian uploads a part: only by the grant of its own issue, each part once."""

import hmac
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from contracts.ids import RequestId, TaskId
from orchestrator.domain.errors import Conflict, DsarError, Forbidden
from orchestrator.domain.issuing import MAX_ISSUE_BYTES
from orchestrator.domain.request import State
from orchestrator.store import parts
from orchestrator.store.parts import Grant, Place, Stored
from orchestrator.store.session import Transaction
from orchestrator.vault.blobs import part_name


class GrantExpired(Forbidden):
    """The grant's time is over, or nobody waits for the data any more; a new issue brings a new grant."""

    code = "grant_expired"


class TooMuch(Forbidden):
    """The parts of this issue would weigh more than was granted."""

    code = "too_large"


class Standing(StrEnum):
    """Whether the part is there already."""

    WANTED = "wanted"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Where the bytes go, and how many more there may be."""

    request: RequestId
    standing: Standing
    limit: int

    def name(self, place: Place) -> str:
        """The object's name: nothing in it is about the person."""
        return part_name(self.request, place.task, place.issue_no, place.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A part that somebody wants to upload. *size* is 0 if it is not known yet."""

    place: Place
    bearer: str = field(repr=False)
    digest: str
    size: int = 0


async def admit(tx: Transaction, announced: Sequence[Announced]) -> list[Admission | DsarError]:
    """Check each grant before a byte is read.

    Refused: `Forbidden` for a wrong bearer, `GrantExpired`, `TooMuch`, and `Conflict` if another part lies there.
    """
    grants = await parts.grants(tx, [each.place for each in announced])
    taken: Counter[tuple[TaskId, int]] = Counter()
    results = []
    for each in announced:
        issue = each.place.task, each.place.issue_no
        judged = _judged(each, grants.get(each.place), tx, taken[issue])
        if isinstance(judged, Admission) and judged.standing is Standing.WANTED:
            taken[issue] += each.size
        results.append(judged)
    return results


def _judged(announced: Announced, grant: Grant | None, tx: Transaction, taken: int) -> Admission | DsarError:
    given = sha256(announced.bearer.encode()).digest()
    if grant is None or grant.bearer_hash is None or not hmac.compare_digest(grant.bearer_hash, given):
        return Forbidden("no grant for this upload")
    if tx.now >= grant.expires_at or grant.request_state != State.SEARCHING:
        return GrantExpired("the grant's time is over")
    left = MAX_ISSUE_BYTES - grant.used - taken
    if left <= 0 or (grant.held is None and announced.size > left):
        return TooMuch("the parts of this issue weigh more than was granted")
    if grant.held not in (None, announced.digest):
        return Conflict("another part lies there already")
    standing = Standing.WANTED if grant.held is None else Standing.HELD
    return Admission(request=grant.request, standing=standing, limit=left)


async def admit_bundles(
    tx: Transaction, bundles: Sequence[Sequence[Announced]]
) -> list[Sequence[Admission | DsarError]]:
    """Check the grants of all parts of these bundles, each part by itself."""
    judged = iter(await admit(tx, [each for bundle in bundles for each in bundle]))
    return [_next(judged, len(bundle)) for bundle in bundles]


def _next(judged: Iterator[Admission | DsarError], count: int) -> list[Admission | DsarError]:
    return [next(judged) for _ in range(count)]


async def stored(tx: Transaction, done: Sequence[Stored]) -> list[None]:
    """Say that these parts lie in the object store, whole and with these digests. Repeating it changes nothing."""
    await parts.stored(tx, done)
    return [None] * len(done)


async def stored_bundles(tx: Transaction, bundles: Sequence[Sequence[Stored]]) -> list[None]:
    """Say the same of all parts of these bundles."""
    await parts.stored(tx, [each for bundle in bundles for each in bundle])
    return [None] * len(bundles)
