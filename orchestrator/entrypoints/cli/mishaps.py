"""What can go wrong on a machine, as a message and an exit code."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.embedded.errors import EmbeddedError, HomeInUse, StopRequested
from orchestrator.entrypoints.cli.codes import Code, Failed
from orchestrator.entrypoints.machine.errors import NotSetUp
from orchestrator.settings import BadSettings


@contextmanager
def in_words(*refusals: type[Exception]) -> Iterator[None]:
    """Tell what went wrong; *refusals* are the errors whose own message says which rule they go by."""
    try:
        yield
    except BadSettings as bad:
        raise Failed(Code.USAGE, str(bad)) from None
    except StopRequested:
        sys.exit(Code.OK)
    except HomeInUse as taken:
        raise Failed(Code.CONFLICT, str(taken)) from None
    except EmbeddedError as broken:
        raise Failed(Code.UNREACHABLE, str(broken)) from None
    except NotSetUp as broken:
        raise Failed(Code.UNREACHABLE if broken.code == Code.UNREACHABLE else Code.REFUSED, str(broken)) from None
    except refusals as refused:
        raise Failed(Code.REFUSED, str(refused)) from None
    except OSError as error:
        raise Failed(Code.UNREACHABLE, f"not reachable: {type(error).__name__}") from None
