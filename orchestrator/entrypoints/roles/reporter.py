"""The role `reporter`: builds the reports that are due."""

import secrets
from functools import partial

from orchestrator.entrypoints import reporter as reporting
from orchestrator.entrypoints.duty import Duty
from orchestrator.entrypoints.reporter import Reporter
from orchestrator.entrypoints.vitals import LONG_S
from orchestrator.entrypoints.waking import Wakeups
from orchestrator.entrypoints.working import Work
from orchestrator.vault.blobs import Blobs


async def run(duty: Duty) -> None:
    """Build reports until told to stop."""
    wiring = duty.wiring
    async with (
        duty.database(pool_size=2) as database,
        Wakeups(database.url, ["reporter"]) as wakeups,
    ):
        reporter = Reporter(
            transaction=database.transactions,
            policy=wiring.policy,
            link_kms=wiring.link_kms,
            reply_kms=wiring.reply_kms,
            blobs=Blobs(wiring.settings.blobs()),
            controller=wiring.settings.controller,
            new_secret=partial(secrets.token_bytes, 32),
        )
        turned = duty.vitals.work("reporter", stuck_after_s=LONG_S)
        idle = partial(wakeups.wait, "reporter")
        work = Work(name="reporter", once=reporter.once, idle=idle, turned=turned, most=reporting.MOST)
        await work.until(duty.stopping)
