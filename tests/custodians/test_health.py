"""A worker's door: it tells a worker that lives from one that gets on, and stands on what the base install has."""

import asyncio
import socket
from dataclasses import dataclass

import httpx2
import pytest

from contracts.bus.letters import Brake, BrakePulled
from contracts.dead_letter import Refusal
from custodians.runner.health import STUCK_AFTER_S, Health

NOW = 1_000.0


@dataclass
class Reader:
    """A reader that is where a test puts it."""

    lag_seconds: float = 3.0
    last_progress: float = NOW


@dataclass
class Worker:
    """A worker with nothing to do."""

    draining: bool = False
    progress: tuple[object, ...] = ()


def a_door(reader: Reader | None = None, brake: Brake | None = None) -> Health:
    return Health(reader=reader or Reader(), worker=Worker(), brake=brake or Brake(), clock=lambda: NOW)


@pytest.mark.parametrize(
    ("path", "status"), [("/livez", "200 OK"), ("/readyz", "200 OK"), ("/metrics", "200 OK"), ("/", "404 Not Found")]
)
def test_there_are_three_things_to_ask_for(path: str, status: str) -> None:
    assert a_door().told(path)[0] == status


def test_a_worker_that_lives_and_reads_nothing_is_not_ready() -> None:
    door = a_door(Reader(last_progress=NOW - STUCK_AFTER_S - 1))
    assert (door.told("/livez")[0], door.told("/readyz")[0]) == ("200 OK", "503 Service Unavailable")


def test_a_brake_that_was_pulled_is_a_figure() -> None:
    brake = Brake(limit=1)
    with pytest.raises(BrakePulled):
        brake.check([Refusal.UNKNOWN_KEY] * 2, now=NOW)
    assert "dsar_worker_brake_pulled 0.0\n" in a_door().told("/metrics")[1]
    assert "dsar_worker_brake_pulled 1.0\n" in a_door(brake=brake).told("/metrics")[1]


async def test_it_speaks_http_and_survives_who_does_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serving = asyncio.create_task(a_door().serve("127.0.0.1", port))
    await asyncio.sleep(0)
    async with asyncio.timeout(5), httpx2.AsyncClient() as client:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except OSError:
                await asyncio.sleep(0.01)
        writer.write(b"\xff\n")
        writer.close()
        answer = await client.get(f"http://127.0.0.1:{port}/metrics")
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert (answer.status_code, "dsar_worker_lag_seconds 3.0" in answer.text) == (200, True)
