"""Reading what processes used: CPU seconds and memory, from /proc; statements and messages, from their services."""

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.bus.connection import Connection
from contracts.topics import Channel

TICKS: Final = os.sysconf("SC_CLK_TCK")
NOT_COUNTED: Final = ("begin", "commit", "rollback", "set ", "deallocate", "show")
STATEMENTS: Final = """
select d.datname as base, u.rolname as login, s.calls, s.total_exec_time + s.total_plan_time as ms, s.query
from pg_stat_statements s join pg_database d on d.oid = s.dbid join pg_roles u on u.oid = s.userid
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One line of /proc/PID/stat: who its parent is, and what it used, in seconds."""

    parent: int
    alone: float
    with_its_dead: float  # and the children that have ended


def processes() -> dict[int, Process]:
    """Every process of this machine."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            own, dead = (sum(int(each) for each in some) / TICKS for some in (fields[11:13], fields[13:15]))
            found[int(folder.name)] = Process(parent=int(fields[1]), alone=own, with_its_dead=own + dead)
    return found


def family(root: int, known: Mapping[int, Process]) -> list[int]:
    """*root* and all its descendants."""
    children = defaultdict(list)
    for pid, process in known.items():
        children[process.parent].append(pid)
    found, owed = [], [root]
    while owed:
        pid = owed.pop()
        found.append(pid)
        owed += children[pid]
    return found


def cpu_seconds(roots: Mapping[str, int], *, apart: Collection[int] = ()) -> dict[str, float]:
    """What each family has used since it began, without the processes of *apart*."""
    known = processes()
    return {
        name: sum(known[pid].with_its_dead for pid in family(root, known) if pid in known and pid not in apart)
        for name, root in roots.items()
    }


def peak_mb(pid: int) -> float:
    """The most memory that a process has had resident."""
    return _status(pid, "VmHWM") / 1024


def forget_peak(pid: int) -> None:
    """Let the peak begin anew from what is resident now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def pss_mb(pids: Iterable[int]) -> float:
    """What these processes hold together, shared pages divided among those that share them."""
    total = 0
    for pid in pids:
        try:
            rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += next((int(row.split()[1]) for row in rows if row.startswith("Pss:")), 0)
    return total / 1024


def _status(pid: int, name: str) -> int:
    rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith(f"{name}:"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One kind of statement: who ran it, how often, for how long."""

    base: str
    login: str
    calls: int
    ms: float
    text: str

    @property
    def is_work(self) -> bool:
        return not self.text.lower().startswith(NOT_COUNTED)


async def statements(owner: asyncpg.Connection) -> list[Statement]:
    """What the database server has run since `forget_statements`, the most expensive first."""
    rows = await owner.fetch(STATEMENTS)
    found = [
        Statement(base=row["base"], login=row["login"], calls=row["calls"], ms=row["ms"], text=row["query"])
        for row in rows
    ]
    return sorted(found, key=lambda each: -each.ms)


async def forget_statements(owner: asyncpg.Connection) -> None:
    await owner.execute("select pg_stat_statements_reset()")


async def messages(bus: Connection) -> dict[str, int]:
    """How many records each topic has had."""
    channels = (Channel.ACCESS, Channel.ERASURE, Channel.ANSWERS, Channel.DEAD_LETTERS)
    consumer = AIOKafkaConsumer(*map(bus.topic, channels), **bus.client_options(), group_id=None)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(
            [
                TopicPartition(topic, n)
                for topic in map(bus.topic, channels)
                for n in consumer.partitions_for_topic(topic)
            ]
        )
    finally:
        await consumer.stop()
    found: dict[str, int] = defaultdict(int)
    for partition, end in ends.items():
        found[partition.topic] += end
    return dict(found)


def own_seconds() -> float:
    """What this process has used itself, its children apart."""
    mine = os.times()
    return mine.user + mine.system
