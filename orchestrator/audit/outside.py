"""The log as it was kept outside the database: exports of it, put together, and what they tell beyond the tables."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from contracts.ids import CustodianId, EventId, RequestId
from orchestrator.audit.leaf import Leaf, parse
from orchestrator.domain.events import Event
from orchestrator.domain.recovery import Outside
from orchestrator.domain.request import Outcome, State

UNABLE: Final = frozenset({Event.HELD, Event.SHREDDED, Event.REOPENED})
"""What the log can tell and this program cannot do again."""


class UnfitLog(ValueError):
    """The files do not tell one log, or not the one of this database. Nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRequest:
    """A request that was opened after the backup: the log knows it, the tables do not."""

    id: RequestId
    version: int
    kind: str
    state: str
    received_on: str
    due: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """Everything that the log tells beyond the tables."""

    stories: Mapping[RequestId, Sequence[Leaf]] = field(default_factory=dict)
    others: Sequence[Leaf] = ()  # about no request, in the log's order


def merged(files: Iterable[tuple[str, Iterable[bytes]]]) -> list[bytes]:
    """Return the entries by number; an empty one was lost with an earlier restore. Raises `UnfitLog`.

    Line n of each file is entry n: a longer file goes on where a shorter one ended, and none may contradict another.
    """
    entries: list[bytes] = []
    for name, lines in files:
        for n, line in enumerate(lines):
            leaf = line.removesuffix(b"\n")
            if n == len(entries):
                entries.append(_checked(leaf, name, n))
            elif entries[n] != leaf:
                raise UnfitLog(f"{name}, line {n + 1}: another file says otherwise; these are not exports of one log")
    return entries


def _checked(leaf: bytes, name: str, n: int) -> bytes:
    if leaf:
        try:
            parse(leaf)
        except ValueError:
            raise UnfitLog(f"{name}, line {n + 1}: not an entry of a log; was the file cut?") from None
    return leaf


def beyond(entries: Iterable[bytes], *, but: Collection[EventId] = ()) -> Beyond:
    """Sort what lies beyond the tables by what it is about; *but* they hold already."""
    stories: defaultdict[RequestId, list[Leaf]] = defaultdict(list)
    others = []
    for leaf in (parse(each) for each in entries if each):
        if leaf.id in but:
            continue
        if leaf.request is None:
            others.append(leaf)
        else:
            stories[leaf.request].append(leaf)
    ordered = {request: sorted(its, key=lambda leaf: leaf.version) for request, its in stories.items()}
    return Beyond(stories=ordered, others=others)


def told_of(story: Sequence[Leaf], *, since: int) -> Outside:
    """What the log tells of a request after version *since*. Raises `UnfitLog` for what cannot be done again."""
    newer = [leaf for leaf in story if leaf.version > since]
    if unable := sorted({leaf.event for leaf in newer} & UNABLE):
        raise UnfitLog(f"request {story[0].request}: {unable[0]} happened since, and this program cannot do it again")
    states = [State(str(leaf.facts["state"])) for leaf in newer if "state" in leaf.facts]
    outcomes = [Outcome(str(leaf.facts["outcome"])) for leaf in newer if leaf.facts.get("outcome")]
    return Outside(
        version=max((leaf.version for leaf in story), default=since),
        state=states[-1] if states else None,
        outcome=outcomes[-1] if outcomes else None,
        withdrawn=any(leaf.event is Event.WITHDRAWN for leaf in newer),
    )


def lost_request(request: RequestId, story: Sequence[Leaf]) -> LostRequest | None:
    """A request that the tables do not know; None if an earlier recovery has said so already."""
    if any(leaf.event is Event.LOST for leaf in story):
        return None
    told = told_of(story, since=0)
    opened = story[0].facts
    return LostRequest(
        id=request,
        version=told.version,
        kind=str(opened.get("kind", "unknown")),
        state=str(told.state or "unknown"),
        received_on=str(opened.get("received_on", "unknown")),
        due=str(opened.get("due", "unknown")),
    )


def named(leaves: Sequence[Leaf], event: Event, fact: str) -> list[str]:
    """What the entries of one kind name by *fact*, each once, in the log's order."""
    return list(dict.fromkeys(str(leaf.facts[fact]) for leaf in leaves if leaf.event is event and fact in leaf.facts))


def admitted(leaves: Sequence[Leaf]) -> list[CustodianId]:
    """The custodians whose manifests were admitted."""
    found = (leaf.custodian for leaf in leaves if leaf.event is Event.CUSTODIAN_ADMITTED)
    return sorted({each for each in found if each is not None})


def generation_of(leaves: Sequence[Leaf]) -> int:
    """The newest generation that an earlier recovery has begun, as far as these entries tell."""
    told = [leaf.facts.get("generation") for leaf in leaves if leaf.event is Event.RECOVERED]
    return max((each for each in told if isinstance(each, int)), default=0)
