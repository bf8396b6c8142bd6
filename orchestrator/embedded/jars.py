"""The files of Apache Kafka: fetched once into Maven's own cache, each used only if its SHA-256 is the listed one."""

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import structlog

from orchestrator.embedded.errors import Unavailable

LIST = "kafka-jars.txt"
MAVEN = "orchestrator.embedded.maven"
AT_ONCE = 8
TRIES = 2

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Jar:
    """One line of the list: which file, and what it has to be."""

    group: str
    artifact: str
    version: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    def path_in(self, repository: Path) -> Path:
        return repository.joinpath(*self.group.split("."), self.artifact, self.version, self.name)

    def is_intact(self, path: Path) -> bool:
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256


Fetch = Callable[[Jar, Path], Path]  # into an empty folder; where it put the file


@cache
def listed_jars() -> tuple[Jar, ...]:
    lines = files(__package__).joinpath(LIST).read_text().splitlines()
    return tuple(_jar(line) for line in lines)


def default_repository() -> Path:
    """Maven's cache, shared by everything on this machine: `M2_REPO`, else the usual folder."""
    return Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository")


def fetch_from_maven(jar: Jar, folder: Path) -> Path:
    """Fetch one file; what can do that is loaded for the first one, which on most days there is not."""
    path: Path = import_module(MAVEN).fetch(jar.group, jar.artifact, jar.version, folder)
    return path


def resolve_jars(jars: Sequence[Jar], repository: Path, fetch: Fetch = fetch_from_maven) -> tuple[Path, ...]:
    """Return the checked files, in the order of the list. What is missing or wrong is fetched; no network otherwise.

    Raises `Unavailable` with the names of the files that cannot be had, or that are wrong wherever they come from.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        intact = list(pool.map(lambda jar: jar.is_intact(jar.path_in(repository)), jars))
        missing = [jar for jar, good in zip(jars, intact, strict=True) if not good]
        if missing:
            logger.info("kafka.jars_fetched", files=len(missing), mebibytes=sum(jar.size for jar in missing) >> 20)
            _fetch_all(missing, repository, fetch, pool)
    return tuple(jar.path_in(repository) for jar in jars)


def _fetch_all(missing: Sequence[Jar], repository: Path, fetch: Fetch, pool: ThreadPoolExecutor) -> None:
    """Fetch beside the cache and move in what is right: nobody ever finds half a file there, or a wrong one of ours."""
    try:
        repository.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".dsar-", dir=repository) as folder:
            errand = _Errand(folder=Path(folder), repository=repository, fetch=fetch)
            problems = list(pool.map(errand.run, missing))
    except OSError as error:
        raise Unavailable(f"{repository} cannot be written to ({error.strerror}); set M2_REPO to a folder") from error
    found = {jar.name: problem for jar, problem in zip(missing, problems, strict=True) if problem is not None}
    if found:
        kinds = (f"{kind}: {', '.join(name for name in found if found[name] == kind)}" for kind in set(found.values()))
        raise Unavailable(
            f"Kafka cannot start; {'; '.join(kinds)}. Connect this machine once to have them fetched into {repository},"
            " or set DSAR_KAFKA_BOOTSTRAP to a broker of your own"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Errand:
    folder: Path
    repository: Path
    fetch: Fetch
    given_up: threading.Event = field(default_factory=threading.Event)  # no network: the others need not wait for it

    def run(self, jar: Jar) -> str | None:
        """Return what is wrong in the end, or nothing."""
        problem = "missing"
        for attempt in range(TRIES):
            if self.given_up.is_set():
                return "missing"
            try:
                path = self.fetch(jar, self.folder / f"{jar.name}.{attempt}")
            except (OSError, RuntimeError):  # no network, or not there
                problem = "missing"
                continue
            if jar.is_intact(path):
                self._move_in(jar, path)
                return None
            problem = "fetched with a wrong SHA-256"
        if problem == "missing":
            self.given_up.set()
        return problem

    def _move_in(self, jar: Jar, path: Path) -> None:
        target = jar.path_in(self.repository)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)


def _jar(line: str) -> Jar:
    coordinate, size, sha256 = line.split()
    group, artifact, version = coordinate.split(":")
    return Jar(group=group, artifact=artifact, version=version, size=int(size), sha256=sha256)
