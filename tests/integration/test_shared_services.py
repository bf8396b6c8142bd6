"""The services that all integration tests share are there, and cheap to be alone on."""

import asyncpg
from aiokafka import AIOKafkaProducer


async def test_a_fresh_database_is_empty_and_ours(fresh_database: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    tables = await connection.fetchval("select count(*) from pg_tables where schemaname = 'public'")
    await connection.execute("create table probe (id int)")
    await connection.close()
    assert tables == 0


async def test_two_tests_never_meet_in_one_database(fresh_database: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("create table probe (id int)")
    await connection.close()


async def test_the_shared_broker_answers(kafka_bootstrap: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap)
    await producer.start()
    await producer.stop()
