"""What the benchmark prints."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Final

from tests.bench.figures import (
    BROKER,
    CLIENT,
    CUSTODIANS,
    DATABASE,
    counted,
    flatness,
    own_processes,
    own_shares,
    percentile,
)
from tests.bench.idling import Idle
from tests.bench.measuring import Measured
from tests.bench.parts import BLOCK, Heavy

Row = tuple[str, ...]
WINDOW: Final = 5  # blocks of a hundred
ROLES: Final = ("api", "engine", "dispatcher_access", "dispatcher_erasure", "reporter", "notary")


def costs(parts: Sequence[Measured]) -> list[Row]:
    """A column for each part that was measured."""
    return [
        ("", *(each.name for each in parts)),
        ("requests", *(str(each.count) for each in parts)),
        ("requests a second", *(f"{each.a_second:.1f}" for each in parts)),
        ("CPU a request, ms: all", *(f"{counted(each.cpu_ms):.1f}" for each in parts)),
        ("— own processes", *(f"{own_processes(each.cpu_ms):.1f}" for each in parts)),
        *((f"— — {role}", *(f"{each.cpu_ms[role]:.2f}" for each in parts)) for role in (*ROLES, CUSTODIANS)),
        *((f"— {name}", *(f"{each.cpu_ms[name]:.1f}" for each in parts)) for name in (BROKER, DATABASE)),
        ("(the benchmark's client)", *(f"{each.cpu_ms[CLIENT]:.1f}" for each in parts)),
        ("own time, share of the run: median", *(_share(each, 0.5) for each in parts)),
        ("own time, share of the run: p99", *(_share(each, 0.99) for each in parts)),
        ("statements a request", *(f"{sum(each.statements_each.values()):.1f}" for each in parts)),
        *(
            (f"— {login}", *(f"{each.statements_each.get(login, 0):.1f}" for each in parts))
            for login in sorted({login for each in parts for login in each.statements_each})
        ),
        ("messages a request", *(f"{sum(each.messages.values()):.2f}" for each in parts)),
    ]


def _share(part: Measured, share: float) -> str:
    return f"{100 * percentile(own_shares(part.spans), share):.0f} %"


def peaks(part: Measured) -> list[Row]:
    return [("peak memory, MB", ""), *((name, f"{mb:.0f}") for name, mb in part.peaks_mb.items())]


def latencies(seconds: Mapping[str, tuple[float, float]]) -> list[Row]:
    head = ("one alone, ms", "median", "longest")
    return [head, *((kind, *(f"{1000 * each:.0f}" for each in both)) for kind, both in seconds.items())]


def row_of(costs: Sequence[float]) -> list[Row]:
    window = min(WINDOW, len(costs) // 2)
    return [
        ("in a row", ""),
        ("requests", str(len(costs) * BLOCK)),
        ("CPU of the first, ms", f"{fmean(costs[1 : window + 1]):.1f}"),
        ("CPU of the last, ms", f"{fmean(costs[-window:]):.1f}"),
        ("the last against the first", f"{flatness(costs[1:], window=window):.2f}"),
    ]


def heavies(found: Sequence[Heavy]) -> list[Row]:
    return [
        ("a person with very many rows", *(f"{each.rows:,}" for each in found)),
        ("seconds", *(f"{each.seconds:.1f}" for each in found)),
        ("report, MB", *(f"{each.report_mb:.1f}" for each in found)),
        *((f"{name} grew by, MB", *(f"{each.grown_mb[name]:.0f}" for each in found)) for name in found[0].grown_mb),
    ]


def idles(found: Idle) -> list[Row]:
    return [
        ("`dsar up` with nothing to do", ""),
        ("own processes together, MB", f"{found.own_mb:.0f}"),
        ("own processes, share of a core", f"{found.own_share:.3f}"),
        ("broker and database, share of a core", f"{found.services_share:.3f}"),
    ]


def keep_statements(path: Path, part: Measured) -> None:
    """Write down what the database server did for a request, the most expensive first."""
    rows = [
        f"{each.ms / part.count:8.3f} ms {each.calls / part.count:6.2f} calls  {each.login:24} "
        + " ".join(each.text.split())[:300]
        for each in part.statements
    ]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def in_columns(rows: Sequence[Row]) -> str:
    """For people: the first column to the left, numbers to the right."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Row, widths: Sequence[int]) -> str:
    first, *rest = zip(row, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])
