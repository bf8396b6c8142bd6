"""One system for all tests of this folder that need one: started once, and never beside another one."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from tests.e2e.desk import Desk
from tests.e2e.program import Machine, up

SHARED = "machine"
FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that start a system of their own come first: the shared one stays up until the end."""
    ours = {item.nodeid: item for item in items if item.path.is_relative_to(FOLDER)}
    in_order = iter(sorted(ours.values(), key=lambda item: SHARED in getattr(item, "fixturenames", ())))
    items[:] = [next(in_order) if item.nodeid in ours else item for item in items]


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The system. Its custodian `recommendation-logs` runs only where a test asks for `everybody`."""
    home = tmp_path_factory.mktemp("e2e") / "home"
    with up(home, "--without", "recommendation-logs", DSAR_GRACE_SECONDS="0", DSAR_WATCH_DAYS="") as machine:
        yield machine


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def desk(machine: Machine) -> AsyncIterator[Desk]:
    async with httpx2.AsyncClient(base_url=machine.url, timeout=30.0) as client:
        yield await Desk.hired(machine, client)


@pytest.fixture
def everybody(machine: Machine) -> Iterator[None]:
    """The third custodian runs too."""
    machine.worker.start()
    yield
    machine.worker.stop()
