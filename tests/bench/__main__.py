"""`python -m tests.bench`: the whole system under load; prints CPU seconds and ratios within one run."""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop

from orchestrator.embedded.home import Home
from tests.bench import table
from tests.bench.idling import idle
from tests.bench.parts import Bench
from tests.bench.stage import staged


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--requests", type=int, default=500, help="access requests, and as many erasures")
    parser.add_argument("--alone", type=int, default=20, help="requests of each kind driven one at a time")
    parser.add_argument("--in-a-row", type=int, default=0, metavar="N", help="then N access requests, by the hundred")
    parser.add_argument("--rows", type=int, nargs="*", default=[], help="then persons with so many rows each")
    parser.add_argument("--idle", action="store_true", help="then `dsar up` with nothing to do")
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--home", type=Path, help="kept afterwards, with logs and statements; else a new folder")
    parser.add_argument("--profile", action="store_true", help="keep where each role's CPU goes in the home, too")
    return parser.parse_args()


async def benchmark(home: Home, given: argparse.Namespace) -> None:
    async with staged(home, people=given.people, profile=given.profile) as stage:
        bench = Bench(stage, people=given.people, profile=given.profile)
        await bench.warm_up()
        parts = [
            await bench.many("access", "access", given.requests),
            await bench.many("two rounds", "access", given.requests, rounds=2),
            await bench.many("erasure", "erasure", given.requests),
        ]
        show(table.costs(parts))
        show(table.peaks(parts[-1]))
        for part in parts:
            table.keep_statements(home.root / f"statements-{part.name}.txt", part)
        if given.alone:
            show(table.latencies({kind: await bench.alone(kind, given.alone) for kind in ("access", "erasure")}))
        if given.in_a_row:
            show(table.row_of(await bench.in_a_row(given.in_a_row)))
        if given.rows:
            show(table.heavies([await bench.heavy(rows) for rows in given.rows]))


def show(rows: Sequence[table.Row]) -> None:
    print(table.in_columns(rows), end="\n\n", flush=True)  # noqa: T201 - this is what it is for


def main() -> None:
    given = options()
    with tempfile.TemporaryDirectory(prefix="dsar-bench-") as folder:
        with Home.opened(given.home or Path(folder) / "bench") as home:
            uvloop.run(benchmark(home, given))
        if given.idle:
            show(table.idles(idle(Path(folder))))


if __name__ == "__main__":
    main()
