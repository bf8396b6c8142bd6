"""`dsar up` with nothing to do: what it holds and what it uses."""

from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from orchestrator.embedded.home import read_run
from tests.bench import meter
from tests.bench.figures import spent
from tests.e2e.program import up

SETTLED_AFTER_S: Final = 20.0
SERVICES: Final = frozenset({"postgres", "kafka"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """Shares are of one core."""

    own_mb: float
    own_share: float
    services_share: float


def idle(folder: Path, *, seconds: float = 30.0) -> Idle:
    """Start `dsar up` in a home of its own, let it settle, and look."""
    with up(folder / "home") as machine:
        sleep(SETTLED_AFTER_S)
        pids = {name: each.identity.pid for name, each in read_run(machine.home).processes.items()}
        program = meter.processes()[pids["orchestrator"]].parent
        before, began = _seconds(pids, program), monotonic()
        sleep(seconds)
        used, took = spent(before, _seconds(pids, program)), monotonic() - began
        known = meter.processes()
        own = [
            program,
            *(pid for name, root in pids.items() if name not in SERVICES for pid in meter.family(root, known)),
        ]
        return Idle(
            own_mb=meter.pss_mb(own),
            own_share=sum(each for name, each in used.items() if name not in SERVICES) / took,
            services_share=sum(each for name, each in used.items() if name in SERVICES) / took,
        )


def _seconds(pids: dict[str, int], program: int) -> dict[str, float]:
    used = meter.cpu_seconds(pids)
    return used | {"up": meter.processes()[program].alone}
