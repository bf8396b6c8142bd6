"""Folding the log back into the states that the tables hold: whoever has the leaves can tell where a request stood."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from contracts.ids import RequestId
from orchestrator.audit.leaf import Leaf
from orchestrator.domain.events import FACTS, Event
from orchestrator.domain.request import TRANSITIONS, Kind, Outcome, State

AFTER_A_RESTORE: Final = frozenset({Event.RESTORED})
"""What is told of a request whose tables fell back to a backup."""


class BrokenStory(ValueError):
    """The leaves of a request do not tell one story: one is missing, doubled, or not possible where it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """Where a request stands by its leaves alone."""

    kind: Kind
    state: State
    version: int
    outcome: Outcome | None


def fold(leaves: Iterable[Leaf]) -> dict[RequestId, Folded]:
    """Return every request's state, whatever the order of the *leaves*; raise `BrokenStory` with the request's id.

    A request that was lost with a restored backup has none.

    They are replayed by the request's version: the log is in the order of commits, which is not the order of facts.
    """
    told: defaultdict[RequestId, list[Leaf]] = defaultdict(list)
    for leaf in leaves:
        if leaf.request is not None:
            told[leaf.request].append(leaf)
    return {request: _folded(request, its) for request, its in told.items() if not _is_lost(its)}


def _is_lost(leaves: Sequence[Leaf]) -> bool:
    """Whether it was opened after a backup that was restored: the tables know nothing of it, and cannot again."""
    return any(leaf.event is Event.LOST for leaf in leaves)


def _folded(request: RequestId, leaves: Sequence[Leaf]) -> Folded:
    story = sorted(leaves, key=lambda leaf: leaf.version)
    if not _goes_on(story):
        raise BrokenStory(f"request {request}: versions are missing or doubled")
    if story[0].event is not Event.OPENED:
        raise BrokenStory(f"request {request}: does not begin with its opening")
    try:
        folded = Folded(kind=Kind(str(story[0].facts["kind"])), state=State.RECEIVED, version=0, outcome=None)
        for leaf in story:
            folded = _after(folded, leaf)
    except (LookupError, ValueError):
        raise BrokenStory(f"request {request}: not possible as told") from None
    return folded


def _goes_on(story: Sequence[Leaf]) -> bool:
    """Whether no version is missing or doubled. A restored backup may skip some: their entries were lost with it."""
    version = 0
    for leaf in story:
        skips = leaf.event in AFTER_A_RESTORE and leaf.version > version
        if leaf.version != version + 1 and not skips:
            return False
        version = leaf.version
    return True


def _after(folded: Folded, leaf: Leaf) -> Folded:
    if leaf.event in AFTER_A_RESTORE:
        return _fallen_back(folded, leaf)
    state = folded.state if leaf.event in FACTS else TRANSITIONS[folded.kind][folded.state][leaf.event]
    if State(str(leaf.facts.get("state", state))) is not state:
        raise ValueError("the leaf names another state")
    outcome = Outcome(str(leaf.facts["outcome"])) if "outcome" in leaf.facts else folded.outcome
    return Folded(kind=folded.kind, state=state, version=leaf.version, outcome=outcome)


def _fallen_back(folded: Folded, leaf: Leaf) -> Folded:
    """The tables fell back to a backup: from here on the request is what they said, whatever the log says before."""
    outcome = leaf.facts.get("outcome", folded.outcome)
    return Folded(
        kind=folded.kind,
        state=State(str(leaf.facts.get("state", folded.state))),
        version=leaf.version,
        outcome=Outcome(str(outcome)) if outcome is not None else None,
    )
