"""One crash run: start the world, let people ask and the nemesis rage, heal, wait, replay everything, judge."""

import asyncio
import json
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2
from aiokafka.errors import KafkaError

from orchestrator.embedded.process import polled
from tests.crash import bus, evidence, letters
from tests.crash.case import Judgement
from tests.crash.deeds import COMMANDS
from tests.crash.journal import FILE, Journal
from tests.crash.judge import judge
from tests.crash.nemesis import Nemesis
from tests.crash.office import Office
from tests.crash.options import Kind, Options
from tests.crash.people import Person, people
from tests.crash.schedule import Fault, named, schedule
from tests.crash.telling import judge_silence
from tests.crash.world import World, world
from tests.e2e.desk import Desk
from tests.e2e.program import Machine

STUCK_AFTER_S: Final = 60.0
READ_WITHIN_S, READ_EACH_S = 60.0, 0.2
QUIET_S: Final = 1.0
POLL_S: Final = 0.2
LONGEST, PATIENCE_S = 4, 120.0
"""How many times its time a storm may last on a slow machine, and what is added to it."""
ARRIVALS: Final = 0.85
"""By this share of the time in which faults come, everybody has asked."""
EXPORTS: Final = 4
"""How often the log is taken away while it all happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came out of a run. It passed if nobody is guilty of anything."""

    options: Options
    judgement: Judgement
    faults: Sequence[Fault]
    done: dict[Kind, int]
    skipped: dict[tuple[Kind, str], int]
    outcomes: dict[str, int]
    recovery_s: Sequence[tuple[Kind, float]]  # to the first progress after each heal
    settled_s: float  # from the last heal until nothing was open, or nothing moved any more
    late_s: float  # by how much the schedule was stretched: this machine is slow
    took_s: float
    own_deaths: dict[str, int]
    late: Sequence[str]
    folder: Path | None  # if it was kept

    @property
    def passed(self) -> bool:
        return not self.judgement.guilty


def crash(options: Options) -> Verdict:
    """Do one run, from nothing to the verdict. Its folder is kept if it failed, or if that is asked for."""
    return asyncio.run(_until_told(options))


