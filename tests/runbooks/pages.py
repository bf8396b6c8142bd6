"""The pages as tests read them: their blocks of commands with what each must show, and the rules of their alerts."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.tour.guide import Step

FOLDER: Final = Path(__file__).parents[2] / "runbooks"
ALERTS: Final = FOLDER / "alerts.yml"
BLOCK: Final = re.compile(
    r"^```bash runbook-test=(?P<fault>[a-z-]+)\n(?P<commands>.*?)^```\n(?:```text\n(?P<shown>.*?)^```\n)?",
    re.DOTALL | re.MULTILINE,
)
SELECTOR: Final = re.compile(r"\b(dsar_\w+)(?:\{([^}]*)\})?")
MATCHER: Final = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
SAMPLE: Final = re.compile(r"^(dsar_\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
LABEL: Final = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A runbook."""

    name: str
    text: str

    @property
    def fault(self) -> str:
        """What is wrong when its blocks are run: one fault a page."""
        (fault,) = {found["fault"] for found in BLOCK.finditer(self.text)}
        return fault

    @property
    def steps(self) -> list[Step]:
        """Its blocks, in order."""
        found = BLOCK.finditer(self.text)
        return [Step(commands=each["commands"], shown=(each["shown"] or "").splitlines()) for each in found]

    @property
    def fences(self) -> int:
        """How many blocks of commands there are, tagged or not."""
        return len(re.findall(r"^```(?:bash|sh|console|shell)\b", self.text, re.MULTILINE))


def pages() -> list[Page]:
    """All of them."""
    return [Page(name=each.stem, text=each.read_text(encoding="utf-8")) for each in sorted(FOLDER.glob("Dsar*.md"))]


def rules() -> list[dict[str, Any]]:
    """All rules, in order."""
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric in an expression, with what its labels must be."""

    metric: str
    matchers: Sequence[tuple[str, str, str]]

    def takes(self, metric: str, labels: dict[str, str]) -> bool:
        """Whether a sample is meant."""
        return metric == self.metric and all(_holds(labels.get(name, ""), *rest) for name, *rest in self.matchers)


def _holds(value: str, operator: str, wanted: str) -> bool:
    fits = re.fullmatch(wanted, value) is not None if "~" in operator else value == wanted
    return fits is not operator.startswith("!")


def selectors(expression: str) -> Iterator[Selector]:
    """The metrics that an expression asks for."""
    for metric, matchers in SELECTOR.findall(expression):
        yield Selector(metric, [(name, operator, wanted) for name, operator, wanted in MATCHER.findall(matchers)])


def samples(told: str) -> list[tuple[str, dict[str, str], float]]:
    """What a scraper is told."""
    return [(metric, dict(LABEL.findall(labels)), float(value)) for metric, labels, value in SAMPLE.findall(told)]
