"""The role `notary`: numbers the entries of the log."""

from functools import partial

from orchestrator.entrypoints.duty import Duty
from orchestrator.entrypoints.notary import Notary
from orchestrator.entrypoints.waking import Wakeups
from orchestrator.entrypoints.working import Work


async def run(duty: Duty) -> None:
    """Give numbers until told to stop."""
    async with (
        duty.database(pool_size=1) as database,
        Wakeups(database.url, ["notary"]) as wakeups,
    ):
        notary = Notary(transaction=database.transactions, home=duty.wiring.settings.root)
        idle = partial(wakeups.wait, "notary")
        work = Work(name="notary", once=notary.once, idle=idle, turned=duty.vitals.work("notary"), most=1)
        await work.until(duty.stopping)
