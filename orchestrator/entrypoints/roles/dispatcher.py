"""The roles `dispatcher_access` and `dispatcher_erasure`: each sends the commands of its lane, with its key alone."""

import secrets
from functools import partial
from uuid import uuid4

from contracts.bus.connection import reached
from contracts.bus.sender import Sender
from contracts.command import Lane
from contracts.ids import CommandId
from orchestrator.entrypoints.dispatcher import Dispatcher
from orchestrator.entrypoints.duty import Duty
from orchestrator.entrypoints.waking import Wakeups
from orchestrator.entrypoints.working import Work
from orchestrator.settings import Role


async def run(duty: Duty) -> None:
    """Send what is due until told to stop."""
    lane = Lane.ACCESS if duty.role is Role.DISPATCHER_ACCESS else Lane.ERASURE
    wiring, channel, connection = duty.wiring, f"dispatcher-{lane}", duty.wiring.connection(duty.role)
    if not await reached(connection, duty.stopping):
        return
    async with (
        duty.database() as database,
        Sender(connection) as sender,
        Wakeups(database.url, [channel]) as wakeups,
    ):
        dispatcher = Dispatcher(
            lane=lane,
            transaction=database.transactions,
            policy=wiring.policy,
            trust=wiring.trust,
            signer=wiring.command_key(lane),
            link_kms=wiring.link_kms,
            blind_key=wiring.blind_key,
            sender=sender,
            upload_url=wiring.settings.upload_url(),
            new_command=_command_id,
            new_bearer=_bearer,
        )
        idle = partial(wakeups.wait, channel)
        turned = duty.vitals.work(duty.role)
        work = Work(name=duty.role, once=dispatcher.once, idle=idle, turned=turned, most=dispatcher.limit, drains=True)
        await work.until(duty.stopping)


def _command_id() -> CommandId:
    return CommandId(uuid4())


def _bearer() -> str:
    return f"dsu_{secrets.token_urlsafe(32)}"
