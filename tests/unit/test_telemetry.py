"""Logs show what is allowed by name and shape; everything else is a type and a length."""

import io
import json
import logging
import sys
import threading
import warnings
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import structlog

from orchestrator import telemetry

CANARY = "jane.canary@example.com"


@pytest.fixture
def stream() -> io.StringIO:
    """Logs as a process of ours writes them."""
    target = io.StringIO()
    telemetry.configure("api", level="debug", stream=target)
    return target


def told(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_of_ours_shows_its_ids_and_counts(stream: io.StringIO) -> None:
    structlog.get_logger().info("result.recorded", request=UUID(int=1), count=3, kind="access")
    [line] = told(stream)
    assert (line["event"], line["role"], line["level"]) == ("result.recorded", "api", "info")
    assert (line["request"], line["count"], line["kind"]) == (str(UUID(int=1)), 3, "access")
    assert line["timestamp"].endswith("Z")


def test_a_key_that_is_not_allowed_is_shown_by_type_and_length(stream: io.StringIO) -> None:
    structlog.get_logger().info("a.b", email=CANARY, body={"a": CANARY}, raw=b"12")
    [line] = told(stream)
    assert (line["email"], line["body"], line["raw"]) == (f"<str:{len(CANARY)}>", "<dict:1>", "<bytes:2>")


@pytest.mark.parametrize(
    "value", [CANARY, "Jane Canary", "Straße", "x" * 201, {"a": CANARY}, [CANARY], (CANARY,), object()]
)
def test_an_allowed_key_shows_no_sentence_no_name_and_no_address(stream: io.StringIO, value: object) -> None:
    structlog.get_logger().info("a.b", request=value)
    assert "anary" not in stream.getvalue()
    assert "Straße" not in stream.getvalue()


@pytest.mark.parametrize("event", [f"opened for {CANARY}", CANARY, "Opened"])
def test_an_event_that_is_no_dotted_name_is_hidden(stream: io.StringIO, event: str) -> None:
    structlog.get_logger().info(event)
    [line] = told(stream)
    assert line["event"] == f"<str:{len(event)}>"


def test_a_librarys_text_is_never_shown_but_its_place_is(stream: io.StringIO) -> None:
    logging.Logger.manager.getLogger("some.library").error("could not send %s", CANARY, extra={"more": CANARY})
    [line] = told(stream)
    assert (line["event"], line["logger"], line["level"]) == ("library.logged", "some.library", "error")
    assert line["where"].startswith("test_telemetry:")
    assert "canary" not in stream.getvalue()


def test_a_library_that_brought_a_handler_of_its_own_loses_it(capsys: pytest.CaptureFixture[str]) -> None:
    noisy = logging.Logger.manager.getLogger("noisy.library")
    noisy.addHandler(logging.StreamHandler())
    noisy.propagate = False
    target = io.StringIO()
    telemetry.configure("api", stream=target)
    noisy.warning(CANARY)
    assert "library.logged" in target.getvalue()
    assert "canary" not in target.getvalue() + capsys.readouterr().err


def test_an_error_is_its_classes_and_the_places_it_passed(stream: io.StringIO) -> None:
    try:
        _fail()
    except RuntimeError:
        structlog.get_logger().exception("work.failed")
    [line] = told(stream)
    assert line["error"] == "RuntimeError<KeyError"
    assert line["frames"][-1].startswith("tests.unit.test_telemetry:_fail:")
    assert "canary" not in stream.getvalue()


def test_an_error_that_a_library_logs_is_told_the_same_way(stream: io.StringIO) -> None:
    try:
        _fail()
    except RuntimeError:
        logging.Logger.manager.getLogger("asyncio").exception(CANARY)
    [line] = told(stream)
    assert line["error"] == "RuntimeError<KeyError"
    assert "canary" not in stream.getvalue()


def _fail() -> None:
    secret = CANARY
    try:
        _ = dict.fromkeys(("x",))[secret]
    except KeyError as error:
        raise RuntimeError(f"no {secret}") from error


def test_what_nobody_caught_is_told_without_its_text(stream: io.StringIO) -> None:
    error = ValueError(CANARY)
    sys.excepthook(ValueError, error, None)
    thread = threading.Thread(target=_fail)
    thread.start()
    thread.join()
    assert [line["event"] for line in told(stream)] == ["process.uncaught", "process.uncaught"]
    assert "canary" not in stream.getvalue()


def test_a_warning_is_told_without_its_text(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(CANARY, stacklevel=1)
    assert [line["logger"] for line in told(stream)] == ["py.warnings"]
    assert "canary" not in stream.getvalue()


def test_times_and_nothing_are_shown(stream: io.StringIO) -> None:
    structlog.get_logger().info("a.b", due=datetime(2026, 1, 2, tzinfo=UTC), reason=None)
    [line] = told(stream)
    assert (line["due"], line["reason"]) == ("2026-01-02T00:00:00+00:00", None)


def test_below_the_level_nothing_is_written() -> None:
    target = io.StringIO()
    telemetry.configure("api", level="warning", stream=target)
    structlog.get_logger().info("a.b")
    assert target.getvalue() == ""
