"""Between the custodian's code and ours: what it gives is looked at before anything counts on it."""

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import date
from typing import Final

from contracts.answer import Answer
from contracts.identifiers import Identifier, IdentifierKind, MalformedIdentifier, identifier
from contracts.ids import DataClass
from custodians.runner.failures import BadPlugin, TooManyFound, UndeclaredClass, UndeclaredKind
from custodians.sdk import Custodian, Erase, Ground, Holding, Record, Retain, Subject

MOST_FOUND: Final = next(
    each.max_length for each in Answer.model_fields["found"].metadata if hasattr(each, "max_length")
)


@asynccontextmanager
async def records(
    custodian: Custodian, subject: Subject, declared: Collection[DataClass]
) -> AsyncIterator[AsyncIterator[Record]]:
    """What `collect` gives, looked at one by one; left, the custodian's own clean-up has run."""
    source = _stream(custodian.collect(subject))
    try:
        yield _checked_records(source, declared)
    finally:
        await _close(source)


@asynccontextmanager
async def holdings(
    custodian: Custodian, subject: Subject, declared: Collection[DataClass]
) -> AsyncIterator[AsyncIterator[Holding]]:
    """What `find` gives, looked at one by one; left, the custodian's own clean-up has run."""
    reads = custodian.collect if type(custodian).find is Custodian.find else custodian.find  # not one inside the other
    source = _stream(reads(subject))
    try:
        yield _checked_holdings(source, declared)
    finally:
        await _close(source)


async def found(custodian: Custodian, subject: Subject, provided: Collection[IdentifierKind]) -> tuple[Identifier, ...]:
    """What `resolve` gives, normalised, each once and sorted, without what was known before."""
    given = await custodian.resolve(subject)
    if not isinstance(given, Collection) or not all(_is_identifier(each) for each in given):
        raise BadPlugin
    new = {_normal(each) for each in given} - set(subject.identifiers)
    if any(each.kind not in provided for each in new):
        raise UndeclaredKind
    if len(new) > MOST_FOUND:
        raise TooManyFound
    return tuple(sorted(new, key=lambda each: (each.kind, each.value)))


def _normal(given: Identifier) -> Identifier:
    """Fold a value as everybody does. What does not fit its kind goes out as it is: the orchestrator counts it."""
    try:
        return identifier(given.kind, given.value)
    except MalformedIdentifier:
        return given


def _stream(given: object) -> AsyncIterator[object]:
    if inspect.iscoroutine(given):
        given.close()  # `async def collect` without a yield
    if not isinstance(given, AsyncIterator):
        raise BadPlugin
    return given


async def _close(source: AsyncIterator[object]) -> None:
    if isinstance(source, AsyncGenerator):
        await source.aclose()


async def _checked_records(source: AsyncIterator[object], declared: Collection[DataClass]) -> AsyncIterator[Record]:
    async for each in source:
        if not isinstance(each, Record) or not isinstance(each.fields, Mapping):
            raise BadPlugin
        _check(each, declared)
        yield each


async def _checked_holdings(source: AsyncIterator[object], declared: Collection[DataClass]) -> AsyncIterator[Holding]:
    async for each in source:
        if not isinstance(each, Holding):
            raise BadPlugin
        _check(each, declared)
        yield each


def _check(holding: Holding, declared: Collection[DataClass]) -> None:
    if not isinstance(holding.key, str | int) or not _is_fate(holding.fate):
        raise BadPlugin
    if holding.data_class not in declared:
        raise UndeclaredClass


def _is_fate(given: object) -> bool:
    match given:
        case Erase():
            return True
        case Retain(ground=Ground(), until=date()):
            return True
        case _:
            return False


def _is_identifier(given: object) -> bool:
    return isinstance(given, Identifier) and isinstance(given.kind, IdentifierKind) and isinstance(given.value, str)
