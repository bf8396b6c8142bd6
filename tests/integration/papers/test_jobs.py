"""The job of the composition that makes topics, its command run as it stands."""

import asyncio
import os
import sys
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from contracts.topics import Channel
from tests.unit.papers.blocks import compose

DSAR = Path(sys.executable).with_name("dsar")


async def test_the_job_makes_every_topic_and_may_be_repeated(kafka_bootstrap: str, tmp_path: Path) -> None:
    command = compose()["services"]["topics"]["command"]
    environment = os.environ | {"DSAR_KAFKA_BOOTSTRAP": kafka_bootstrap, "DSAR_HOME": str(tmp_path)}
    for _ in range(2):
        job = await asyncio.create_subprocess_exec(DSAR, *command, env=environment)
        assert await job.wait() == 0
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    try:
        assert set(Channel) <= set(await admin.list_topics())
    finally:
        await admin.close()
