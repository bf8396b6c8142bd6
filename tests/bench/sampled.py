"""`python -m tests.bench.sampled FILE MODULE:FUNCTION ARGS…`: run a program, and note where its CPU goes.

A sample every two milliseconds of CPU time, whatever thread used it; at SIGUSR2 they are written to FILE.1, then
FILE.2, and so on.
"""

import importlib
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Final

EVERY_S: Final = 0.002
ROOT: Final = str(Path(__file__).parents[2]) + "/"

_samples: Final = Counter[str]()


def _sample(_: int, frame: FrameType | None) -> None:
    stack = _stack(frame)
    if stack.count(";") < 2:  # the main thread only waits: it was another one
        main = threading.main_thread().ident
        others = [_stack(each) for ident, each in sys._current_frames().items() if ident != main]
        stack = max(others, key=len, default=stack) + ";(a thread)"
    _samples[stack] += 1


def _stack(frame: FrameType | None) -> str:
    found = []
    while frame is not None:
        code = frame.f_code
        file = code.co_filename.removeprefix(ROOT).rpartition("site-packages/")[2]
        if not file.startswith(("<frozen", "/usr/lib", "tests/bench/sampled")):
            found.append(f"{code.co_qualname} ({file})")
        frame = frame.f_back
    return ";".join(reversed(found))


def _write(file: str, numbers: Iterator[int]) -> None:
    rows = [f"{stack} {count}\n" for stack, count in _samples.items()]
    _samples.clear()
    Path(f"{file}.{next(numbers)}").write_text("".join(rows), encoding="utf-8")


def main() -> None:
    file, program, *arguments = sys.argv[1:]
    numbers = count(1)
    signal.signal(signal.SIGPROF, _sample)
    signal.signal(signal.SIGUSR2, lambda *_: _write(file, numbers))
    signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
    module, _, function = program.partition(":")
    sys.argv = [module, *arguments]
    getattr(importlib.import_module(module), function)()


if __name__ == "__main__":
    main()
