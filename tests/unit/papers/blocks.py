"""The parts of papers that are written by the code: `python -m tests.unit.papers` writes them anew."""

import ast
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from contracts.command import LANE_OF, Lane
from contracts.topics import CHANNEL_OF, TOPICS, Channel
from orchestrator.domain.events import Event
from orchestrator.domain.request import TRANSITIONS, State
from tests.unit.papers.places import COMPOSE, README, ROOT, SECURITY, text

STOPS: Final = (Event.WITHDRAWN, Event.CANCELLED, Event.REFUSED, Event.CLOSED_AGAIN)
SAMPLE: Final = ROOT / "custodians" / "samples" / "user_profiles.py"
DAY_MS: Final = 24 * 60 * 60 * 1000


def flow() -> str:
    """The table of states as a picture: all that moves a request on, and below it what stops one."""
    edges: dict[tuple[State, State], dict[Event, None]] = {}
    for rows in TRANSITIONS.values():
        for source, row in rows.items():
            for event, target in row.items():
                if target is not source and event not in STOPS:
                    edges.setdefault((source, target), {})[event] = None
    drawn = [f'    {source} -->|"{"<br>".join(events)}"| {target}' for (source, target), events in edges.items()]
    stops = [f"| `{stop}` | {_while(stop)} |" for stop in STOPS]
    return "\n".join(
        ["```mermaid", "flowchart TD", *drawn, "```", "", "| closes a request | while it is |", "|---|---|", *stops]
    )


def _while(stop: Event) -> str:
    found = {source for rows in TRANSITIONS.values() for source, row in rows.items() if row.get(stop) is State.CLOSED}
    return ", ".join(state.replace("_", " ") for state in State if state in found)


def topics() -> str:
    """The topics with what they carry."""
    lanes = {CHANNEL_OF[lane]: ", ".join(each for each, its in LANE_OF.items() if its is lane) for lane in Lane}
    carried = lanes | {
        Channel.ANSWERS: "answers and heartbeats of all custodians",
        Channel.DEAD_LETTERS: "what could not be taken, from all readers",
    }
    rows = [
        f"| `{channel}` | {carried[channel]} | {settings.partitions} | {settings.retention_ms // DAY_MS} days "
        f"| {settings.max_message_bytes // 1024} KiB |"
        for channel, settings in TOPICS.items()
    ]
    return "\n".join(["| topic | carries | partitions | kept | a record at most |", "|---|---|---|---|---|", *rows])


def custodian() -> str:
    """The sample written by hand, without its module's docstring."""
    lines = text(SAMPLE).splitlines()
    said = ast.parse(text(SAMPLE)).body[0].end_lineno
    return "\n".join(["```python", *"\n".join(lines[said:]).strip("\n").splitlines(), "```"])


def keys() -> str:
    """Which container of an orchestrator's role holds which key, as docker-compose.yml hands them out."""
    services = roles()
    kept = ("link.kek", "reply.kek", "blind.key", "command-access.pem", "command-erasure.pem")
    rows = []
    for name, service in services.items():
        held = [*service.get("secrets", ()), *(each["source"] for each in service.get("configs", ()))]
        login = next(each for each in held if each.startswith("dsar_database_url"))
        marks = " | ".join("✓" if key in held else "" for key in (*kept, "approvers"))
        rows.append(f"| `{name}` | `{login}` | {marks} |")
    head = " | ".join(f"`{each}`" for each in (*kept, "approvers.toml"))
    return "\n".join([f"| container | database login | {head} |", "|---|---|" + "---|" * (len(kept) + 1), *rows])


def compose() -> dict[str, Any]:
    """The composition, with its anchors resolved."""
    found: dict[str, Any] = yaml.safe_load(text(COMPOSE))
    return found


def roles() -> dict[str, dict[str, Any]]:
    """The services that run a role of the orchestrator."""
    return {
        name: each
        for name, each in compose()["services"].items()
        if each["image"].startswith("dsar-orchestrator:") and each["command"][0] == "run"
    }


BLOCKS: Final[Mapping[tuple[str, Path], Callable[[], str]]] = {
    ("flow", README): flow,
    ("topics", README): topics,
    ("custodian", README): custodian,
    ("keys", SECURITY): keys,
}
