"""kill -9 of everything, in mid-search, in mid-erase and while a report is written: nothing is lost or done twice."""

from collections import Counter
from typing import Any

import pytest

from orchestrator.audit.fold import fold
from orchestrator.domain.events import Event
from tests.e2e.desk import Json
from tests.kills.mortal import mortal
from tests.kills.story import ASKS, HEALED_WITHIN_S, LEAVES, ONE_EACH, Survived, lived

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.timeout(400)]

LIVES = 4


@pytest.fixture(scope="module")
async def survived(tmp_path_factory: pytest.TempPathFactory) -> Survived:
    with mortal(tmp_path_factory.mktemp("kills") / "home") as system:
        story = await lived(system)
        assert system.lives == LIVES
    return story


def _counted(shown: Json, kind: str) -> int:
    said = [result for line in shown["lines"] for result in line["said"]]
    return sum(each["count"] for each in said if each["kind"] == kind)


def _of(survived: Survived, shown: Json, event: Event, operation: str) -> list[dict[str, Any]]:
    return [
        dict(leaf.facts)
        for leaf in survived.leaves
        if str(leaf.request) == shown["id"] and leaf.event is event and leaf.facts.get("operation") == operation
    ]


async def test_every_request_comes_to_its_end(survived: Survived) -> None:
    ended = [(each["state"], each["outcome"]) for each in (survived.access, survived.erasure, survived.third)]
    assert ended == [("closed", "fulfilled"), ("closed", "retained_in_part"), ("closed", "fulfilled")]


async def test_the_person_who_asked_is_told_of_every_record_once(survived: Survived) -> None:
    assert _counted(survived.access, "found") == len(survived.before.of(ASKS.customer))


async def test_the_custodians_erased_what_there_was_and_count_it_once(survived: Survived) -> None:
    held, left = survived.before.of(LEAVES.customer), survived.after.of(LEAVES.customer)
    assert _counted(survived.erasure, "erased") == len(held) - len(left)
    assert _counted(survived.erasure, "retained") == len(left) > 0
    assert {row.place for row in left} == {"shop.invoice"}
    assert all(row in held for row in left)


async def test_what_belongs_to_everybody_else_is_as_it_was(survived: Survived) -> None:
    assert survived.after.of_others(LEAVES.customer) == survived.before.of_others(LEAVES.customer)


async def test_every_erasure_is_answered_and_taken_once(survived: Survived) -> None:
    tasks = [task for task in survived.erasure["tasks"] if task["operation"] == "erase"]
    taken = Counter(each["task"] for each in _of(survived, survived.erasure, Event.ANSWER_ACCEPTED, "erase"))
    assert {task["state"] for task in tasks} == {"done"}
    assert len(taken) == len(tasks) == 3
    assert set(taken.values()) == {1}
    assert _of(survived, survived.erasure, Event.ANSWER_CONFLICTS, "erase") == []


async def test_there_is_one_report_and_it_is_the_same_whenever_it_is_fetched(survived: Survived) -> None:
    ((n, state, digest, size),) = survived.reports
    assert (n, state) == (1, "built")
    assert survived.fetched == [(digest, size)] * 2


async def test_the_log_has_no_hole_and_tells_what_is_shown(survived: Survived) -> None:
    assert survived.numbers == list(range(len(survived.numbers)))
    shown = (survived.access, survived.erasure, survived.third)
    folded = {str(request): (each.state, each.version) for request, each in fold(survived.leaves).items()}
    assert folded == {each["id"]: (each["state"], each["version"]) for each in shown}


async def test_a_process_that_dies_alone_is_back_within_seconds(survived: Survived) -> None:
    assert survived.healed_s.keys() == set(ONE_EACH)
    assert max(survived.healed_s.values()) < HEALED_WITHIN_S
