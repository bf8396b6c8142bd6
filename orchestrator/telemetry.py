"""Logs through which no personal data can pass: what is not allowed by its name is shown by its length alone."""

import logging
import re
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

ALLOWED: Final = frozenset({
    "event", "level", "timestamp", "role", "logger", "where", "error", "frames",
    "request", "task", "issue_no", "command", "custodian", "worker", "staff", "actor", "kid", "entry", "seq",
    "channel", "topic", "partition", "partitions", "offset", "lane", "group", "operation", "round", "kind", "state",
    "outcome", "refusal", "reason", "code", "method", "route", "status", "incident",
    "count", "n", "name", "size", "limit", "window_s", "seconds", "lag_s", "again_in_s", "attempt", "pid", "port",
    "signal", "entries", "intents", "answers", "fresh", "repeated", "late", "sent", "unconfirmed", "unsent", "dropped",
    "version", "due",
})  # fmt: skip
"""The keys that are shown: ids, counts, names of classes and of routes. A new key belongs here only if it is one."""

WORD: Final = re.compile(r"[A-Za-z0-9_.:/<>{}*-]{0,200}")
"""What a shown text may look like: no space and no @, so no sentence, no name and no address."""

CHAIN: Final = 5
"""How many errors behind an error are named."""

EVENT: Final = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
FOREIGN: Final = "library.logged"
LEVELS: Final[Mapping[str, int]] = logging.getLevelNamesMapping()


def configure(role: str, *, level: str = "info", stream: TextIO = sys.stderr) -> None:
    """Send every log of this process, of libraries too, to *stream* as lines of JSON; uncaught errors as well.

    Of a library's record only its logger, its place in the code and the classes of its error are shown: its text
    may hold anything.
    """
    shared: list[Processor] = [structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _foreign],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _with(role),
                errors_by_class,
                allow_listed,
                structlog.processors.JSONRenderer(sort_keys=True),
            ],
        )
    )
    _take_over(handler, LEVELS[level.upper()])


def _take_over(handler: logging.Handler, level: int) -> None:
    """Every logger that there is ends at *handler*: one with a handler of its own would print as it likes."""
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in list(logging.root.manager.loggerDict):
        logger = logging.root.manager.loggerDict[name]
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.propagate = True
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.get_logger("orchestrator").error("process.uncaught", exc_info=(kind, error, trace))


def _with(role: str) -> Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["role"] = role
        return event

    return add


def _foreign(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    record: logging.LogRecord = event["_record"]
    event.update(event=FOREIGN, logger=record.name, where=f"{record.module}:{record.funcName}:{record.lineno}")
    event.pop("positional_args", None)
    return event


def errors_by_class(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """An exception becomes the classes of its chain and the places that it passed: never its text, never a value."""
    info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    event.pop("exception", None)
    event.pop("stack_info", None)
    if isinstance(error, BaseException):
        event["error"] = "<".join(_chain(error))
        event["frames"] = frames(error)
    return event


def _chain(error: BaseException) -> list[str]:
    names: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(names) < CHAIN:
        names.append(type(seen).__name__)
        seen = seen.__cause__ or seen.__context__
    return names


def frames(error: BaseException, *, most: int = 12) -> list[str]:
    """Where *error* passed, innermost last."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{trace.tb_frame.f_globals.get('__name__', '?')}:{code.co_name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return places[-most:]


def allow_listed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace what is not allowed by its type and length."""
    shown = {key: _shown(value) if key in ALLOWED else hidden(value) for key, value in event.items()}
    name = event.get("event")
    shown["event"] = name if isinstance(name, str) and EVENT.fullmatch(name) else hidden(name)
    return shown


def _shown(value: object) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case str() if WORD.fullmatch(value):
            return str(value)
        case list() | tuple():
            return [_shown(each) for each in value]
        case _ if type(value).__name__ in {"UUID", "date", "datetime"}:
            return str(value).replace(" ", "T")
        case _:
            return hidden(value)


def hidden(value: object) -> str:
    """What is said of a value that may be personal."""
    size = len(value) if isinstance(value, str | bytes | list | tuple | dict | set | frozenset) else None
    return f"<{type(value).__name__}>" if size is None else f"<{type(value).__name__}:{size}>"
