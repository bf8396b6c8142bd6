"""Why a request stands still, when something of ours keeps it: a role that does not run, Kafka, a report, a switch."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from contracts.command import Operation
from contracts.ids import CustodianId, RequestId
from contracts.results import Failed
from orchestrator.domain.hindrance import Mover, WaitsFor
from orchestrator.domain.request import Kind
from orchestrator.domain.staff import Role as Job
from orchestrator.settings import Role
from orchestrator.store.session import transactions
from orchestrator.store.views import why
from tests.integration.road.bus import Weather
from tests.integration.road.people import approved, asked, awaiting_approval, let_go, released, the_usual
from tests.integration.road.reasons import gone, heard, reason
from tests.integration.road.switching import pause, release, stop
from tests.integration.road.test_broken_report import a_part
from tests.integration.road.world import World
from tests.integration.store.test_statements import counted


async def queued(world: World) -> RequestId:
    """A request whose first command has waited in the outbox for a minute."""
    profiles, _ = await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    world.ahead += timedelta(minutes=1)
    await heard(world, profiles)
    return request


async def test_a_command_that_was_just_planned_is_no_ones_fault(world: World) -> None:
    profiles, _ = await the_usual(world)
    await heard(world, profiles)
    told = await reason(world, await asked(world, Kind.ACCESS))
    assert (told.waits_for, told.says) == (WaitsFor.SENDING, "profiles is about to be asked to collect")


async def test_a_dispatcher_that_does_not_run_is_named(world: World) -> None:
    request = await queued(world)
    told = await reason(world, request, kafka=True)
    assert (told.waits_for, told.whose_move, told.who) == (WaitsFor.DISPATCHER, Mover.MACHINE, "dispatcher_access")
    assert told.says == "the dispatcher_access does not run"
    assert (told.next_command, told.by) == ("dsar run dispatcher_access", Job.ONCALL)
    assert timedelta(minutes=1) <= timedelta(seconds=world.now() - told.since.timestamp()) < timedelta(minutes=2)


@pytest.mark.parametrize(
    ("kafka", "culprit", "said"),
    [
        (False, WaitsFor.KAFKA, "Kafka does not answer: nothing can be sent"),
        (True, WaitsFor.DISPATCHER, "the dispatcher_access has not come to it: 0 in its queue go first"),
    ],
)
async def test_where_the_dispatcher_runs_it_is_kafka_or_the_queue(
    world: World, kafka: bool, culprit: WaitsFor, said: str
) -> None:
    await world.dispatch()  # it is logged in from here on
    request = await queued(world)
    told = await reason(world, request, kafka=kafka)
    assert (told.waits_for, told.says, told.next_command) == (culprit, said, "dsar doctor")


async def test_who_is_due_later_is_told_how_many_go_first(world: World) -> None:
    await world.dispatch()
    request = await queued(world)
    async with transactions(world.owner)() as tx:
        await tx.connection.execute(
            text("""insert into outbox (lane, request, operation, round, tasks, due, made_at)
                    select 'access', gen_random_uuid(), 'collect', 1, '{}', '2026-01-01', now()
                    from generate_series(1, 1200)""")
        )
    told = await reason(world, request)
    assert told.says == "the dispatcher_access has not come to it: 1000 in its queue go first"


async def test_a_command_that_no_broker_confirmed_is_kafkas_fault_since_the_first_try(world: World) -> None:
    profiles, _ = await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    world.bus.weather = Weather.LOST
    await world.drive()
    await world.later(seconds=30)
    await heard(world, profiles)
    told = await reason(world, request)
    first = (await world.case(request)).tasks[0].issues[0].issued_at
    assert (told.waits_for, told.whose_move, told.who) == (WaitsFor.KAFKA, Mover.MACHINE, "kafka")
    assert (told.says, told.since) == ("Kafka has not confirmed that it took the command", first)


async def test_a_custodian_without_a_valid_key_is_named(world: World) -> None:
    profiles, _ = await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    async with transactions(world.owner)() as tx:
        await tx.connection.execute(text("update custodian_key set revoked_at = now() where use = 'seal'"))
    await world.drive()
    await heard(world, profiles)
    told = await reason(world, request)
    assert (told.waits_for, told.by) == (WaitsFor.SEALING_KEY, Job.ADMIN)
    assert told.says == "profiles has no valid key that a command could be sealed to"


async def test_an_engine_that_does_not_run_is_named_before_the_grace_that_it_should_end(world: World) -> None:
    await the_usual(world)
    request = await awaiting_approval(world)
    await approved(world, request)
    world.ahead += world.policy.grace + timedelta(minutes=5)
    await gone(world, Role.ENGINE)
    told = await reason(world, request)
    assert (told.waits_for, told.says) == (WaitsFor.ENGINE, "the engine does not run")
    assert told.next_command == "dsar run engine"
    assert [each.waits_for for each in told.also] == [WaitsFor.GRACE]


async def test_a_reporter_that_does_not_run_is_named(world: World) -> None:
    await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    await world.drive(reporting=False)
    await released(world, request)
    await gone(world, Role.REPORTER)
    at_once = await reason(world, request)
    world.ahead += timedelta(minutes=1)
    told = await reason(world, request)
    assert (at_once.waits_for, told.waits_for) == (WaitsFor.REPORT, WaitsFor.REPORTER)
    assert told.next_command == "dsar run reporter"


async def test_a_report_that_could_not_be_built_waits_for_staff(world: World) -> None:
    await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    await world.blobs.delete(await a_part(world, request))
    await released(world, request)
    await world.drive()
    told = await reason(world, request)
    assert (told.waits_for, told.by, told.also) == (WaitsFor.REPORT_AGAIN, Job.ONCALL, ())
    assert told.next_command == f"dsar request retry {request}"


async def test_grace_that_a_switch_holds_waits_for_whoever_released_it(world: World) -> None:
    await the_usual(world)
    request = await awaiting_approval(world)
    await approved(world, request)
    await stop(world)
    before = await reason(world, request)
    await world.later(hours=2)
    told = await reason(world, request)
    await release(world)
    released_ = await reason(world, request)
    assert (before.waits_for, told.waits_for) == (WaitsFor.GRACE, WaitsFor.SWITCH)
    assert (told.whose_move, told.by, told.next_command) == (Mover.STAFF, Job.ONCALL, "dsar switch list")
    assert WaitsFor.SWITCH not in {released_.waits_for, *(each.waits_for for each in released_.also)}


async def test_an_erase_that_a_switch_holds_back_names_it_and_how_to_release_it(world: World) -> None:
    await the_usual(world)
    request = await let_go(world)
    await stop(world, "orders")
    await world.dispatch()
    told = await reason(world, request)
    assert (told.waits_for, told.says) == (WaitsFor.SWITCH, "erasing is stopped at orders")
    assert told.next_command == "dsar switch release --custodian orders --reason resolved"


async def test_a_custodian_that_we_paused_is_ours_to_resume(world: World) -> None:
    await the_usual(world)
    await pause(world, "profiles")
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    told = await reason(world, request)
    assert (told.waits_for, told.whose_move) == (WaitsFor.PAUSED, Mover.STAFF)
    assert told.says == "profiles is paused: nothing is sent to it"
    assert told.next_command == "dsar custodians resume profiles --reason resolved"


async def test_of_several_the_one_that_blocks_first_is_named_and_the_others_are_listed(world: World) -> None:
    profiles, orders = await the_usual(world)
    profiles.will_say(Operation.ERASE, Failed(retryable=False, error="ReadOnly"))
    request = await let_go(world)
    orders.silent = True
    await world.drive()
    told = await reason(world, request)
    assert (told.waits_for, told.says.split(";")[0]) == (WaitsFor.RETRY, "profiles could not erase (ReadOnly)")
    assert [(each.waits_for, each.who) for each in told.also] == [(WaitsFor.SILENT, "orders")]
    assert [each.custodian for each in told.owed] == [CustodianId("orders")]


async def test_a_page_of_requests_costs_as_many_statements_as_one(world: World) -> None:
    await the_usual(world)
    requests = [await asked(world, Kind.ACCESS) for _ in range(5)]
    spent = []
    for few in (requests[:1], requests):
        with counted(world.engines[Role.API]) as seen:
            async with world.tx[Role.API]() as tx:
                assert len(await why.judged(tx, few)) == len(few)
        spent.append(seen)
    assert spent[0] == spent[1]
    assert len(spent[0]) <= 8
