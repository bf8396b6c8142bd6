"""Opening whichever custodian the settings name: a data map over a bundled one, or a class of one's own."""

import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml

from custodians.bundled.datamap import DataMap, parse
from custodians.runner.failures import NoSuchCustodian
from custodians.runner.settings import WorkerSettings
from custodians.sdk import Custodian, Declaration

# loaded when asked for: a team with a database need not install what reads Parquet
_BUNDLED: Final = {
    "sql": "custodians.bundled.sql:SqlCustodian",
    "objects": "custodians.bundled.objects:ObjectsCustodian",
}

Today = Callable[[], date]


def declaration_of(settings: WorkerSettings) -> Declaration:
    """Read what the custodian says of itself; raise `NoSuchCustodian` or `ValidationError`."""
    if settings.declaration is not None:
        return Declaration.model_validate(_yaml(settings.declaration))
    return data_map(settings.data_map or "")


def data_map(name: str) -> DataMap:
    """Read a data map from a file, or from the samples by its name."""
    path = Path(name).expanduser()
    if path.is_file():
        return parse(_yaml(path))
    sample = files("custodians.samples") / "maps" / f"{name}.yaml"
    if not sample.is_file():
        raise NoSuchCustodian(f"{name}: neither a file nor a sample")
    return parse(yaml.safe_load(sample.read_text()))


@asynccontextmanager
async def opened(settings: WorkerSettings, declaration: Declaration, today: Today) -> AsyncIterator[Custodian]:
    """Open the custodian over its store, and close it at the end."""
    store = settings.store.get_secret_value()
    if settings.plugin is None:
        async with over(declaration, store, today) as custodian:
            yield custodian
        return
    plugin = _named(settings.plugin)
    if not (isinstance(plugin, type) and issubclass(plugin, Custodian)):
        raise NoSuchCustodian(f"{settings.plugin}: not a custodian")
    async with plugin.opened(store) as custodian:
        yield custodian


def over(declaration: Declaration, store: str, today: Today) -> AbstractAsyncContextManager[Any]:
    """Open the bundled custodian that a data map is for."""
    bundled = _named(_BUNDLED[getattr(declaration, "store", "")])
    custodian: AbstractAsyncContextManager[Any] = bundled.over(declaration, store, today=today)
    return custodian


def _named(entry: str) -> Any:  # noqa: ANN401 -- whatever the module has under that name
    module, _, name = entry.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise NoSuchCustodian(f"{entry}: {type(error).__name__}") from error


def _yaml(path: Path) -> Any:  # noqa: ANN401 -- judged by the model that reads it
    try:
        return yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise NoSuchCustodian(f"{path}: {type(error).__name__}") from error
