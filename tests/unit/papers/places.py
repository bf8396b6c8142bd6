"""Where the papers lie, and how a generated block is found in one."""

import re
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
README: Final = ROOT / "README.md"
SECURITY: Final = ROOT / "SECURITY.md"
COMPOSE: Final = ROOT / "docker-compose.yml"
PRODUCTION: Final = ROOT / "docs" / "production.md"
DECISIONS: Final = ROOT / "docs" / "decisions"
RUNBOOKS: Final = ROOT / "runbooks"


def tracked() -> list[Path]:
    """Every file that belongs to the project, by git; what is ignored or not added yet is not looked at."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    return [path for path in (ROOT / name for name in listed.split("\0") if name) if path.is_file()]


def papers() -> list[Path]:
    """Every Markdown file of the project, added or not."""
    beside = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *RUNBOOKS.rglob("*.md")]
    return sorted({*beside, *(each for each in tracked() if each.suffix == ".md")})


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _around(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {re.escape(name)}:[^>]*-->\n)(.*?)(<!-- /{re.escape(name)} -->)", re.DOTALL)


def block(name: str, paper: Path) -> str:
    """What stands between the markers of *name*."""
    found = _around(name).search(text(paper))
    assert found is not None, f"{paper.name} has no block {name}"
    return found[2].strip("\n")


def with_block(name: str, paper: Path, content: str) -> str:
    """The paper with *content* between the markers of *name*."""
    return _around(name).sub(lambda found: f"{found[1]}{content}\n{found[3]}", text(paper))
