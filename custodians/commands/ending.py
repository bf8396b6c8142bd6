"""Doing a command and knowing how it ended. Its module is loaded when it is done, and no other."""

from collections.abc import Callable
from importlib import import_module
from typing import Any


def code_of(command: str, call: Callable[[Any], int]) -> int:
    """Load what this command needs, have *call* do it, and return its code; an error is said in words."""
    try:
        return call(import_module(f"custodians.commands.{command}"))
    except Exception as error:  # noqa: BLE001 -- said in words
        code: int = import_module("custodians.commands.words").in_words(error)
        return code
