"""What the judge sees: the journal, the custodians' fact logs and the exported log; and each request out of them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tests.crash.people import Course

Line = Mapping[str, Any]

CHARGES: Final = (
    "lost",
    "doubled effects",
    "effects without entry",
    "entries without effect",
    "effects after a cancel",
    "erasures without two approvals",
    "decisions nobody made",
    "wrong endings",
    "disclosed to others",
    "stuck",
    "broken log",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """A row that was really deleted."""

    at: float
    custodian: str
    customer: str
    record: str
    life: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A row that is there at the end."""

    custodian: str
    customer: str
    record: str
    life: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that the judge sees. *exports*: the log's lines as they were taken away, oldest first; the last is whole."""

    journal: Sequence[Line]
    deleted: Sequence[Deleted]
    held: Sequence[Held]
    began_with: Mapping[str, Mapping[str, Sequence[str]]]  # by customer and custodian, the keys of all that was held
    exports: Sequence[Sequence[bytes]]
    open_at_end: Mapping[str, str]  # what requests that have not ended wait for


@dataclass(slots=True)
class Request:
    """One request, from all three sides."""

    id: str
    customer: str
    email: str
    course: Course
    told: list[Line] = field(default_factory=list)
    entries: list[Line] = field(default_factory=list)
    deleted: list[Deleted] = field(default_factory=list)
    came_back: bool = False
    shown: str | None = None  # how the API said that it has ended

    @property
    def kind(self) -> str:
        return self.course.kind

    @property
    def outcome(self) -> str | None:
        ends = [each["facts"]["outcome"] for each in self.entries if "outcome" in each["facts"]]
        return ends[-1] if ends else None

    @property
    def state(self) -> str:
        states = [each["facts"]["state"] for each in self.entries if "state" in each["facts"]]
        return states[-1] if states else "received"

    def of(self, *types: str) -> list[Line]:
        return [each for each in self.entries if each["type"] in types]


@dataclass(slots=True)
class Judgement:
    """What was found, by charge; each finding in one line."""

    findings: dict[str, list[str]] = field(default_factory=lambda: {charge: [] for charge in CHARGES})

    def charge(self, what: str, finding: str) -> None:
        self.findings[what].append(finding)

    @property
    def guilty(self) -> bool:
        return any(self.findings.values())


def seconds(entry: Line) -> float:
    """When an entry says that it was made."""
    return datetime.fromisoformat(entry["at"]).timestamp()


def entries_of(exports: Sequence[Sequence[bytes]], verdict: Judgement) -> list[Line]:
    """Every earlier export must be the beginning of the last: an entry that moved or went is a forged log."""
    last = exports[-1]
    for earlier in exports[:-1]:
        if list(earlier) != list(last[: len(earlier)]):
            verdict.charge("broken log", f"an export of {len(earlier)} lines is not how the last one begins")
    if holes := sum(not line for line in last):
        verdict.charge("broken log", f"{holes} numbers have no entry")
    entries = [json.loads(line) for line in last if line]
    doubled = [each for each, count in Counter(entry["id"] for entry in entries).items() if count > 1]
    for each in doubled:
        verdict.charge("broken log", f"entry {each} is there twice")
    return entries


def gathered(evidence: Evidence, entries: Sequence[Line], verdict: Judgement) -> list[Request]:
    """Every request with what was asked, what is logged, and what was really done; what belongs to none is charged."""
    forms = {line["key"]: line for line in evidence.journal if line["what"] == "submitted"}
    receipts = {line["request"]: forms[line["key"]] for line in evidence.journal if line["what"] == "receipt"}
    found = {
        id_: Request(id_, form["customer"], form["email"], Course(form["course"])) for id_, form in receipts.items()
    }
    _add_journal(found, evidence.journal)
    _add_entries(found, entries, verdict)
    _add_effects(found, evidence.deleted, verdict)
    asked = {each.customer for each in found.values()}
    for form in forms.values():
        if form["customer"] not in asked:
            verdict.charge("lost", f"{form['key']} was submitted and never got a receipt")
    if unheard := set(evidence.began_with) - {form["customer"] for form in forms.values()}:
        verdict.charge("stuck", f"{len(unheard)} of {len(evidence.began_with)} people never came to ask")
    return list(found.values())


def _add_journal(found: Mapping[str, Request], journal: Sequence[Line]) -> None:
    for line in journal:
        if line["what"] in ("asked", "told"):
            found[line["request"]].told.append(line)
        elif line["what"] == "came_back":
            found[line["request"]].came_back = True
        elif line["what"] == "ended":
            found[line["request"]].shown = line["outcome"]


def _add_entries(found: Mapping[str, Request], entries: Sequence[Line], verdict: Judgement) -> None:
    for entry in entries:
        if entry["request"] in found:
            found[entry["request"]].entries.append(entry)
        elif entry["type"] == "request.opened":
            verdict.charge("doubled effects", f"request {entry['request']} was opened, and nobody has its receipt")
    for request in found.values():
        request.entries.sort(key=lambda entry: int(entry["n"]))


def _add_effects(found: Mapping[str, Request], deleted: Sequence[Deleted], verdict: Judgement) -> None:
    by_customer = {each.customer: each for each in found.values()}
    for each in deleted:
        if each.customer in by_customer:
            by_customer[each.customer].deleted.append(each)
        else:
            verdict.charge("effects without entry", f"{each.custodian} deleted a row of somebody who never asked")
