"""An access request, from the person's proof of identity to the report in their hands."""

from contracts.command import Operation
from orchestrator.domain.request import Kind, Outcome, State
from tests.integration.road.people import asked, fetched, released, the_usual
from tests.integration.road.world import World


async def test_what_one_custodian_finds_lets_another_be_asked_and_all_of_it_is_delivered(world: World) -> None:
    profiles, orders = await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    assert (await world.case(request)).request.state is State.REVIEWING
    assert [each.round for each in orders.asked(Operation.COLLECT)] == [2]
    assert [each.round for each in profiles.asked(Operation.COLLECT)] == [1]
    await released(world, request)
    await world.drive()
    report = await fetched(world, request)
    assert report.parts == 1
    case = await world.case(request)
    assert (case.request.state, case.request.outcome) == (State.CLOSED, Outcome.FULFILLED)
    assert [[each.model_dump() for each in line.said] for line in case.lines] == [
        [{"kind": "found", "count": 2}],
        [{"kind": "found", "count": 1}],
    ]
