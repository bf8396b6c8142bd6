"""What a scraper is told: of what is open, by days left; of custodians, letters and the log. Names, never ids."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import event, text

from contracts.command import Operation
from orchestrator.domain.events import Event
from orchestrator.entrypoints.api.letters import MOST, Letter, LetterCount
from orchestrator.entrypoints.api.metrics import left
from orchestrator.store.session import transactions
from tests.integration.api.box import a_letter
from tests.integration.api.world import World

TODAY = date(2026, 11, 22)
SAMPLE = re.compile(r"^(dsar_\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
LONG_AGO = str(date(2026, 1, 5))


async def scraped(world: World) -> Mapping[str, float]:
    """The figures by name and labels, those of a gauge that is 0 included."""
    told = (await world.client.get("/metrics")).text
    return {f"{name}{{{labels}}}" if labels else name: float(value) for name, labels, value in SAMPLE.findall(told)}


def of(figures: Mapping[str, float], name: str) -> dict[str, float]:
    return {key.removeprefix(name): value for key, value in figures.items() if key.partition("{")[0] == name}


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(-40, "overdue"), (-1, "overdue"), (0, "1"), (1, "1"), (2, "3"), (3, "3"), (4, "7"), (7, "7"), (8, "more")],
)
def test_the_last_day_is_still_in_time_and_the_next_is_overdue(days: int, bucket: str) -> None:
    assert left(TODAY + timedelta(days=days), TODAY) == bucket


async def test_open_requests_are_counted_by_days_left_and_a_test_is_nobodys(world: World) -> None:
    await world.opened("erasure", received_on=LONG_AGO)
    await world.opened("access", received_on=LONG_AGO, test=True)
    await world.opened("access")
    figures = await scraped(world)
    assert of(figures, "dsar_requests_open") == {
        '{kind="erasure",left="overdue",state="received"}': 1,
        '{kind="access",left="more",state="received"}': 1,
    }
    assert figures['dsar_requests_longest_wait_seconds{kind="access",state="received"}'] < 60


async def test_a_failed_task_is_told_of_its_custodian_until_somebody_has_retried(world: World) -> None:
    request = await world.verified("erasure")
    await world.failed(request, Operation.PREVIEW)
    before = await scraped(world)
    await world.call("oncall", "POST", f"/requests/{request}/retry", {})
    after = await scraped(world)
    assert (before['dsar_custodian_failed{custodian="crm"}'], of(after, "dsar_custodian_failed")) == (1, {})
    blocked = 'dsar_requests_blocked{reason="search_failed"}'
    assert (before[blocked], after[blocked]) == (1, 0)


async def test_a_task_that_waits_to_be_tried_again_is_told_of_its_custodian(world: World) -> None:
    request = await world.verified("erasure")
    await world.failed(request, Operation.PREVIEW, retryable=True)
    assert (await scraped(world))['dsar_custodian_failed{custodian="crm"}'] == 1


async def test_a_custodian_that_was_never_heard_is_silent_since_it_was_admitted(world: World) -> None:
    await world.verified()
    async with transactions(world.owner)() as tx:
        await tx.connection.execute(text("update custodian set admitted_at = now() - interval '1 hour'"))
    figures = await scraped(world)
    assert 3600 <= figures['dsar_custodian_heard_seconds{custodian="crm"}'] < 3700


async def test_what_a_custodian_owes_is_counted_while_it_owes_it(world: World) -> None:
    request = await world.verified()
    await world.sent(request, Operation.COLLECT)
    figures = await scraped(world)
    assert figures['dsar_custodian_open_tasks{custodian="crm"}'] == 1
    assert figures['dsar_custodian_oldest_task_seconds{custodian="crm"}'] < 60


async def test_a_stop_is_told_for_as_long_as_it_lasts(world: World) -> None:
    await world.call("oncall", "POST", "/switches/stop", {"reason": "drill"})
    before = of(await scraped(world), "dsar_stopped_seconds")
    await world.call("admin", "POST", "/switches/release", {"reason": "resolved"})
    assert (list(before), of(await scraped(world), "dsar_stopped_seconds")) == (['{scope="*",what="erasure"}'], {})


async def test_entries_wait_for_the_notary_until_it_has_numbered_them(world: World) -> None:
    async with transactions(world.owner)() as tx:
        await tx.connection.execute(text("update audit_pending set handed_in_at = now() - interval '5 minutes'"))
    before = await scraped(world)
    await world.entries()
    after = await scraped(world)
    assert before["dsar_log_unnumbered_oldest_seconds"] >= 300
    assert after["dsar_log_unnumbered_oldest_seconds"] == 0


async def test_the_log_is_counted_from_the_first_scrape_on_and_each_entry_once(world: World) -> None:
    await world.opened()
    await world.entries()
    opened = 'dsar_log_entries_total{event="request.opened"}'
    first = (await scraped(world))[opened]
    await world.opened()
    await world.entries()
    assert (first, (await scraped(world))[opened], (await scraped(world))[opened]) == (0, 1, 1)


async def test_every_event_is_told_before_it_has_happened(world: World) -> None:
    assert len(of(await scraped(world), "dsar_log_entries_total")) == len(Event)


async def test_a_task_that_is_sent_again_is_a_reissue(world: World) -> None:
    request = await world.verified()
    await scraped(world)
    await world.sent(request, Operation.COLLECT)
    await world.entries()
    first = of(await scraped(world), "dsar_reissues_total")
    async with transactions(world.owner)() as tx:
        await tx.connection.execute(text("update task set state = 'planned'"))
    await world.sent(request, Operation.COLLECT)
    await world.entries()
    assert (first, of(await scraped(world), "dsar_reissues_total")) == ({}, {'{operation="collect"}': 1})


async def test_dead_letters_are_counted_until_somebody_has_decided(world: World) -> None:
    world.box.letters.append(_fresh(offset=3))
    before = await scraped(world)
    await world.call("oncall", "POST", "/dead-letters/0/3/drop", {"reason": "drill"})
    after = await scraped(world)
    assert of(before, "dsar_dead_letters") == {'{reader="engine",refusal="bad_signature"}': 1}
    assert before["dsar_dead_letters_oldest_seconds"] >= 60
    assert of(after, "dsar_dead_letters") == {}
    assert after["dsar_dead_letters_oldest_seconds"] == 0


async def test_a_reader_that_nobody_admitted_makes_no_label(world: World) -> None:
    world.box.letters.append(_fresh(offset=3, reader="jane.canary@example.com"))
    assert of(await scraped(world), "dsar_dead_letters") == {'{reader="other",refusal="bad_signature"}': 1}


async def test_letters_are_read_once_and_while_kafka_is_away_those_that_were_read_still_count(world: World) -> None:
    world.box.letters.append(_fresh(offset=3))
    await scraped(world)
    count = LetterCount()
    await count.look(world.box, world.transactions, known={"engine"}, now=_now())
    world.box.letters, world.box.broken = [], True
    await count.look(world.box, world.transactions, known={"engine"}, now=_now() + 31)
    assert (len(count.marks), count.reachable) == (1, False)


async def test_a_flood_of_letters_is_remembered_up_to_a_bound(world: World) -> None:
    world.box.letters += [_fresh(offset=n) for n in range(MOST)]
    count = LetterCount()
    await count.look(world.box, world.transactions, known={"engine"}, now=_now())
    world.box.letters += [_fresh(offset=MOST + n) for n in range(10)]
    await count.look(world.box, world.transactions, known={"engine"}, now=_now() + 31)
    assert len(count.marks) == MOST


async def test_without_kafka_the_figures_of_the_database_are_told_all_the_same(world: World) -> None:
    world.box.broken = True
    await world.opened()
    figures = await scraped(world)
    assert figures["dsar_broker_reachable"] == 0
    assert of(figures, "dsar_requests_open")


async def test_a_scrape_costs_the_same_statements_however_much_is_open(world: World) -> None:
    async def cost() -> int:
        said: list[str] = []

        def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
            said.append(statement)

        event.listen(world.engine.sync_engine, "before_cursor_execute", note)
        await scraped(world)
        event.remove(world.engine.sync_engine, "before_cursor_execute", note)
        return len(said)

    await scraped(world)
    few = await cost()
    for _ in range(20):
        await world.opened()
    await world.entries()
    assert await cost() == few <= 13


def _now() -> float:
    return datetime.now(UTC).timestamp()  # noqa: TID251 - the letters of a test are of today


def _fresh(*, offset: int, reader: str = "engine") -> Letter:
    letter = a_letter(offset)
    return replace(letter, letter=letter.letter.model_copy(update={"at": int(_now()) - 60, "reader": reader}))
