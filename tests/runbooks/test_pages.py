"""Every command of every page, run at night: on a real system, with the very fault that its alert is about."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx2
import pytest
import pytest_asyncio

from custodians.samples.people import person
from orchestrator.embedded.process import environment
from tests.e2e.desk import Desk, now
from tests.e2e.program import BIN, Machine, up
from tests.runbooks import faults
from tests.runbooks.faults import AWAY, FAULTS, Night, figures
from tests.runbooks.pages import Page, pages, rules, samples, selectors
from tests.tour.guide import differences

PAGES: Final = pages()
BEGIN: Final = "set -euo pipefail\nexec 2>&1\n"
PAUSE: Final = "\x1e"
RUN_WITHIN_S: Final = 60.0
SCRAPES: Final = 15
ON_CALL: Final = ["oncall", "support", "reviewer", "auditor"]

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.timeout(400)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def night(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Night]:
    """A system in which most things are wrong at once."""
    home = tmp_path_factory.mktemp("runbooks") / "home"
    settings = {"DSAR_GRACE_SECONDS": "0", "DSAR_WATCH_DAYS": "0.0001"}
    with up(home, "--without", AWAY, **settings) as machine:
        async with httpx2.AsyncClient(base_url=machine.url, timeout=30.0) as client:
            desk = await Desk.hired(machine, client)
            yield await made(machine, desk)


async def made(machine: Machine, desk: Desk) -> Night:
    """First what needs everybody; then one of them is gone for good."""
    began = now()
    machine.worker.start()
    await desk.heard(AWAY, since=began)

    def release() -> None:
        done = machine.cli("switch", "release", "--reason", "resolved", token=machine.token)
        assert done.returncode == 0, done.stderr

    await desk.client.get("/metrics")  # the log is counted from the first scrape on
    residual, undelivered, letters = await asyncio.gather(
        faults.watched(machine, desk), faults.deliverable(machine, desk), faults.letters(machine, desk)
    )
    unfit = await faults.unfit(machine, desk, release)
    await desk.until(residual, "awaiting_approval")
    failing = await faults.failing(machine, desk)
    machine.worker.stop()
    waiting = await desk.open("access", person(28).email)
    await desk.verify(waiting)
    late = await faults.overdue(machine, desk)
    requests = {"residual": residual, "undelivered": undelivered, "unfit": unfit, **failing}
    return Night(
        machine=machine,
        desk=desk,
        token=await hired(machine, desk.client),
        requests=requests | dict(late) | {"waiting": waiting},
        letters=letters,
    )


async def hired(machine: Machine, client: httpx2.AsyncClient) -> str:
    """Whoever is on call."""
    headers = {"Authorization": f"Bearer {machine.token}"}
    body = {"name": "Whoever is on call", "roles": ON_CALL}
    joined = (await client.post("/api/v1/staff", json=body, headers=headers)).json()
    issued = await client.post(f"/api/v1/staff/{joined['id']}/tokens", json={}, headers=headers)
    token: str = issued.json()["token"]
    return token


def on_call(night: Night, folder: Path) -> dict[str, str]:
    """The environment of a terminal at night."""
    mine = {"DSAR_HOME": str(night.machine.home), "DSAR_TOKEN": night.token, "HOME": str(folder)}
    return environment(mine) | {"PATH": f"{BIN}:{os.environ['PATH']}"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_the_commands_of_a_page_do_what_it_says(night: Night, page: Page, tmp_path: Path) -> None:
    async with FAULTS[page.fault](night) as given:
        assert await scraped(page, night), page.name
        ran = await asyncio.to_thread(
            subprocess.run,
            ["bash", "-c", BEGIN + f"printf '{PAUSE}'\n".join(step.commands for step in page.steps)],
            env={**on_call(night, tmp_path), **given},
            capture_output=True,
            text=True,
            timeout=RUN_WITHIN_S,
            check=False,
        )
    told = ran.stdout.split(PAUSE)
    assert (ran.returncode, len(told)) == (0, len(page.steps)), told[-1]
    found = [list(differences(step.shown, each.splitlines())) for step, each in zip(page.steps, told, strict=True)]
    assert found == [[]] * len(page.steps), ran.stdout


async def scraped(page: Page, night: Night) -> bool:
    """Whether the fault shows at one of the next scrapes: what could not be read within one is read at the next."""
    for _ in range(SCRAPES):
        if seen(page, await figures(night)):
            return True
        await asyncio.sleep(1)
    return False


def seen(page: Page, told: str) -> bool:
    """Whether a figure that the alert looks at shows the fault."""
    wanted = [each for rule in rules() if rule["alert"] == page.name for each in selectors(rule["expr"])]
    return any(value > 0 for metric, labels, value in samples(told) for each in wanted if each.takes(metric, labels))
