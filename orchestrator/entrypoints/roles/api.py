"""The role `api`: the only one that listens, and the only one that admits people."""

import secrets
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

from orchestrator.entrypoints import serving
from orchestrator.entrypoints.api.app import app
from orchestrator.entrypoints.api.deps import Deps
from orchestrator.entrypoints.api.metrics import Metrics
from orchestrator.entrypoints.duty import Duty
from orchestrator.entrypoints.letterbox import KafkaLetterBox, broker_answers
from orchestrator.store import schema
from orchestrator.vault.blobs import Blobs


async def run(duty: Duty) -> None:
    """Serve until told to stop."""
    wiring, settings = duty.wiring, duty.wiring.settings
    connection = wiring.connection(duty.role)
    async with duty.database(pool_size=10) as database:
        deps = Deps(
            transactions=database.transactions,
            policy=wiring.policy,
            controller=settings.controller,
            trust=wiring.trust,
            link_kms=wiring.link_kms,
            reply_kms=wiring.reply_kms,
            blind_key=wiring.blind_key,
            blobs=Blobs(settings.blobs()),
            letters=KafkaLetterBox(connection),
            schema_head=schema.head(),
            broker_answers=partial(broker_answers, connection),
            new_id=uuid4,
            new_secret=partial(secrets.token_bytes, 32),
            clock=partial(datetime.now, UTC),  # noqa: TID251 - an entrypoint
            metrics=Metrics(registry=duty.vitals.registry),
        )
        await serving.serve(app(deps), host=settings.api_host, port=settings.api_port, stopping=duty.stopping)
