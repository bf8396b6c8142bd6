"""Logs: lines of JSON that hold names, ids and counts. What is not on the list does not get out."""

import logging
import sys
import threading
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

ALLOWED: Final = frozenset(
    {
        "accepted", "again_in_s", "count", "custodian", "ended", "error", "event", "expired", "handed_back", "issue",
        "kind", "level", "limit", "logger", "operation", "outcome", "partitions", "place", "refusal", "refused",
        "seconds", "signal", "task", "timestamp", "unaddressed", "window_s", "worker",
    }
)  # fmt: skip


def configure(stream: TextIO = sys.stderr) -> None:
    """Send all logs of this process through the list, those of libraries by logger and level only."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            only_allowed,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_NamesOnly()], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda kind, _error, _trace: _uncaught(kind)
    sys.unraisablehook = lambda given: _uncaught(given.exc_type)
    threading.excepthook = lambda given: _uncaught(given.exc_type)


def only_allowed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop what is not on the list, and say how much was dropped."""
    kept = {name: value for name, value in event.items() if name in ALLOWED}
    if len(kept) < len(event):
        kept["dropped"] = len(event) - len(kept)
    return kept


def _uncaught(kind: type[BaseException]) -> None:
    """Python would print the error's text, and those of its causes."""
    structlog.get_logger().error("process.uncaught", error=kind.__name__)


class _NamesOnly(logging.Handler):
    """A library's message may quote what it works on; that it complained, and which one, may be told."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().warning("library.logged", logger=record.name, kind=record.levelname.lower())
