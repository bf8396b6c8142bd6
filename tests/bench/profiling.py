"""Where the time goes, role by role: what each Python process has noted of itself, added up."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from signal import SIGUSR2
from time import sleep
from typing import Final

POLL_S: Final = 0.2
OURS: Final = ("orchestrator/", "contracts/", "custodians/")


@contextmanager
def profiled(pids: Mapping[str, int], folder: Path, part: str) -> Iterator[None]:
    """Keep what these processes, all started by `sampled`, use within the block: a file of stacks for each."""
    _written(pids, folder)
    yield
    for name, file in _written(pids, folder).items():
        file.rename(folder / f"{part}-{name}.folded")


def _written(pids: Mapping[str, int], folder: Path) -> dict[str, Path]:
    before = set(folder.iterdir())
    for pid in pids.values():
        os.kill(pid, SIGUSR2)
    while len(new := set(folder.iterdir()) - before) < len(pids):
        sleep(POLL_S)
    sleep(POLL_S)  # the last one is written to its end
    return {file.stem: file for file in new}


def hottest(folded: str, *, most: int = 12) -> str:
    """Where the samples of one process are: by themselves, and by what of ours they are under."""
    alone, under, total = Counter[str](), Counter[str](), 0
    for row in folded.splitlines():
        stack, _, count = row.rpartition(" ")
        frames = stack.split(";")
        total += int(count)
        alone[frames[-1]] += int(count)
        under.update({frame: int(count) for frame in {each for each in frames if any(name in each for name in OURS)}})
    told = [f"{total} samples; under ours:"]
    told += [f"  {100 * count / total:5.1f} %  {frame}" for frame, count in under.most_common(3 * most)]
    told += ["by themselves:"]
    told += [f"  {100 * count / total:5.1f} %  {frame}" for frame, count in alone.most_common(most)]
    return "\n".join(told)
