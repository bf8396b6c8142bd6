"""What every test run has: a folder for the services that its tests share, and a summary of the backends they met."""

import logging
import os
import sys
import threading
from collections.abc import Iterator

import pytest
import structlog

from tests.integration.shared import RUN_FOLDER, begin_run, end_run, summary_lines


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "containers: runs only where a Docker engine answers")
    if not is_worker(config):
        begin_run()


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """What a test configures of logging ends with it: a command that runs in this process takes all of it over."""
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    if not is_worker(config) and RUN_FOLDER in os.environ:
        end_run()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("backends")
    for line in summary_lines():
        terminalreporter.write_line(line)
