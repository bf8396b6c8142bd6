"""Which process a number means: a pid alone is given to somebody else after its owner has died."""

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

from pydantic import BaseModel, ConfigDict

LINUX = sys.platform == "linux"


class Identity(BaseModel):
    """A pid together with the moment at which its process began."""

    model_config = ConfigDict(frozen=True)

    pid: int
    began: str

    async def is_alive(self) -> bool:
        return await identify(self.pid) == self


async def identify(pid: int) -> Identity | None:
    """Return the identity of the process that runs under this number; none for a gone or dead one."""
    state, began = _from_proc(pid) if LINUX else await _from_ps(pid)
    return None if state in {"", "Z", "X"} else Identity(pid=pid, began=began)


def is_taken(pid: int) -> bool:
    """Whether the number is still given away: also to a process that is dead and that its parent has not collected."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _from_proc(pid: int) -> tuple[str, str]:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return "", ""
    fields = stat.rpartition(")")[2].split()  # the name may hold spaces and parentheses
    return fields[0], f"{boot} {fields[19]}"  # proc(5): 22nd field, clock ticks since boot


async def _from_ps(pid: int) -> tuple[str, str]:
    ps = shutil.which("ps") or "/bin/ps"
    process = await asyncio.create_subprocess_exec(
        ps, "-o", "stat=,lstart=", "-p", str(pid), stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL
    )
    output, _ = await process.communicate()
    state, _, began = output.decode().strip().partition(" ")
    return state[:1], began.strip()
