"""Fetching a file from Maven's repositories."""

from pathlib import Path

from jgo.maven import MavenContext


def fetch(group: str, artifact: str, version: str, folder: Path) -> Path:
    """Fetch one artifact into *folder*; return where it is."""
    found = MavenContext(repo_cache=folder).project(group, artifact).at_version(version).artifact()
    return Path(found.resolve())
