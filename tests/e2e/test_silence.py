"""The honest bad end: a custodian that is away, a person whom nobody knows."""

import asyncio
import io
import re
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from custodians.samples.people import person
from tests.e2e.desk import WITHIN_S, Desk, Json, now
from tests.e2e.program import Machine

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.timeout(240)]

ASKS = person(11)
AWAY = "recommendation-logs"
TEAM = "Recommendations team"
CLASSES = ("What you looked at", "What was recommended to you")
STRANGER = "nobody.has.heard.of.me@example.net"
MINUTE = r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What was seen on the way, in this order."""

    request: UUID
    waiting: Json  # while the custodian was away
    told: str  # what `dsar request show` printed then
    told_after_s: float
    report: bytes = field(repr=False)
    closed: Json
    log_then: Sequence[str]
    late: Json  # after its answer came at last
    log_late: Sequence[str]
    report_late: bytes = field(repr=False)


@pytest.fixture(scope="module")
async def story(machine: Machine, desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Story:
    await heard_once_and_gone(machine, desk)
    request = await desk.open("access", ASKS.email)
    await desk.verify(request)
    began = time.monotonic()
    waiting = await until_only_one_is_owed(desk, request)
    told = machine.cli("request", "show", str(request), token=desk["support"].token)
    told_after_s = time.monotonic() - began
    assert told.returncode == 0, told.stderr

    in_part = ("request", "release", str(request), "--in-part", "--reason", "it will not be back in time")
    released = machine.cli(*in_part, token=desk["reviewer"].token)
    assert released.returncode == 0, released.stderr
    await desk.until(request, "deliverable")
    report = fetched(machine, desk, request, tmp_path_factory.mktemp("report") / "report.zip")
    closed = await desk.until(request, "closed")
    log_then = await until_logged(desk, request, "report.downloaded")

    machine.worker.start()
    log_late = await until_logged(desk, request, "answer.after_close")
    late = await desk.show(request)
    machine.worker.stop()
    report_late = fetched(machine, desk, request, tmp_path_factory.mktemp("late") / "report.zip")
    return Story(
        request=request, waiting=waiting, told=told.stdout, told_after_s=told_after_s, report=report, closed=closed,
        log_then=log_then, late=late, log_late=log_late, report_late=report_late,
    )  # fmt: skip


async def heard_once_and_gone(machine: Machine, desk: Desk) -> None:
    began = now()
    machine.worker.start()
    await desk.heard(AWAY, since=began)
    machine.worker.stop()


async def until_only_one_is_owed(desk: Desk, request: UUID) -> Json:
    deadline = time.monotonic() + WITHIN_S
    while True:
        shown = await desk.show(request)
        if [each["custodian"] for each in shown["waiting"]["owed"]] == [AWAY]:
            return shown
        assert time.monotonic() < deadline, shown["waiting"]
        await asyncio.sleep(0.05)


def fetched(machine: Machine, desk: Desk, request: UUID, file: Path) -> bytes:
    """Fetch the report as staff do."""
    done = machine.cli("request", "report", str(request), "--out", str(file), token=desk["reviewer"].token)
    assert done.returncode == 0, done.stderr
    return file.read_bytes()


async def entries(desk: Desk, request: UUID) -> list[str]:
    """Name the entries of a request, oldest first."""
    page = await desk["auditor"].get(f"/api/v1/audit?request={request}&limit=500")
    return [each["leaf"]["type"] for each in reversed(page["entries"])]


async def until_logged(desk: Desk, request: UUID, event: str) -> list[str]:
    deadline = time.monotonic() + WITHIN_S
    while event not in (found := await entries(desk, request)):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.1)
    return found


def first_page(report: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(report)) as archive:
        assert archive.testzip() is None
        return archive.read("index.html").decode()


def test_within_five_seconds_it_is_said_whom_a_request_waits_for_and_what_to_do(story: Story) -> None:
    assert story.told_after_s < 5
    owed = story.waiting["waiting"]["owed"][0]
    assert owed["last_heard"] < owed["since"]
    assert re.search(
        rf"^waits for +{AWAY} drains and takes no new work; it has yet to collect$", story.told, re.MULTILINE
    )
    assert re.search(rf"^since +{MINUTE}$", story.told, re.MULTILINE)
    assert re.search(rf"^  {AWAY}: collect owed since {MINUTE}, last heard {MINUTE}$", story.told, re.MULTILINE)
    assert re.search(rf"^due +{story.waiting['due']} \(\d+ d\)$", story.told, re.MULTILINE)
    assert story.told.splitlines()[-1] == "next: dsar custodians"


def test_the_reports_first_page_names_what_is_missing_before_anything_that_was_found(story: Story) -> None:
    page = first_page(story.report)
    gaps, _, rest = page.partition('<p class="lead">')
    assert rest
    assert "Not complete" in gaps
    assert all(f"{TEAM}: {label}" in gaps for label in CLASSES)
    assert "Accounts team" not in gaps


def test_what_was_released_without_somebody_ends_as_partial(story: Story) -> None:
    assert (story.closed["state"], story.closed["outcome"], story.closed["partial"]) == ("closed", "partial", True)


def test_an_answer_after_the_end_changes_nothing_but_the_log(story: Story) -> None:
    assert {key for key in story.late if story.late[key] != story.closed[key]} == {"version"}
    assert story.report_late == story.report
    assert story.log_late[: len(story.log_then)] == story.log_then
    assert story.log_late[len(story.log_then) :] == ["answer.after_close"]


@pytest.mark.usefixtures("everybody")
async def test_somebody_whom_nobody_knows_gets_a_report_that_says_so(desk: Desk) -> None:
    request, report = await desk.access(STRANGER)
    page = first_page(report)
    assert (await desk.show(request))["outcome"] == "fulfilled"
    assert "Not complete" not in page
    assert STRANGER in page
    assert "We hold no data about you there." in page


@pytest.mark.usefixtures("everybody")
async def test_an_erasure_of_somebody_whom_nobody_knows_ends_without_data_and_without_approval(desk: Desk) -> None:
    request = await desk.open("erasure", STRANGER)
    await desk.verify(request)
    shown = await desk.until(request, "closed")
    assert shown["outcome"] == "no_data"
    assert {task["operation"] for task in shown["tasks"]} == {"preview"}
