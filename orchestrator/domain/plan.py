"""The frozen plan: every custodian and data class that a request counts on, what was said of each, and its hash."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, assert_never

import rfc8785

from contracts.answer import ClassAnswer
from contracts.command import Operation
from contracts.ids import CustodianId, DataClass, RequestId
from contracts.manifest import Manifest
from contracts.results import Anonymised, ClassResult, Erased, Level, NotFound, Result, Unsupported, Waived
from orchestrator.domain.request import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One custodian × data class. `said` is empty while an answer is owed."""

    custodian: CustodianId
    data_class: DataClass
    manifest_hash: str
    required_level: Level = Level.INVISIBLE
    previewed: tuple[ClassResult, ...] = ()  # erasure: what would become of it
    said: tuple[Result, ...] = ()


Effect = Erased | Anonymised
"""What is counted over all erase rounds: what an earlier one did stays done."""


def freeze(kind: Kind, manifests: Sequence[Manifest]) -> tuple[Line, ...]:
    """Every class of every custodian, in a fixed order. A custodian registered later is not asked."""
    return tuple(
        Line(
            custodian=manifest.id,
            data_class=each.name,
            manifest_hash=manifest.hash,
            required_level=each.required_level,
            said=() if performs(kind, manifest) else (Unsupported(),),
        )
        for manifest in sorted(manifests, key=lambda manifest: manifest.id)
        for each in manifest.classes
    )


def performs(kind: Kind, manifest: Manifest) -> bool:
    """Whether the custodian claims what a request of this kind needs of it."""
    match kind:
        case Kind.ACCESS:
            return manifest.can(Operation.COLLECT)
        case Kind.ERASURE:
            return manifest.can(Operation.PREVIEW) and manifest.can(Operation.ERASE)
        case _:
            assert_never(kind)


def find_operation(kind: Kind) -> Operation:
    """The operation with which a request of this kind searches."""
    return Operation.COLLECT if kind is Kind.ACCESS else Operation.PREVIEW


def previewed(line: Line, answer: ClassAnswer) -> Line:
    """The line after a preview: where nothing is held the line has its end, elsewhere it still owes an erasure."""
    if _done(line):
        return replace(line, previewed=answer.results)  # looked at anew after an erase: what was erased stays said
    ended: tuple[Result, ...] = answer.results if not _held(answer.results) else ()
    return replace(line, previewed=answer.results, said=ended)


MOST_COUNTED: Final = 2**31 - 1
"""What a count of the wire can be: a sum beyond it could not be read again."""


def erased(line: Line, answer: ClassAnswer) -> Line:
    """The line after an erase. Rounds add up: what an earlier round erased is still counted."""
    said: tuple[Result, ...] = answer.results
    for earlier in _done(line):
        said = _with(tuple(each for each in said if not isinstance(each, NotFound)), earlier)
    return replace(line, said=said)


def _done(line: Line) -> tuple[Effect, ...]:
    return tuple(result for result in line.said if isinstance(result, Erased | Anonymised) and result.count)


def _with(said: tuple[Result, ...], earlier: Effect) -> tuple[Result, ...]:
    for n, each in enumerate(said):
        if isinstance(each, Erased | Anonymised) and each.kind == earlier.kind:
            both = each.model_copy(update={"count": min(MOST_COUNTED, each.count + earlier.count)})
            return (*said[:n], both, *said[n + 1 :])
    return (earlier, *said)


def waived(line: Line) -> Line:
    """The line when two people decided not to wait: always a gap. What was said before stands beside it."""
    return replace(line, said=(*line.said, Waived()))


def held(line: Line) -> bool:
    """Whether a preview found anything here that an erase has to deal with."""
    return _held(line.previewed)


def _held(results: Sequence[ClassResult]) -> bool:
    return any(not isinstance(result, NotFound | Unsupported) for result in results)


PlanDocument = dict[str, str | int | list[list[str | int]]]
"""What a plan's hash is made of: JSON by RFC 8785. An approver's own tool rebuilds it and compares."""


def document(
    *,
    environment: str,
    generation: int,
    request: RequestId,
    search_round: int,
    asking: int,
    lines: Sequence[Line],
    commitment: str,
) -> PlanDocument:
    """The plan as approvers sign it. *commitment* is keyed and covers the admitted identifiers; it names nobody.

    *generation*: a restored database has forgotten how often it asked; what was signed before fits nothing after.

    Preview counts are not in it: a live store gains a row a minute.
    """
    in_order = sorted(lines, key=lambda line: (line.custodian, line.data_class))  # however the rows were read
    return {
        "asking": asking,
        "commitment": commitment,
        "environment": environment,
        "generation": generation,
        "lines": [[line.custodian, line.data_class, line.manifest_hash, int(line.required_level)] for line in in_order],
        "request": str(request),
        "round": search_round,
        "v": 1,
    }


def hash_of(document: PlanDocument) -> str:
    """SHA-256, hex, of the document's RFC 8785 form."""
    return sha256(rfc8785.dumps(document)).hexdigest()


def commitment(blinds: Sequence[bytes]) -> str:
    """One value over the keyed indexes of all admitted identifiers, whatever their order."""
    return sha256(b"dsar-identifiers-v1" + b"".join(sorted(blinds))).hexdigest()
