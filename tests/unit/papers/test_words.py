"""The project speaks of itself alone: no numbers of tickets, no paths of one machine, no hosts but public standards."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.unit.papers.places import ROOT, papers, tracked

LOCK: Final = "uv.lock"
FOREIGN: Final = re.compile(
    r"(?i)"
    r"\bissues? ?#\d|\bsee issue \d|\bticket ?#?\d|\(#\d+\)"  # numbers of tickets
    r"|\.\./shar[e]d|(?<![\w/.])/wor[k]/|/tmp/pla[n]\b"  # paths of one machine
    r"|\bprotoco[l]\.md|\bDESIG[N]\.md|\bhouse-styl[e]\b"  # papers that are not here
)
HOST: Final = re.compile(r"\bhttps?://([A-Za-z0-9.-]+)")
PUBLIC: Final = re.compile(
    r"^(127\.0\.0\.1|localhost|api|testserver|(.+\.)?(test|example)(\.(com|org|net))?"
    r"|json-schema\.org|www\.w3\.org|www\.apache\.org|www\.rfc-editor\.org|keepachangelog\.com|semver\.org)$"
)


def _texts() -> list[Path]:
    found = {*tracked(), *papers(), *(ROOT / name for name in ("Dockerfile", "docker-compose.yml"))}
    return sorted(each for each in found if each.name != LOCK and b"\0" not in each.read_bytes())


TEXTS: Final = _texts()


def _lines(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{n}: {line.strip()[:100]}"
        for path in TEXTS
        for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_file_speaks_of_the_workshop() -> None:
    assert _lines(FOREIGN) == []


def test_no_file_names_a_host_but_examples_and_standards() -> None:
    named = {
        (str(path.relative_to(ROOT)), host)
        for path in TEXTS
        for host in HOST.findall(path.read_text(encoding="utf-8"))
        if not PUBLIC.match(host.rstrip("."))
    }
    assert sorted(named) == []


@pytest.mark.parametrize(
    "said",
    ["see {}ue 12", "({}7)", "as ../sha{}/x says", "/wo{}/main/x", "proto{}.md, rule 3"],
)
def test_the_search_finds_what_it_is_for(said: str) -> None:
    missing = {"see": "iss", "(": "#", "as": "red", "/wo": "rk", "proto": "col"}  # so that it does not find itself
    whole = said.format(next(part for begin, part in missing.items() if said.startswith(begin)))
    assert FOREIGN.search(whole)
