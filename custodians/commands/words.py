"""What went wrong, in a line that quotes no value: the text of an error may hold a credential or a row."""

from collections.abc import Iterator

import yaml
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from contracts.keys import WrongKeyFile
from custodians.commands.codes import CONFLICT, NOT_FOUND, REFUSED, UNREACHABLE, USAGE, complain
from custodians.runner.failures import HomeInUse, NoSuchCustodian, name_of, place_of
from custodians.sdk import CustodianError


def in_words(error: Exception) -> int:
    """Say what is wrong, once for each error of a group, and return the code of the last."""
    code = REFUSED
    for each in _each(error):
        code = complain(*_said(each))
    return code


def _each(error: Exception) -> Iterator[Exception]:
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from _each(inner)
    else:
        yield error


def _said(error: Exception) -> tuple[str, int]:
    match error:
        case ValidationError() | yaml.YAMLError():
            said = f"settings: {_wrong(error)}", USAGE
        case ModuleNotFoundError():
            said = f"{error.name} is not installed: it comes with the extra [sql] or [objects]", REFUSED
        case WrongKeyFile() | NoSuchCustodian():
            said = str(error), NOT_FOUND
        case FileNotFoundError():
            said = f"not found: {error.filename}", NOT_FOUND
        case HomeInUse():
            said = str(error), CONFLICT
        case OSError() | KafkaError() | CustodianError():
            said = f"not reachable: {name_of(error)}", UNREACHABLE
        case _:
            said = f"failed: {name_of(error)} at {place_of(error)}", REFUSED
    return said


def _wrong(error: ValidationError | yaml.YAMLError) -> str:
    if isinstance(error, yaml.YAMLError):
        return "not YAML"
    return ", ".join(sorted({".".join(map(str, each["loc"])) or each["msg"] for each in error.errors()}))
