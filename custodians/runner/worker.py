"""The worker: takes accepted jobs in their order, some at once, and puts down what it cannot finish."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import structlog

from contracts.command import Operation
from contracts.heartbeat import Progress
from contracts.ids import CustodianId, TaskId
from contracts.keys import SealingKey
from contracts.manifest import Manifest
from contracts.results import Failed, Rejected, Rejection
from contracts.slices import SliceRefused, UnknownSealingKey
from custodians.runner.attempt import Running
from custodians.runner.ledger import Ledger
from custodians.runner.orders import Job, Order, reopen
from custodians.runner.reply import Replies
from custodians.runner.work import Conclusion, Work

log = structlog.get_logger()

MOST_WAITING: Final = 1_000
"""Jobs of one operation kept open in memory. The rest waits in the ledger, sealed."""

UNCLAIMED_AT_ONCE: Final = 10


class Worker:
    """Runs jobs, of each operation as many at once as the manifest allows, of each task one."""

    def __init__(
        self,
        work: Work,
        replies: Replies,
        ledger: Ledger,
        *,
        manifest: Manifest,
        keys: Mapping[str, SealingKey],
        tasks: asyncio.TaskGroup,
        clock: Callable[[], float],
    ) -> None:
        self._work = work
        self._replies = replies
        self._ledger = ledger
        self._custodian: CustodianId = manifest.id
        self._keys = keys
        self._tasks = tasks
        self._clock = clock
        self._at_once = {each.operation: each.max_in_flight for each in manifest.operations}
        self._waiting: dict[Operation, deque[Job]] = defaultdict(deque)
        self._running: dict[TaskId, tuple[Running, asyncio.Task[None]]] = {}
        self._busy: dict[Operation, int] = defaultdict(int)
        self._newer: dict[TaskId, Job] = {}
        self._left_behind: set[Operation] = set()
        self.draining = False

    @property
    def progress(self) -> tuple[Progress, ...]:
        """How far each running job is."""
        return tuple(Progress(task_id=each.task, done=each.done, of=each.of) for each, _ in self._running.values())

    def offer(self, jobs: Iterable[Job]) -> None:
        """Take jobs whose orders are in the ledger."""
        for job in jobs:
            operation = job.order.operation
            if len(self._waiting[operation]) >= MOST_WAITING:
                self._left_behind.add(operation)
            else:
                self._waiting[operation].append(job)
            self._fill(operation)

    async def resume(self) -> None:
        """Take up what an earlier life accepted and did not end, and tell what it still owes."""
        await self._replies.tell_ends()
        for operation in Operation:
            await self._refill(operation)

    async def drain(self, grace_s: float) -> None:
        """Start nothing more; let what runs end within *grace_s*, and put the rest down: the ledger has it."""
        self.draining = True
        running = [task for _, task in self._running.values()]
        if running:
            _, late = await asyncio.wait(running, timeout=grace_s)
            for task in late:
                task.cancel()
            log.info("worker.drained", ended=len(running) - len(late), handed_back=len(late))

    def _fill(self, operation: Operation) -> None:
        waiting, most = self._waiting[operation], self._at_once.get(operation, UNCLAIMED_AT_ONCE)
        while waiting and self._busy[operation] < most and not self.draining:
            self._start(waiting.popleft())

    def _start(self, job: Job) -> None:
        task = job.order.task_id
        if task in self._running:
            self._newer[task] = job  # after the one that runs
            return
        running = Running(task=task)
        self._busy[job.order.operation] += 1
        self._running[task] = running, self._tasks.create_task(self._run(job, running))

    async def _run(self, job: Job, running: Running) -> None:
        try:
            began = self._clock()
            conclusion = await self._work.carry_out(job, running)
            if conclusion is not None:
                await self._replies.conclude(job.order, conclusion, began=began)
        finally:
            self._ended(job)

    def _ended(self, job: Job) -> None:
        operation, task = job.order.operation, job.order.task_id
        del self._running[task]
        self._busy[operation] -= 1
        newer = self._newer.pop(task, None)
        if newer is not None:
            self._waiting[operation].appendleft(newer)
        self._fill(operation)
        if operation in self._left_behind and not self._waiting[operation] and not self.draining:
            self._tasks.create_task(self._refill(operation))

    async def _refill(self, operation: Operation) -> None:
        self._left_behind.discard(operation)
        limit = MOST_WAITING + len(self._running)
        orders = await self._ledger.due(operation, limit)
        if len(orders) == limit:
            self._left_behind.add(operation)
        known = {*self._running, *(job.order.task_id for job in self._waiting[operation])}
        for order in orders:
            if order.task_id not in known:
                await self._offer_again(order)

    async def _offer_again(self, order: Order) -> None:
        try:
            self.offer([reopen(order, self._custodian, self._keys)])
        except UnknownSealingKey:
            await self._give_back(order, Conclusion(outcome=Rejected(reason=Rejection.UNKNOWN_KEY)))
        except SliceRefused:
            await self._give_back(order, Conclusion(outcome=Failed(retryable=False, error="SliceRefused")))

    async def _give_back(self, order: Order, conclusion: Conclusion) -> None:
        await self._replies.conclude(order, conclusion, began=self._clock())
