"""Folding the log back into the states that the tables hold: whoever has the leaves can tell where a request stood."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contracts.ids import RequestId
from orchestrator.audit.leaf import Leaf
from orchestrator.domain.events import FACTS, Event
from orchestrator.domain.request import TRANSITIONS, Kind, Outcome, State


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

    They are replayed by the request's version: the log is in the order of commits, which is not the order of facts.
    """
    told: defaultdict[RequestId, list[Leaf]] = defaultdict(list)
    for leaf in leaves:
        if leaf.request is not None:
            told[leaf.request].append(leaf)
    return {request: _folded(request, its) for request, its in told.items()}


def _folded(request: RequestId, leaves: Sequence[Leaf]) -> Folded:
    story = sorted(leaves, key=lambda leaf: leaf.version)
    if [leaf.version for leaf in story] != list(range(1, len(story) + 1)):
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


def _after(folded: Folded, leaf: Leaf) -> Folded:
    state = folded.state if leaf.event in FACTS else TRANSITIONS[folded.kind][folded.state][leaf.event]
    if State(str(leaf.facts.get("state", state))) is not state:
        raise ValueError("the leaf names another state")
    outcome = Outcome(str(leaf.facts["outcome"])) if "outcome" in leaf.facts else folded.outcome
    return Folded(kind=folded.kind, state=state, version=leaf.version, outcome=outcome)
