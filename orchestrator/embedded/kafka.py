"""Apache Kafka itself, one node, on the loopback address only: broker and controller in one Java process."""

import asyncio
import base64
import os
import secrets
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from orchestrator.embedded.errors import EmbeddedError
from orchestrator.embedded.home import Home, write_private
from orchestrator.embedded.jars import default_repository, listed_jars, resolve_jars
from orchestrator.embedded.java import find_java
from orchestrator.embedded.ports import LOOPBACK
from orchestrator.embedded.process import Program, environment, run
from orchestrator.embedded.supervisor import Supervisor

NAME: Final = "kafka"
CONTROLLER: Final = "kafka-controller"
PATIENCE_S: Final = 2.0
ASK_METADATA: Final = struct.pack(">ihhihi", 14, 3, 1, 0, -1, 0)
"""The size of what follows; the request's number and version; no correlation, no client's name; and of no topic."""

JVM: Final = (
    "-Xms64m",
    "-Xmx192m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
)
SETTINGS: Final = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",  # topics are made by us, with their settings
    "num.partitions": "1",
    "default.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.retention.minutes": str(31 * 24 * 60),  # a group may be away for a month and keeps its place
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.dedupe.buffer.size": "4194304",  # the default, 128 MiB, does not fit into the heap
    "broker.session.timeout.ms": "3000",  # after a kill -9 the broker waits for its own old session to end
    "broker.heartbeat.interval.ms": "500",
    "num.network.threads": "2",
    "num.io.threads": "4",
}


async def start(supervisor: Supervisor) -> str:
    """Return the bootstrap address once the broker answers a request for metadata. The data survive kill -9."""
    home = supervisor.home
    java, jars = await asyncio.gather(find_java(), asyncio.to_thread(resolve_jars, listed_jars(), default_repository()))
    command = (java, *JVM, "-cp", os.pathsep.join(map(str, jars)))
    bootstrap = f"{LOOPBACK}:{home.port(NAME)}"
    properties = _configure(home)
    if not (_data(home) / "meta.properties").exists():
        await _format(home, command)
    await supervisor.start(_program(home, command, properties))
    home.announce(NAME, bootstrap)
    return bootstrap


def _program(home: Home, command: tuple[str, ...], properties: Path) -> Program:
    async def ready() -> bool:
        return await answers(home.port(NAME))

    return Program(
        name=NAME,
        argv=(*command, "kafka.Kafka", str(properties)),
        ports={NAME: home.port(NAME), CONTROLLER: home.port(CONTROLLER)},
        ready=ready,
        ready_within=60.0,
        grace=15.0,
    )


async def answers(port: int) -> bool:
    """Whether a broker answers a request for metadata and counts itself in; an open port is not enough."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await _brokers(port) > 0
    except (OSError, EOFError):
        return False


async def _brokers(port: int) -> int:
    """Ask how many there are; by hand, for the process that stays would hold a whole client for these bytes."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(ASK_METADATA)
        _size, _correlation, brokers = struct.unpack(">iii", await reader.readexactly(12))
    finally:
        writer.close()
    return int(brokers)


async def _format(home: Home, command: tuple[str, ...]) -> None:
    """Prepare the data folder beside its place and move it in: nothing half done is ever found there."""
    draft = _draft(home)
    if draft.exists():
        shutil.rmtree(draft)
    properties = home.folder(NAME) / "format.properties"
    write_private(properties, _text_of(_settings(home, draft)))
    cluster = base64.urlsafe_b64encode(b"\0" + secrets.token_bytes(15)).decode().rstrip("=")
    outcome = await run(
        (*command, "kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", str(properties)),
        env=environment(),
    )
    if outcome.code != 0:
        raise EmbeddedError(f"Kafka's storage tool ended with exit code {outcome.code}:\n{outcome.output}")
    draft.replace(_data(home))


def _configure(home: Home) -> Path:
    path = home.folder(NAME) / "server.properties"
    write_private(path, _text_of(_settings(home, _data(home))))
    return path


def _settings(home: Home, data: Path) -> dict[str, str]:
    listener, controller = f"{LOOPBACK}:{home.port(NAME)}", f"{LOOPBACK}:{home.port(CONTROLLER)}"
    return SETTINGS | {
        "listeners": f"PLAINTEXT://{listener},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{listener},CONTROLLER://{controller}",
        "controller.quorum.bootstrap.servers": controller,
        "log.dirs": str(data),
    }


def _text_of(settings: Mapping[str, str]) -> str:
    return "".join(f"{key}={_escaped(value)}\n" for key, value in settings.items())


def _escaped(value: str) -> str:
    r"""Java reads such a file as Latin-1, with \u escapes in UTF-16."""
    units = value.replace("\\", "\\\\").encode("utf-16-be")
    pairs = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(chr(unit) if chr(unit).isascii() else f"\\u{unit:04x}" for unit in pairs)


def _data(home: Home) -> Path:
    return home.folder(NAME) / "data"


def _draft(home: Home) -> Path:
    return home.folder(NAME) / "data.new"
