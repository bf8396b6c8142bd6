"""Children run until we end: they heal, they are reported, and none is left behind."""

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from orchestrator.embedded.errors import DiedAtStart, NotReady, StopRequested
from orchestrator.embedded.home import Home, Leftover
from orchestrator.embedded.identity import Identity, identify
from orchestrator.embedded.process import Condition, Outcome, Process, environment, polled
from orchestrator.embedded.supervisor import Death, Supervisor
from tests.integration.embedded.children import SLEEPER, a_program, gone, kill, said
from tests.integration.embedded.conftest import Parent


async def never() -> bool:
    return False


async def test_a_killed_child_is_reported_and_started_again(home: Home) -> None:
    deaths: list[Death] = []
    async with Supervisor(home, on_death=deaths.append) as supervisor:
        await supervisor.start(a_program("engine", ready=said(home.log("engine"), "awake")))
        first = supervisor.pids()["engine"]
        kill(first)
        await polled(another_pid(supervisor, "engine", first))
    assert [(death.name, death.pid, death.code, death.tail) for death in deaths] == [("engine", first, -9, "awake")]


async def test_the_way_out_leaves_no_child_and_no_record(home: Home) -> None:
    async with Supervisor(home) as supervisor:
        await supervisor.start(a_program("one"))
        await supervisor.start(a_program("two"))
        pids = supervisor.pids()
    assert [await identify(pid) for pid in pids.values()] == [None, None]
    assert home.leftovers == {}


async def test_higher_layers_are_stopped_before_lower_ones(home: Home, tmp_path: Path) -> None:
    order = tmp_path / "order"
    script = f"import atexit,os,signal; signal.signal(15, lambda *_: exit(0)); \
        atexit.register(lambda: open({str(order)!r}, 'a').write(os.environ['NAME'])); {SLEEPER}"
    async with Supervisor(home) as supervisor:
        for layer, name in enumerate(("a", "b", "c")):
            ready = said(home.log(name), "awake")
            await supervisor.start(a_program(name, script, env={"NAME": name}, ready=ready, layer=layer))
    assert order.read_text() == "cba"


async def test_a_child_that_ignores_the_signal_is_killed_after_its_grace(home: Home) -> None:
    script = f"import signal; signal.signal(15, signal.SIG_IGN); {SLEEPER}"
    async with Supervisor(home) as supervisor:
        await supervisor.start(a_program("deaf", script, ready=said(home.log("deaf"), "awake"), grace=0.2))
        pid = supervisor.pids()["deaf"]
    assert await identify(pid) is None


async def test_a_command_is_run_to_its_end(home: Home) -> None:
    async with Supervisor(home) as supervisor:
        ended = await supervisor.run((sys.executable, "-c", "print('no such thing'); exit(3)"), env=environment())
    assert ended == Outcome(code=3, output="no such thing\n")


async def test_a_command_is_ended_when_everything_is_to_end(home: Home) -> None:
    home.log("once").write_text("")
    script = f"import os; open({str(home.log('once'))!r}, 'w').write(f'awake {{os.getpid()}}'); {SLEEPER}"
    async with Supervisor(home) as supervisor:
        command = asyncio.create_task(supervisor.run((sys.executable, "-c", script), env=environment()))
        await polled(said(home.log("once"), "awake"))
        supervisor.request_stop()
        with pytest.raises(StopRequested):
            await command
    assert await identify(int(home.log("once").read_text().removeprefix("awake "))) is None


async def test_a_child_that_dies_at_its_start_shows_the_end_of_its_log(home: Home) -> None:
    home.log("broken").write_text("yesterday\n")
    async with Supervisor(home) as supervisor:
        with pytest.raises(DiedAtStart, match="exit code 3") as died:
            await supervisor.start(a_program("broken", "print('no such thing'); exit(3)", ready=never))
    assert "no such thing" in str(died.value)
    assert "yesterday" not in str(died.value)


async def test_a_child_that_does_not_answer_in_time_is_named(home: Home) -> None:
    async with Supervisor(home) as supervisor:
        with pytest.raises(NotReady, match="mute did not answer"):
            await supervisor.start(a_program("mute", ready=never, ready_within=0.2))


async def test_a_stop_during_a_start_ends_the_start(home: Home) -> None:
    async with Supervisor(home) as supervisor:
        asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGTERM)
        with pytest.raises(StopRequested):
            await supervisor.start(a_program(ready=never))


async def test_a_child_may_write_its_bytecode(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    async with Supervisor(home) as supervisor:
        script = f"import sys; print(sys.dont_write_bytecode); {SLEEPER}"
        await supervisor.start(a_program("writer", script, ready=said(home.log("writer"), "awake")))
    assert home.log("writer").read_text().startswith("False")


async def test_children_get_the_signal_when_their_parent_is_killed(a_parent: Parent) -> None:
    parent, pids = await a_parent("sleepers")
    kill(parent.pid)
    async with asyncio.timeout(2):
        await gone(*pids.values())


async def test_without_setpriv_children_get_the_signal_too(a_parent: Parent, tmp_path: Path) -> None:
    parent, pids = await a_parent("sleepers", env={"PATH": str(tmp_path)})
    kill(parent.pid)
    async with asyncio.timeout(2):
        await gone(*pids.values())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_parent_that_is_asked_to_stop_takes_its_children_along(
    a_parent: Parent, number: signal.Signals
) -> None:
    parent, pids = await a_parent("sleepers")
    parent.send_signal(number)
    assert await parent.wait() == 0
    assert [await identify(pid) for pid in pids.values()] == [None, None]


async def test_what_a_killed_parent_left_behind_is_stopped(home: Home) -> None:
    left = await Process.spawn(a_program("left"), home.log("left"))
    home.remember("left", Leftover(identity=left.identity, adopt=False))
    async with Supervisor(home):
        assert await identify(left.identity.pid) is None
    await left.wait()


async def test_a_process_that_only_bears_the_same_number_is_left_alone(home: Home) -> None:
    bystander = await Process.spawn(a_program(), home.log("bystander"))
    stranger = Identity(pid=bystander.identity.pid, began="long ago")
    home.remember("left", Leftover(identity=stranger, adopt=False))
    async with Supervisor(home):
        assert await bystander.identity.is_alive()
    await bystander.stop(first=signal.SIGTERM, grace=1)


async def test_a_leftover_that_answers_is_adopted_and_stopped_at_the_end(home: Home) -> None:
    program = a_program("store", ready=said(home.log("store"), "awake"), adopt=True)
    left = await Process.spawn(program, home.log("store"))
    home.remember("store", Leftover(identity=left.identity, adopt=True))
    await polled(said(home.log("store"), "awake"))
    async with Supervisor(home) as supervisor:
        await supervisor.start(program)
        assert supervisor.pids()["store"] == left.identity.pid
    assert await left.wait() == -signal.SIGTERM


async def test_children_are_refused_to_any_other_thread(home: Home) -> None:
    refusals: list[str] = []

    def elsewhere() -> None:
        try:
            asyncio.run(Process.spawn(a_program(), home.log("child")))
        except RuntimeError as error:
            refusals.append(str(error))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert refusals == ["children are started from the main thread only"]


def another_pid(supervisor: Supervisor, name: str, old: int) -> Condition:
    async def condition() -> bool:
        return supervisor.pids()[name] != old

    return condition
