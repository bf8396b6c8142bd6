"""The project's own source files, and how long what is in them is."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("contracts", "custodians", "orchestrator")
MIGRATIONS: Final = ROOT / "orchestrator" / "store" / "migrations" / "versions"

Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, order=True, slots=True)
class Length:
    """Something with a number of lines; they sort by it."""

    lines: int
    where: str


def product() -> list[Path]:
    """The modules of the three packages; migrations are history, and not rewritten to be beautiful."""
    found = [path for name in PACKAGES for path in (ROOT / name).rglob("*.py")]
    return sorted(path for path in found if MIGRATIONS not in path.parents)


def in_tests() -> list[Path]:
    return sorted((ROOT / "tests").rglob("*.py"))


def file_lengths(paths: list[Path]) -> list[Length]:
    return sorted(Length(len(path.read_text(encoding="utf-8").splitlines()), _named(path)) for path in paths)


def function_lengths(paths: list[Path]) -> list[Length]:
    """From `def` to the last line, docstring included, decorators not."""
    return sorted(
        Length((each.end_lineno or each.lineno) - each.lineno + 1, f"{_named(path)}: {each.name}")
        for path in paths
        for each in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def at_share(lengths: list[Length], share: float) -> int:
    """The length that *share* of them do not exceed."""
    return lengths[round(share * (len(lengths) - 1))].lines


def undocumented(path: Path) -> Iterator[str]:
    """What is public in this module and says nothing of itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.name != "__init__.py" and ast.get_docstring(tree) is None:
        yield _named(path)
    for each in _public(tree):
        if ast.get_docstring(each) is None:
            yield f"{_named(path)}: {each.name}"


def _public(tree: ast.Module | ast.ClassDef) -> Iterator[Defined]:
    for each in tree.body:
        if isinstance(each, Defined) and not each.name.startswith("_"):
            yield each
            if isinstance(each, ast.ClassDef):
                yield from _public(each)


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