async def _until_told(options: Options) -> Verdict:
    """A run that is told to stop takes down what it has put up."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await crashed(options)


async def crashed(options: Options) -> Verdict:
    """The same, where a loop runs already."""
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"dsar-crash-{options.seed}-", dir=options.folder))
    verdict = await _run(options, folder)
    if verdict.folder is None:
        await asyncio.to_thread(shutil.rmtree, folder)
    return verdict


async def _run(options: Options, folder: Path) -> Verdict:
    began = time.monotonic()
    everybody, faults = people(options.seed, options.requests), schedule(options)
    async with world(folder / "home", options, everybody) as made, _office(made, folder) as office:
        nemesis = Nemesis(made)
        exports = await _weather(office, nemesis, everybody, faults)
        settled_s = await _settled(office)
        stuck = evidence.still_open(office)  # whatever the last replay may set going again
        all_read = await _replayed(made)
        exports.append(await _last_export(office))
        unkept = await letters.missing(made)
    seen = evidence.gathered(made, office, everybody, exports, stuck)
    judgement = judge(seen)
    judge_silence([json.loads(line) for line in exports[-1] if line], nemesis.spans, judgement)
    for place in unkept:
        judgement.charge("lost", f"the spoiled answer at {place} is not among the dead letters")
    if not all_read:
        judgement.charge("stuck", "when all was over custodians did not read every command once more")
    return Verdict(
        options=options,
        judgement=judgement,
        faults=faults,
        done=dict(nemesis.done),
        skipped=dict(nemesis.skipped),
        outcomes=evidence.outcomes(office),
        recovery_s=evidence.recoveries(exports[-1], nemesis.spans),
        settled_s=settled_s,
        late_s=nemesis.late_s,
        took_s=time.monotonic() - began,
        own_deaths={name: child.own_deaths for name, child in made.everybody.items() if child.own_deaths},
        late=made.late,
        folder=folder if judgement.guilty or options.keep else None,
    )


@asynccontextmanager
async def _office(made: World, folder: Path) -> AsyncIterator[Office]:
    """The office at work, and a shop that takes people back as customers."""

    async def came_back(person: Person) -> None:
        for number in range(made.options.custodians):
            shelf = made.shelf(number)
            shelf.put((key, person.email, person.customer, 2) for key in person.rows(number))
            shelf.close()

    async with httpx2.AsyncClient(base_url=made.url, timeout=30.0) as client:
        desk = await Desk.hired(Machine(home=made.home.root, token=made.token, started_s=0.0), client)
        office = Office(desk, Journal(folder / FILE), came_back)
        office.open_up()
        try:
            yield office
        finally:
            await office.close()


async def _weather(
    office: Office, nemesis: Nemesis, everybody: Sequence[Person], faults: Sequence[Fault]
) -> list[Sequence[bytes]]:
    """The storm: people ask, faults come, and now and then somebody takes the log away."""
    window_s = nemesis.world.options.window_s
    exports: list[Sequence[bytes]] = []

    async def take_away() -> None:
        for _ in range(EXPORTS):
            await asyncio.sleep(window_s / EXPORTS)
            exports.append(await office.export())

    with suppress(TimeoutError):  # a system that answers nobody is judged by what it has done until then
        async with asyncio.timeout(LONGEST * window_s + PATIENCE_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(office.take_in(everybody, within_s=window_s * ARRIVALS))
            tasks.create_task(nemesis.rage(faults))
            tasks.create_task(take_away())
    return exports


async def _settled(office: Office) -> float:
    """Wait until every request has ended, or nothing has moved for as long as that may take; how long it took."""
    began = moved_at = time.monotonic()
    before = office.progress

    async def ended_or_stuck() -> bool:
        nonlocal before, moved_at
        office.look_for_errors()
        if office.progress != before:
            before, moved_at = office.progress, time.monotonic()
        return not office.waiting or time.monotonic() - moved_at > STUCK_AFTER_S

    await polled(ended_or_stuck)
    return time.monotonic() - began


async def _replayed(made: World) -> bool:
    """When all is over every command comes once more, and nothing may happen; whether every custodian has read them."""
    groups = [named(each) for each in range(made.options.custodians)]

    async def all_read() -> bool:
        return not any([await _behind(made, group) for group in groups])

    try:
        async with asyncio.timeout(READ_WITHIN_S + READ_EACH_S * made.options.requests):
            for channel in COMMANDS:
                await bus.replay(made.bus.connection("crash-last-replay"), channel)
            await polled(all_read)
            await _quiet(made)
    except TimeoutError:
        return False
    return True


async def _behind(made: World, group: str) -> int:
    try:
        return await bus.behind(made.bus.connection("crash-lag"), group, COMMANDS)
    except KafkaError:
        return 1


async def _quiet(made: World) -> None:
    """Wait until no custodian has written a fact for a while."""
    seen, since = -1, time.monotonic()
    shelves = [made.shelf(each) for each in range(made.options.custodians)]
    while time.monotonic() - since < QUIET_S:
        facts = sum(shelf.last_fact() for shelf in shelves)
        if facts != seen:
            seen, since = facts, time.monotonic()
        await asyncio.sleep(POLL_S)
    for shelf in shelves:
        shelf.close()


async def _last_export(office: Office) -> Sequence[bytes]:
    """Take the log away once everything that happened is numbered: nothing is new but the export before."""
    lines: Sequence[bytes] = []

    async def at_rest() -> bool:
        nonlocal lines
        before, lines = len(lines), await office.export()
        return len(lines) == before + 1

    with suppress(TimeoutError):  # one that never comes to rest lacks what is looked for in it
        async with asyncio.timeout(PATIENCE_S):
            await polled(at_rest)
    return lines
