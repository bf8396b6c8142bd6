"""Planting a bug: one named function is replaced before the program starts; the product has no switch for it."""

import importlib
import inspect
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from types import ModuleType
from typing import Any, ClassVar, Final

PACKAGES: Final = ("contracts", "custodians", "orchestrator")

Function = Callable[..., Any]


class TargetGone(LookupError):
    """What was to be replaced is not there any more, or is called in another way: the bug would not be planted."""


class Bug(ABC):
    """Replaces one function. `planted` is called as the function is, and has the function itself as `original`."""

    name: ClassVar[str]
    target: ClassVar[str]  # module:qualified name

    def __init__(self, original: Function) -> None:
        self.original = original

    @abstractmethod
    def planted(self, *args: Any, **kwargs: Any) -> Any: ...  # noqa: ANN401 - as the target has it


@dataclass(frozen=True, slots=True)
class Target:
    """A function of the product, and what holds it."""

    holder: Any
    name: str
    function: Function

    def parameters(self, function: Function) -> Sequence[tuple[str, object, object]]:
        """How a function in this place is called, apart from what it is bound to."""
        found = [(each.name, each.kind, each.default) for each in inspect.signature(function).parameters.values()]
        return found[1:] if inspect.isclass(self.holder) else found

    def replaced(self, replacement: Function) -> tuple[tuple[Any, str], ...]:
        """Put *replacement* wherever the function is named; return where that is."""
        holders = ((self.holder, self.name), *_named(self.function))
        for holder, name in holders:
            setattr(holder, name, replacement)
        return holders


@dataclass(frozen=True, slots=True)
class Planted:
    """A bug in its place."""

    bug: type[Bug]
    was: Function
    now: Function
    holders: tuple[tuple[Any, str], ...]  # whatever named the function

    def remove(self) -> None:
        """Put the function back wherever it was."""
        for holder, name in self.holders:
            setattr(holder, name, self.was)


def find(target: str) -> Target:
    """Find a function by `module:qualified name`; raise `TargetGone`."""
    module, _, path = target.partition(":")
    *outer, name = path.split(".")
    try:
        holder: Any = importlib.import_module(module)
        for each in outer:
            holder = getattr(holder, each)
        function = vars(holder)[name]  # its own, not one that it inherits
    except (ImportError, AttributeError, KeyError):
        raise TargetGone(f"{target} is gone") from None
    if not inspect.isfunction(function):
        raise TargetGone(f"{target} is no function any more")
    return Target(holder, name, function)


def plant(bug: type[Bug]) -> Planted:
    """Replace the bug's target wherever it is named; raise `TargetGone`."""
    target = find(bug.target)
    planted = bug(target.function).planted
    parameters = target.parameters(planted)
    if parameters != target.parameters(target.function) or _is_async(planted) != _is_async(target.function):
        raise TargetGone(f"{bug.target} is called in another way than {bug.__name__} replaces it")
    replacement = _told(bug, target.function, planted)
    return Planted(bug, target.function, replacement, target.replaced(replacement))


def _is_async(function: Function) -> bool:
    return inspect.iscoroutinefunction(function)


def _named(function: Function) -> Iterator[tuple[ModuleType, str]]:
    """The modules of ours that have imported it by name already."""
    for path, module in list(sys.modules.items()):
        if path.partition(".")[0] in PACKAGES and module is not None:
            for name, value in list(vars(module).items()):
                if value is function:
                    yield module, name


def _told(bug: type[Bug], original: Function, planted: Function) -> Function:
    """The replacement, which says once that it was reached: a bug that nobody calls proves nothing."""
    reached: list[bool] = []

    def tell() -> None:
        if not reached:
            reached.append(True)
            say(f"{bug.name} reached")

    @wraps(original)
    async def later(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the target takes and gives
        tell()
        return await planted(*args, **kwargs)

    @wraps(original)
    def at_once(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the target takes and gives
        tell()
        return planted(*args, **kwargs)

    return later if _is_async(original) else at_once


_VOICE: Final = os.dup(2)  # the process's own, whoever captures what it writes later


def say(text: str) -> None:
    """Write a line that the harness may look for."""
    os.write(_VOICE, f"launch: {text}\n".encode())
