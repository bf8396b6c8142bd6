"""Making the topics, with their settings; nothing creates one by writing to it."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from contracts.bus.connection import Connection
from contracts.topics import TOPICS


async def make_topics(connection: Connection, *, replicas: int = 1) -> list[str]:
    """Make the topics that are missing; return their names. One that is there keeps its settings."""
    admin = AIOKafkaAdminClient(**connection.client_options())
    await admin.start()
    try:
        wanted = [
            NewTopic(connection.topic(channel), settings.partitions, replicas, topic_configs=dict(settings.config))
            for channel, settings in TOPICS.items()
        ]
        answer = await admin.create_topics(wanted)
    finally:
        await admin.close()
    made = []
    for topic, code, *_ in answer.topic_errors:
        error = for_code(code)
        if code == 0:
            made.append(topic)
        elif error is not TopicAlreadyExistsError:
            raise error(topic)
    return made
