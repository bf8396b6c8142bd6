"""The roles as a process of their own, on a real database and a real broker, with a custodian that talks to both."""

import asyncio
import signal
import socket
import sys
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import asyncpg
import httpx2
from sqlalchemy import make_url

from contracts.bus.connection import Connection
from contracts.bus.reader import Reader
from contracts.bus.sender import Sender
from contracts.command import Lane, Slice
from contracts.envelope import Record
from contracts.ids import DataClass, RequestId
from contracts.topics import Channel
from orchestrator.domain.request import Kind, Outcome, State
from orchestrator.embedded.process import environment
from orchestrator.settings import Role
from orchestrator.store.session import transactions
from tests.integration.road.custodian import FakeCustodian, lane_keys
from tests.integration.road.engines import QUICK, until
from tests.integration.road.people import (
    approved,
    asked,
    ended,
    fetched,
    opened,
    released,
    said_of,
    state,
    the_usual,
)
from tests.integration.road.world import World
from tests.integration.store.databases import as_role

ROLES = tuple(Role)
STOPS_WITHIN_S = 5.0


async def reads(world: World, connection: Connection, custodian: FakeCustodian, sender: Sender) -> Reader:
    """A custodian's own reader: it answers what it gets, and uploads to the API that runs."""
    custodian.prefix = connection.prefix

    async def handle(records: Sequence[Record]) -> None:
        ring = lane_keys(world.signers)
        await sender.send(await custodian.answers(records, ring=ring, now=int(time.time()), upload=upload))

    return Reader(
        connection,
        handle,
        channels=[Channel.ACCESS, Channel.ERASURE],
        group=f"{connection.prefix}{custodian.id}",
        worker=f"{custodian.id}-1",
        clock=time.time,
        backoff=QUICK,
    )


async def upload(content: Slice, n: int, data_class: DataClass, part: bytes) -> None:
    assert content.grant is not None
    headers = {
        "Authorization": f"Bearer {content.grant.bearer}",
        "X-Dsar-Digest": sha256(part).hexdigest(),
        "X-Dsar-Class": data_class,
    }
    async with httpx2.AsyncClient() as client:
        answer = await client.put(f"{content.grant.url}/{n}", content=part, headers=headers)
    assert answer.status_code == 201, answer.text


def settings(world: World, connection: Connection, port: int) -> Mapping[str, str]:
    """What the process is told: only what stands in files and in its environment."""
    files = {"link_kek": world.folder / "link.kek", "reply_kek": world.folder / "reply.kek"}
    for lane in Lane:
        files[f"command_key_{lane}"] = world.folder / f"{lane}.pem"
        world.signers[lane].save(files[f"command_key_{lane}"])
    files["blind_key"] = private(world.folder / "blind.key", world.blind_key)
    files["approvers"] = private(world.folder / "approvers.toml", trusted(world).encode())
    urls = {f"database_url_{role}": as_role(world.url, role) for role in Role}
    said = {
        "environment": "test",
        "home": str(world.folder),
        "kafka_bootstrap": connection.bootstrap,
        "topic_prefix": connection.prefix,
        "blob_url": (world.folder / "blobs").as_uri(),
        "api_port": str(port),
        "grace_seconds": "0",
        "watch_days": "",
        **urls,
        **{f"{name}_file": str(path) for name, path in files.items()},
    }
    return {f"DSAR_{name.upper()}": value for name, value in said.items()}


def private(path: Path, content: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path


def trusted(world: World) -> str:
    rows = [(each.staff, b64encode(each.public).decode()) for each in world.trusted.values()]
    return "".join(f'[[approver]]\nstaff = "{staff}"\npublic = "{public}"\n' for staff, public in rows)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@asynccontextmanager
async def running(
    world: World, connection: Connection, *roles: Role, **more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of these roles, up and answering; killed if it is still there when the block ends."""
    port = free_port()
    log = (world.folder / "roles.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "orchestrator.entrypoints.run",
        *roles,
        env=environment({**settings(world, connection, port), **more}),
        stdout=log,
        stderr=log,
    )
    try:
        if Role.API in roles:
            await until(lambda: is_ready(port))
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        log.close()


async def is_ready(port: int) -> bool:
    async with httpx2.AsyncClient() as client:
        try:
            return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
        except httpx2.TransportError:
            return False


async def has_come_to(world: World, request: RequestId, wanted: State) -> None:
    async def there() -> bool:
        return await state(world, request) is wanted

    await until(there)


async def test_an_access_and_an_erasure_go_their_way_between_processes_and_sigterm_ends_them_in_time(
    world: World, connection: Connection
) -> None:
    world.policy = replace(world.policy, grace=timedelta())
    both = await the_usual(world)
    async with running(world, connection, *ROLES) as process, Sender(connection) as sender:
        readers = [await reads(world, connection, each, sender) for each in both]
        async with readers[0], readers[1]:
            request = await asked(world, Kind.ACCESS)
            await has_come_to(world, request, State.REVIEWING)
            await released(world, request)
            await has_come_to(world, request, State.DELIVERABLE)
            report = await fetched(world, request)
            assert report.parts == 1
            erasure = await asked(world, Kind.ERASURE)
            await has_come_to(world, erasure, State.AWAITING_APPROVAL)
            await approved(world, erasure)
            await has_come_to(world, erasure, State.CLOSED)
        await until(lambda: is_numbered(world))
        await stops_in_time(process)
    assert await ended(world, request) is Outcome.FULFILLED
    assert await ended(world, erasure) is Outcome.ERASED
    assert await said_of(world, erasure) == {"orders/stuff": ["erased 2"], "profiles/stuff": ["erased 1"]}


async def is_numbered(world: World) -> bool:
    """Whether the notary that runs has numbered all there is."""
    async with transactions(world.owner)() as tx:
        found = await tx.connection.exec_driver_sql("select count(*) from audit_pending")
        return bool(found.scalar_one() == 0)


async def stops_in_time(process: asyncio.subprocess.Process) -> None:
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(STOPS_WITHIN_S):
        assert await process.wait() == 0


async def test_a_role_goes_on_once_its_database_is_back(
    world: World, connection: Connection, postgres_admin: asyncpg.Connection
) -> None:
    name = make_url(world.url).database
    async with running(world, connection, Role.NOTARY) as process:
        await opened(world, Kind.ACCESS)
        await until(lambda: is_numbered(world))
        await postgres_admin.execute(f"alter database {name} allow_connections false")
        await postgres_admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        await until(lambda: has_stumbled(world))
        await postgres_admin.execute(f"alter database {name} allow_connections true")
        await opened(world, Kind.ACCESS)
        await until(lambda: is_numbered(world))
        await stops_in_time(process)


async def has_stumbled(world: World) -> bool:
    return b"role.stumbled" in (world.folder / "roles.log").read_bytes()
