"""Stops on a whole system: an erasure waits for the switch, all else goes on; who is taken down says so."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest

from custodians.samples.people import person
from tests.e2e.desk import WITHIN_S, Desk, Json, now
from tests.e2e.program import Machine
from tests.e2e.stores import everything

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.timeout(240)]

ERASED, OTHER = person(21), person(22)
DRAINED = "recommendation-logs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """`dsar switch`, as the person whose token it is calls it."""

    machine: Machine

    def __call__(self, *words: str, token: str) -> tuple[int, Json]:
        called = self.machine.cli("switch", *words, "--json", token=token)
        return called.returncode, json.loads(called.stdout or called.stderr)


@pytest.fixture
def switch(machine: Machine) -> Iterator[Switch]:
    """Whatever a test leaves stopped is released after it: the system is everybody's."""
    made = Switch(machine=machine)
    yield made
    assert made("release", "--reason", "resolved", token=machine.token)[0] == 0


async def in_grace(desk: Desk, email: str) -> UUID:
    """An erasure that is approved while erasing is stopped."""
    request = await desk.open("erasure", email)
    await desk.verify(request)
    await desk.approve(request)
    shown = await desk.until_blocked(request, "erasure_stopped")
    assert shown["state"] == "grace"
    return request


@pytest.mark.usefixtures("everybody")
async def test_an_erasure_waits_for_the_switch_and_goes_on_when_it_is_released(
    machine: Machine, desk: Desk, switch: Switch
) -> None:
    oncall = desk["oncall"].token
    assert switch("stop", "--reason", "drill", "--ticket", "OPS-12", token=oncall)[0] == 0
    before = (await everything(machine)).of(ERASED.customer)
    request = await in_grace(desk, ERASED.email)
    await desk.access(OTHER.email)
    assert (await desk.show(request))["state"] == "grace"
    assert (await everything(machine)).of(ERASED.customer) == before != []

    tried, said = switch("release", "--reason", "resolved", "--dry-run", token=machine.token)
    assert (tried, said["touched"]["requests_in_grace"]) == (0, 1)
    refused, problem = switch("release", "--reason", "resolved", token=oncall)
    assert (refused, problem["type"]) == (1, "urn:dsar:forbidden")
    assert (await desk.show(request))["state"] == "grace"

    assert switch("release", "--reason", "resolved", token=machine.token)[0] == 0
    shown = await desk.until(request, "closed")
    assert shown["outcome"] == "retained_in_part"
    assert [task["issues"] for task in shown["tasks"] if task["operation"] == "erase"] == [1, 1, 1]
    assert len((await everything(machine)).of(ERASED.customer)) < len(before)


async def test_a_custodian_that_is_taken_down_is_listed_as_draining(machine: Machine, desk: Desk) -> None:
    began = now()
    machine.worker.start()
    await desk.heard(DRAINED, since=began)
    machine.worker.stop()
    deadline = time.monotonic() + WITHIN_S
    while "1 draining" not in (said := machine.cli("custodians", "list", token=desk["support"].token).stdout):
        assert time.monotonic() < deadline, said
        await asyncio.sleep(0.1)
