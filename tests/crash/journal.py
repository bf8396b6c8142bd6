"""The harness's own journal: what was asked of the system and what it said, in the order in which that happened."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

Line = dict[str, Any]
FILE: Final = "journal.jsonl"


@dataclass(slots=True)
class Journal:
    """Append-only. A line is written before something is asked and another when it is answered."""

    path: Path
    lines: list[Line] = field(default_factory=list)

    def note(self, what: str, **facts: object) -> None:
        line: Line = {"at": time.time(), "what": what, **facts}
        self.lines.append(line)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
