"""Containers for the same start, where a Docker engine answers."""

import gc
import warnings

import pytest
from testcontainers.core.docker_client import DockerClient

from tests.integration import shared


@pytest.fixture(scope="session")
def docker_engine() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the client leaves its socket open when nobody answers
        reason = why_no_engine()
        gc.collect()
    shared.note_containers(f"skipped, {reason}" if reason else "ran")
    if reason:
        pytest.skip(reason)


def why_no_engine() -> str | None:
    try:
        DockerClient().client.ping()
    except Exception as error:  # noqa: BLE001 - whatever the client raises means that there is no engine for us
        return f"no Docker engine answers ({type(error).__name__})"
    return None
