"""What a request waits for: every state and every reason has its words, its mover and its next command."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest

from contracts.command import Operation
from contracts.ids import CustodianId, TaskId
from orchestrator.domain.hindrance import STATES, STUCK, Mover, WaitsFor, order
from orchestrator.domain.owing import CLOSE, SILENT_AFTER, UNTAKEN_AFTER, Asked, Heard, Queued, Surroundings
from orchestrator.domain.request import TRANSITIONS, Blocked, Kind, State
from orchestrator.domain.stops import EVERYWHERE, What
from orchestrator.domain.task import OPEN, TaskState
from orchestrator.domain.waiting import Facts, Why, why
from tests.unit.domain.builders import DAY, HOUR, NOW, REQUEST

CRM, SHOP = CustodianId("crm"), CustodianId("shop")
ENDED = {State.CLOSED, State.SHREDDED}
MINUTE = timedelta(minutes=1)
DUE = NOW.date() + timedelta(days=30)


def an_asking(
    state: TaskState = TaskState.ISSUED,
    operation: Operation = Operation.ERASE,
    *,
    custodian: CustodianId = CRM,
    error: str | None = None,
    wake_at: datetime | None = None,
    unsent_since: datetime | None = None,
) -> Asked:
    return Asked(
        task=TaskId(UUID(int=len(custodian))), custodian=custodian, operation=operation, state=state,
        since=NOW - MINUTE, error=error, wake_at=wake_at, unsent_since=unsent_since, issues=1,
        asked_at=None if state is TaskState.PLANNED else NOW - MINUTE,
    )  # fmt: skip


def told(
    *asked: Asked,
    kind: Kind = Kind.ERASURE,
    state: State = State.ERASING,
    heard: Mapping[CustodianId, Heard] | None = None,
    stopped: Mapping[tuple[str, What], datetime] | None = None,
    roles: frozenset[str] = frozenset(),
    kafka: bool | None = None,
    queued: Queued | None = None,
    blocked_by: Blocked | None = None,
    due: date = DUE,
) -> Why:
    facts = Facts(
        id=REQUEST, kind=kind, state=state, changed_at=NOW - HOUR, asked=asked, blocked_by=blocked_by, due=due,
        queued={each.task: queued for each in asked if queued is not None},
    )  # fmt: skip
    there = {CRM: Heard(last=NOW), SHOP: Heard(last=NOW)} if heard is None else heard
    around = Surroundings(heard=there, stopped=stopped or {}, roles=roles, kafka=kafka)
    return why(facts, around, at=NOW)


@pytest.mark.parametrize(("kind", "state"), [(kind, state) for kind in Kind for state in TRANSITIONS[kind]])
@pytest.mark.parametrize("asked", [(), (an_asking(),)], ids=["nobody asked", "somebody asked"])
def test_every_state_says_what_it_waits_for_and_what_to_do(kind: Kind, state: State, asked: tuple[Asked, ...]) -> None:
    said = told(*asked, kind=kind, state=state)
    assert said.says
    goes_on_by_itself = state in ENDED or state is State.GRACE
    assert (said.next_command is None) == (said.by is None) == goes_on_by_itself
    assert (said.whose_move is Mover.NOBODY) == (said.waits_for is WaitsFor.NOTHING) == (state in ENDED)


@pytest.mark.parametrize("reason", list(Blocked))
def test_every_reason_to_be_stuck_is_said(reason: Blocked) -> None:
    stopped = {(EVERYWHERE, What.ERASURE): NOW}
    proposed = {"phone": 2} if reason is Blocked.IDENTIFIERS else {}
    facts = Facts(
        id=REQUEST, kind=Kind.ACCESS, state=State.SEARCHING, changed_at=NOW, due=DUE, blocked_by=reason,
        proposed=proposed,
    )  # fmt: skip
    said = why(facts, Surroundings(stopped=stopped), at=NOW)
    assert (said.whose_move, said.says.split(":")[0]) == (Mover.STAFF, STUCK[reason].says.split(":")[0])


@pytest.mark.parametrize("state", sorted(OPEN | {TaskState.FAILED}))
def test_every_open_task_is_somebodys(state: TaskState) -> None:
    said = told(an_asking(state))
    assert "crm" in said.says
    assert said.waits_for not in {WaitsFor.STEP, WaitsFor.NOTHING}


def test_words_are_in_the_vocabulary_and_every_culprit_has_a_place_in_the_order() -> None:
    words = [*STATES.values(), *STUCK.values()]
    assert {each.waits_for for each in words} <= set(WaitsFor)
    assert order(told(an_asking())) > order(told(an_asking(TaskState.FAILED)))


@pytest.mark.parametrize(
    ("ago", "culprit"),
    [
        (SILENT_AFTER, WaitsFor.ANSWER),
        (SILENT_AFTER + timedelta(seconds=1), WaitsFor.SILENT),
        (None, WaitsFor.SILENT),
    ],
)
def test_three_heartbeats_missed_are_silence(ago: timedelta | None, culprit: WaitsFor) -> None:
    heard = {CRM: Heard(last=None if ago is None else NOW - ago)}
    assert told(an_asking(), heard=heard).waits_for is culprit


def test_an_erasure_is_never_offered_to_go_on_without_somebody() -> None:
    asked = an_asking(operation=Operation.PREVIEW)
    assert "release" not in (told(asked, state=State.SEARCHING, heard={}).next_command or "")


SILENT, BUSY = {CRM: Heard()}, {CRM: Heard(last=NOW)}
DRAINS = {CRM: Heard(last=NOW, taking=False)}


@pytest.mark.parametrize(
    ("there", "left", "in_part"),
    [
        (SILENT, CLOSE, True),
        (SILENT, -CLOSE, True),
        (SILENT, CLOSE + DAY, False),
        (DRAINS, CLOSE, False),
        (BUSY, CLOSE, False),
    ],
)
def test_a_gap_is_offered_only_where_somebody_is_away_and_the_due_date_close(
    there: Mapping[CustodianId, Heard], left: timedelta, in_part: bool
) -> None:
    asked = an_asking(operation=Operation.COLLECT)
    said = told(asked, kind=Kind.ACCESS, state=State.SEARCHING, heard=there, due=NOW.date() + left)
    without = f"dsar request release {REQUEST} --in-part --reason TEXT --dry-run"
    assert said.next_command == (without if in_part else "dsar custodians")


def test_a_lawful_erasure_in_grace_is_left_alone_and_says_how_it_is_stopped() -> None:
    said = told(state=State.GRACE)
    assert (said.next_command, said.by) == (None, None)
    assert "`dsar request cancel` stops it" in said.says


def test_an_access_whose_search_failed_in_one_place_waits_for_the_others_first() -> None:
    failed = an_asking(TaskState.FAILED, Operation.COLLECT, error="Broken")
    other = an_asking(operation=Operation.COLLECT, custodian=SHOP)
    said = told(failed, other, kind=Kind.ACCESS, state=State.SEARCHING)
    assert (said.waits_for, said.who) == (WaitsFor.ANSWER, "shop")
    assert [(each.waits_for, each.says.split(" (")[0]) for each in said.also] == [
        (WaitsFor.GAP, "crm could not collect")
    ]


def test_an_answer_that_no_state_waits_for_is_nobodys_debt() -> None:
    said = told(an_asking(operation=Operation.COLLECT), kind=Kind.ACCESS, state=State.REPORTING, heard={})
    assert (said.waits_for, said.owed) == (WaitsFor.REPORT, ())


def test_approvers_are_not_asked_before_what_they_would_sign_is_there() -> None:
    said = told(an_asking(operation=Operation.PREVIEW), state=State.AWAITING_APPROVAL)
    assert [said.waits_for, *(each.waits_for for each in said.also)] == [WaitsFor.ANSWER, WaitsFor.FIRST_APPROVAL]


@pytest.mark.parametrize(
    ("stopped", "culprit", "command"),
    [
        ((EVERYWHERE, What.ERASURE), WaitsFor.SWITCH, "dsar switch release"),
        (("crm", What.ERASURE), WaitsFor.SWITCH, "dsar switch release --custodian crm"),
        (("crm", What.COMMANDS), WaitsFor.PAUSED, "dsar custodians resume crm"),
        (("shop", What.ERASURE), WaitsFor.SENDING, None),
    ],
)
def test_what_we_hold_back_ourselves_is_said_with_the_way_to_let_it_go(
    stopped: tuple[str, What], culprit: WaitsFor, command: str | None
) -> None:
    said = told(an_asking(TaskState.PLANNED), stopped={stopped: NOW - HOUR})
    assert said.waits_for is culprit
    if command is not None:
        assert (said.next_command or "").startswith(command)
        assert said.since == NOW - HOUR


def test_what_has_left_is_held_back_by_nobody() -> None:
    assert told(an_asking(), stopped={(EVERYWHERE, What.ERASURE): NOW}).waits_for is WaitsFor.ANSWER


def test_an_intent_is_left_the_time_to_be_taken() -> None:
    asked = an_asking(TaskState.PLANNED)
    fresh = told(asked, queued=Queued(since=NOW - UNTAKEN_AFTER, before=3))
    old = told(asked, queued=Queued(since=NOW - UNTAKEN_AFTER - MINUTE, before=3))
    assert (fresh.waits_for, old.waits_for) == (WaitsFor.SENDING, WaitsFor.DISPATCHER)


def test_the_dispatcher_of_the_right_lane_is_blamed() -> None:
    queued = Queued(since=NOW - HOUR, before=0)
    said = told(an_asking(TaskState.PLANNED), queued=queued, roles=frozenset({"dispatcher_access"}))
    assert (said.who, said.says) == ("dispatcher_erasure", "the dispatcher_erasure does not run")


@pytest.mark.parametrize(
    ("kafka", "said"),
    [
        (None, "Kafka has not confirmed that it took the command"),
        (False, "Kafka does not answer: Kafka has not confirmed that it took the command"),
    ],
)
def test_an_unconfirmed_command_is_kafkas_after_five_seconds(kafka: bool | None, said: str) -> None:
    early = told(an_asking(unsent_since=NOW - timedelta(seconds=5)), kafka=kafka)
    late = told(an_asking(unsent_since=NOW - timedelta(seconds=6)), kafka=kafka)
    assert (early.waits_for, late.waits_for, late.says) == (WaitsFor.ANSWER, WaitsFor.KAFKA, said)


@pytest.mark.parametrize(("roles", "said"), [(frozenset({"engine"}), "has not come to it"), (frozenset(), "run")])
def test_an_alarm_that_nobody_heard_is_the_engines(roles: frozenset[str], said: str) -> None:
    told_ = told(an_asking(wake_at=NOW - 3 * MINUTE), roles=roles)
    assert (told_.waits_for, told_.who) == (WaitsFor.ENGINE, "engine")
    assert said in told_.says


def test_a_day_of_the_watch_is_waited_for() -> None:
    facts = Facts(id=REQUEST, kind=Kind.ERASURE, state=State.WATCHING, changed_at=NOW, due=DUE, wake_at=NOW + DAY)
    said = why(facts, Surroundings(), at=NOW)
    assert (said.waits_for, said.until) == (WaitsFor.WATCH, NOW + DAY)
