"""Erase commands, and what their answers say."""

from contracts.answer import Answer, ClassAnswer
from contracts.command import Operation
from contracts.ids import TaskId
from contracts.results import Erased
from tests.custodians.bench import LETTERS, OnBus, a_command


def the_results(answer_classes: tuple[ClassAnswer, ...]) -> dict[str, tuple[object, ...]]:
    return {each.data_class: each.results for each in answer_classes}


def erased(answer: Answer) -> int:
    return sum(result.count for each in answer.classes for result in each.results if isinstance(result, Erased))


def an_erase(issue: int = 1, preview: int = 3, *, task: TaskId | None = None, plan_hash: str | None = None) -> OnBus:
    return a_command(Operation.ERASE, issue=issue, preview={LETTERS: preview}, task=task, plan_hash=plan_hash)
