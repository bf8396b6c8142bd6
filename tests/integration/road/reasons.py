"""How a test asks why a request stands still, and makes custodians speak of themselves."""

from contracts.envelope import close_envelope
from contracts.heartbeat import Heartbeat, Progress
from contracts.ids import RequestId, TaskId, WorkerId
from orchestrator.domain.waiting import Why
from orchestrator.settings import Role
from orchestrator.store.views import why
from tests.integration.road.custodian import FakeCustodian
from tests.integration.road.world import World


async def reason(world: World, request: RequestId, *, kafka: bool | None = None) -> Why:
    """What the API would say, with the API's own login."""
    async with world.tx[Role.API]() as tx:
        return (await why.judged(tx, [request], kafka=kafka))[request]


async def heard(
    world: World, *custodians: FakeCustodian, draining: bool = False, running: tuple[TaskId, ...] = ()
) -> None:
    """A heartbeat of each, now."""
    for each in custodians:
        beat = Heartbeat(
            environment="test",
            custodian=each.id,
            worker=WorkerId(f"{each.id}-1"),
            at=int(world.now()),
            manifest_hash=each.manifest.hash,
            contracts=(1, 1),
            sdk="0",
            kids=(each.sealer.kid,),
            running=tuple(Progress(task_id=one, done=7) for one in running),
            accepting=not draining,
            draining=draining,
        )
        world.bus.put(close_envelope(beat, signer=each.signer))
    await world.file()


async def gone(world: World, role: Role) -> None:
    """Nobody is logged in as *role* any more."""
    await world.engines[role].dispose()
