"""A home of its own for each test, and parents to kill."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from orchestrator.embedded.home import Home
from orchestrator.embedded.process import environment
from tests.integration.embedded import parent

Parent = Callable[..., Awaitable[tuple[Process, dict[str, int]]]]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with Home.opened(tmp_path / "home") as home:
        yield home


@pytest_asyncio.fixture(loop_scope="session")
async def a_parent(tmp_path: Path) -> AsyncIterator[Parent]:
    """Start a parent of a kind in a home of this test; returns it with the pids of its children, once they run."""
    started: list[Process] = []

    async def start(kind: str, env: Mapping[str, str] | None = None) -> tuple[Process, dict[str, int]]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", parent.__name__, kind, str(tmp_path / "home"), stdout=PIPE, env=environment(env)
        )
        started.append(process)
        assert process.stdout is not None
        pids: dict[str, int] = json.loads(await process.stdout.readline())
        return process, pids

    yield start
    for process in started:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
