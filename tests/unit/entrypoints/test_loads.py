"""What each process of one machine loads: memory is what it holds for as long as it runs."""

import subprocess
import sys
from collections.abc import Mapping

from orchestrator.entrypoints.cli.main import COMMANDS
from orchestrator.entrypoints.machine.system import PROGRAMS
from orchestrator.entrypoints.running import DOOR, MODULES
from orchestrator.settings import Role

API, REPORT, STORE = "orchestrator.entrypoints.api.app", "orchestrator.report.pages", "orchestrator.store.session"
WEB = "fastapi httpx2 jinja2 requests starlette uvicorn"
OTHERS = "aiokafka alembic cryptography faststream jgo obstore prometheus_client sqlalchemy"
HEAVY = {*WEB.split(), *OTHERS.split(), API, REPORT, STORE}
READS = {"faststream", "uvicorn"}
"""What reading from the bus needs; the second comes with the first."""
ROLE = {"aiokafka", "cryptography", "prometheus_client", "sqlalchemy", STORE}
LOADS: Mapping[str, set[str]] = {
    COMMANDS["up"].module: set(),
    "orchestrator.entrypoints.run": ROLE,
    MODULES[Role.DISPATCHER_ACCESS]: ROLE,
    MODULES[Role.ENGINE]: ROLE | READS,
    MODULES[Role.NOTARY]: ROLE,
    MODULES[Role.REPORTER]: ROLE | {"jinja2", "obstore", REPORT},
    MODULES[Role.API]: ROLE | {"fastapi", "obstore", "starlette", "uvicorn", API},
    DOOR: ROLE | {"starlette", "uvicorn"},
}
SCRIPT = "import sys, importlib\nimportlib.import_module(sys.argv[1])\nprint(*sys.modules)"


def loaded(*modules: str) -> dict[str, set[str]]:
    """What each of them loads, in a process of its own."""
    started = {
        each: subprocess.Popen([sys.executable, "-c", SCRIPT, each], stdout=subprocess.PIPE, text=True)
        for each in modules
    }
    return {each: set(child.communicate(timeout=100)[0].split()) & HEAVY for each, child in started.items()}


def test_a_process_loads_only_what_it_runs() -> None:
    assert loaded(*LOADS) == LOADS


def test_what_is_run_by_its_name_is_there() -> None:
    assert set(MODULES) == set(Role)
    assert all(loaded(*PROGRAMS).values())
