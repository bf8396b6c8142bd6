"""The judge: reads the journal, the custodians' fact logs and the exported log, and nothing else; none of our code."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from tests.crash.authority import judge_authority, judge_decisions
from tests.crash.case import Evidence, Held, Judgement, Request, entries_of, gathered
from tests.crash.disclosure import judge_disclosure
from tests.crash.endings import judge_ending
from tests.crash.telling import judge_telling


def judge(evidence: Evidence) -> Judgement:
    """Judge a run."""
    verdict = Judgement()
    entries = entries_of(evidence.exports, verdict)
    requests = gathered(evidence, entries, verdict)
    for request in requests:
        _judge_story(request, verdict)
        judge_decisions(request, verdict)
        judge_authority(request, verdict)
        owned = evidence.began_with.get(request.customer, {})
        judge_ending(request, sum(map(len, owned.values())), evidence.open_at_end, verdict)
        _judge_counts(request, {custodian: len(keys) for custodian, keys in owned.items()}, verdict)
        judge_disclosure(request, owned, verdict)
    _judge_rows(requests, evidence, verdict)
    judge_telling(requests, evidence, verdict)
    return verdict


def _judge_story(request: Request, verdict: Judgement) -> None:
    numbers = [entry["n"] for entry in request.entries]
    if numbers != list(range(1, len(numbers) + 1)):
        verdict.charge("broken log", f"request {request.id}: its entries are not numbered 1 to {len(numbers)}")
    if [entry["type"] for entry in request.entries[:1]] != ["request.opened"]:
        verdict.charge("lost", f"request {request.id} has a receipt, and no entry that it was opened")


def _judge_counts(request: Request, had: Mapping[str, int], verdict: Judgement) -> None:
    """Of each custodian: what the log says it erased or found is what was really there and really went."""
    said, found = _said(request, "erase", "erased"), _said(request, "collect", "found")
    did = Counter(each.custodian for each in request.deleted if each.life == 1)
    for custodian in {*said, *did}:
        if said[custodian] > did[custodian]:
            verdict.charge(
                "entries without effect",
                f"request {request.id}: {custodian} erased {did[custodian]} rows, the log says {said[custodian]}",
            )
        if said[custodian] < did[custodian]:
            verdict.charge(
                "effects without entry",
                f"request {request.id}: {custodian} erased {did[custodian]} rows, the log says {said[custodian]}",
            )
    if request.outcome == "fulfilled":
        for custodian in {*found, *had}:
            if found[custodian] != had.get(custodian, 0):
                verdict.charge(
                    "lost",
                    f"request {request.id}: {custodian} held {had.get(custodian, 0)} rows, reported {found[custodian]}",
                )


def _said(request: Request, operation: str, kind: str) -> Counter[str]:
    """Counts by custodian, of the newest answer that was accepted from each task."""
    counts: dict[tuple[str, str], int] = {}
    newest: dict[str, str] = {}
    for entry in request.of("answer.accepted", "answer.late"):
        facts = entry["facts"]
        if facts["operation"] == operation:
            counts[entry["custodian"], facts["task"]] = _sum(facts["counts"], kind)
            newest[entry["custodian"]] = facts["task"]
    total: Counter[str] = Counter()
    for (custodian, task), count in counts.items():
        if operation == "erase" or newest[custodian] == task:
            total[custodian] += count
    return total


def _sum(counts: Mapping[str, int], kind: str) -> int:
    return sum(count for name, count in counts.items() if name.endswith(f":{kind}"))


def _judge_rows(requests: Iterable[Request], evidence: Evidence, verdict: Judgement) -> None:
    """Of each person: rows that went twice, or stayed in spite of a certificate, or went without one."""
    held: defaultdict[str, list[Held]] = defaultdict(list)
    for row in evidence.held:
        held[row.customer].append(row)
    for request in requests:
        had = sum(map(len, evidence.began_with.get(request.customer, {}).values()))
        _judge_repetition(request, verdict)
        _judge_sum(request, held[request.customer], had, verdict)
        if request.outcome == "erased":
            _judge_erased(request, held[request.customer], had, verdict)


def _judge_sum(request: Request, held: Iterable[Held], had: int, verdict: Judgement) -> None:
    """What was there is there, or was seen to go."""
    left = sum(row.life == 1 for row in held)
    gone = len({(each.custodian, each.record) for each in request.deleted if each.life == 1})
    if left + gone != had:
        finding = f"request {request.id}: of {had} rows {left} are left, and {gone} were seen to go"
        verdict.charge("effects without entry", finding)


def _judge_repetition(request: Request, verdict: Judgement) -> None:
    times = Counter((each.custodian, each.record) for each in request.deleted)
    for (custodian, record), count in times.items():
        if count > 1:
            verdict.charge("doubled effects", f"request {request.id}: {custodian} deleted row {record} {count} times")


def _judge_erased(request: Request, held: Iterable[Held], had: int, verdict: Judgement) -> None:
    rows = list(held)
    left = [row for row in rows if row.life == 1]
    back = [row for row in rows if row.life > 1]
    if left:
        verdict.charge("entries without effect", f"request {request.id} is erased, and {len(left)} rows are there")
    if request.came_back and len(back) != had:
        verdict.charge("doubled effects", f"request {request.id}: who came back has {len(back)} of {had} rows")
