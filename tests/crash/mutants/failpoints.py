"""Failpoints: a process kills itself at a named place, between two things that belong together."""

import inspect
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from tests.crash.mutants.planting import Function, TargetGone, find, say


@dataclass(frozen=True, slots=True, kw_only=True)
class Failpoint:
    """Before or after one function, the *nth* time that it is called."""

    target: str
    after: bool

    def plant(self, name: str, nth: int) -> None:
        """Have the process die there; raise `TargetGone`."""
        target = find(self.target)
        if not inspect.iscoroutinefunction(target.function):
            raise TargetGone(f"{self.target} is no coroutine function any more")
        target.replaced(self._deadly(name, nth, target.function))

    def _deadly(self, name: str, nth: int, original: Function) -> Function:
        calls = count(1)

        async def deadly(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the target takes and gives
            die = next(calls) == nth
            if die and not self.after:
                _die(name)
            result = await original(*args, **kwargs)
            if die:
                _die(name)
            return result

        return deadly


def _die(name: str) -> None:
    say(f"{name} reached")
    os.kill(os.getpid(), signal.SIGKILL)


FAILPOINTS: Final[Mapping[str, Failpoint]] = {
    # a custodian's worker
    "worker.after_accept": Failpoint(target="custodians.runner.ledger_sqlite:SqliteLedger.accept", after=True),
    "worker.after_take": Failpoint(target="custodians.runner.inbox:Inbox.take", after=True),
    "worker.after_upload": Failpoint(target="custodians.runner.upload:upload", after=True),
    "worker.after_plan": Failpoint(target="custodians.runner.ledger_sqlite:SqliteLedger.plan", after=True),
    "worker.after_effect": Failpoint(target="custodians.runner.ledger_sqlite:SqliteLedger.page_erased", after=False),
    "worker.after_page": Failpoint(target="custodians.runner.ledger_sqlite:SqliteLedger.page_erased", after=True),
    "worker.before_answer": Failpoint(target="custodians.runner.ledger_sqlite:SqliteLedger.finish", after=False),
    "worker.after_answer": Failpoint(target="custodians.runner.ledger_sqlite:SqliteLedger.finish", after=True),
    "worker.after_send": Failpoint(target="custodians.runner.ledger_sqlite:SqliteLedger.sent", after=False),
    # the orchestrator's roles
    "api.before_commit": Failpoint(target="orchestrator.store.cases:write", after=True),
    "engine.before_commit": Failpoint(target="orchestrator.flow.answers:record", after=True),
    "engine.after_commit": Failpoint(target="orchestrator.entrypoints.answers:Answers.handle", after=True),
    "clock.before_commit": Failpoint(target="orchestrator.flow.clock:pass_time", after=True),
    "outbox.after_claim": Failpoint(target="orchestrator.entrypoints.dispatcher:Dispatcher._compose", after=False),
    "outbox.after_send": Failpoint(target="orchestrator.flow.dispatch:confirm", after=False),
    "notary.before_commit": Failpoint(target="orchestrator.store.log:number", after=True),
}
"""By name: before or after what. After effect before ledger commit, after send before mark-sent, and so on."""


def plant_failpoint(asked: str) -> None:
    """Plant `NAME` or `NAME:N`, the Nth time; raise `TargetGone`, or `LookupError` for a name that is none."""
    name, _, nth = asked.partition(":")
    FAILPOINTS[name].plant(name, int(nth or 1))
