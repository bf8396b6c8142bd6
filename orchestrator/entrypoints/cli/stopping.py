"""What the commands of on-call share: why, where more is written, and what came of it."""

import re
from typing import Annotated

import typer

from orchestrator.domain.events import TICKET
from orchestrator.domain.stops import EVERYWHERE, Why
from orchestrator.entrypoints.cli.client import Json, talking
from orchestrator.entrypoints.cli.output import as_document, done, line, moment

Reason = Annotated[
    Why, typer.Option("--reason", help="Why, in a word of ours: it goes into the log, beside your name.")
]


def _number(ticket: str | None) -> str | None:
    if ticket is not None and re.fullmatch(TICKET, ticket) is None:
        raise typer.BadParameter("give its number, like OPS-12: the log keeps it for ever, so nothing else is taken")
    return ticket


Ticket = Annotated[
    str | None, typer.Option("--ticket", callback=_number, help="Where more is written about it, like OPS-12.")
]


def because(reason: str, ticket: str | None, *, dry_run: bool) -> Json:
    """What the API is told with every intervention."""
    return {"reason": reason, "ticket": ticket, "dry_run": dry_run}


def turn(path: str, body: Json, *, as_json: bool) -> None:
    """Ask for it, and print what came of it and what it concerns."""
    with talking(as_json=as_json) as api:
        turned = api.post(path, body)
    if as_json:
        as_document(turned)
        return
    told = f"{of(turned)}  {stand(turned)}" + ("" if turned["changed"] else ", as before")
    done(told, dry_run=turned["dry_run"])
    for said in _concerned(turned["touched"]):
        line(f"  {said}")
    if turned["settled"] is False:
        line("  a dispatcher was in the middle of taking commands: what it took may still leave; stop again to see")


def of(switch: Json) -> str:
    """What is stopped or let go, of whom."""
    whose = "everybody" if switch["scope"] == EVERYWHERE else switch["scope"]
    return f"erasing at {whose}" if switch["what"] == "erasure" else f"commands to {whose}"


def stand(switch: Json) -> str:
    """How it stands."""
    if switch["what"] == "erasure":
        return "stopped" if switch["stopped"] else "released"
    return "paused" if switch["stopped"] else "resumed"


def _concerned(touched: Json) -> list[str]:
    said = [
        f"requests: {touched['requests_in_grace']} in grace, {touched['requests_erasing']} erasing",
        f"tasks not sent yet: {touched['tasks_planned']}, {touched['tasks_held_back']} of them held back",
        f"tasks sent, which nothing calls back: {touched['tasks_sent']}",
    ]
    if (lapse := touched["approvals_lapse_from"]) is not None:
        said.append(f"approvals lapse from {moment(lapse)} on, and are asked for anew")
    return said
