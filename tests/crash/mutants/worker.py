"""Bugs of a custodian's worker."""

from contracts.results import Failed, Rejected, TaskOutcome
from custodians.runner.attempt import Running
from custodians.runner.ledger import Decided, Ending, Row, State, Stored
from custodians.runner.orders import Order
from custodians.runner.work import Work
from tests.crash.mutants.planting import Bug


class AckBeforeEffect(Bug):
    """A page of the work list is ticked off, then erased: a kill in between leaves an effect that was only claimed."""

    name = "ack_before_effect"
    target = "custodians.runner.work:Work._erase_pages"

    async def planted(self, work: Work, row: Row, running: Running) -> None:
        running.done, running.of = row.erased_pages, row.pages
        for n in range(row.erased_pages, row.pages):
            page = await work._ledger.page(row.task_id, n)
            await work._ledger.page_erased(row.task_id, n)
            await work._custodian.erase(page)
            running.go_on()
            running.done = n + 1


class NoLedger(Bug):
    """Whatever comes is new."""

    name = "no_ledger"
    target = "custodians.runner.ledger:accept"

    def planted(self, row: Row | None, order: Order) -> Decided:  # noqa: ARG002 - as the target has it
        decided: Decided = self.original(None, order)
        return decided


class LedgerRemembersFailures(Bug):
    """An answer that says "try again" is remembered like a result, and given to whoever tries again."""

    name = "ledger_remembers_failures"
    target = "custodians.runner.ledger:finish"

    def planted(
        self, row: Row, order: Order, ending: Ending, outcome: TaskOutcome | None, answer: Stored
    ) -> Row | None:
        kept: Row | None = self.original(row, order, ending, outcome, answer)
        if kept is not None and ending is Ending.OPEN and isinstance(outcome, Failed | Rejected):
            return kept.model_copy(update={"state": State.DONE})
        return kept
