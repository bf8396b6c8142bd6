"""What a process says of its loops, and that a loop which lives but does not get on is told from one that does."""

from dataclasses import dataclass

from orchestrator.entrypoints.vitals import LONG_S, STUCK_AFTER_S, Vitals


@dataclass
class Reader:
    """A reader of the bus that is where a test puts it."""

    lag_seconds: float = 0.0
    last_progress: float = 0.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def figure(vitals: Vitals, name: str, loop: str) -> float | None:
    return vitals.registry.get_sample_value(name, {"loop": loop})


def test_a_loop_is_stuck_once_it_has_not_come_round_for_too_long() -> None:
    clock = Clock()
    vitals = Vitals(clock=clock)
    turned = vitals.work("clock")
    clock.now += STUCK_AFTER_S + 1
    before = vitals.stuck()
    turned(True)
    assert (before, vitals.stuck()) == (["clock"], [])
    assert figure(vitals, "dsar_last_progress_timestamp_seconds", "clock") == clock.now


def test_a_turn_that_failed_is_counted_and_is_no_progress() -> None:
    clock = Clock()
    vitals = Vitals(clock=clock)
    turned = vitals.work("notary")
    clock.now += STUCK_AFTER_S + 1
    turned(False)
    assert vitals.stuck() == ["notary"]
    assert figure(vitals, "dsar_stumbles_total", "notary") == 1


def test_a_report_of_a_million_records_is_not_taken_for_a_reporter_that_is_stuck() -> None:
    clock = Clock()
    vitals = Vitals(clock=clock)
    vitals.work("reporter", stuck_after_s=LONG_S)
    clock.now += 10 * STUCK_AFTER_S
    assert vitals.stuck() == []


def test_a_reader_that_lives_and_reads_nothing_is_stuck() -> None:
    clock, reader = Clock(), Reader(last_progress=1_000.0)
    vitals = Vitals(clock=clock)
    vitals.reader("answers", reader, brake_pulled=lambda: False)
    clock.now += STUCK_AFTER_S + 1
    assert vitals.stuck() == ["answers"]
    reader.last_progress = clock.now
    assert vitals.stuck() == []


def test_lag_and_brake_are_what_they_are_when_somebody_asks() -> None:
    pulled, reader = [False], Reader()
    vitals = Vitals(clock=Clock())
    vitals.reader("answers", reader, brake_pulled=lambda: pulled[0])
    before = figure(vitals, "dsar_consumer_lag_seconds", "answers"), figure(vitals, "dsar_brake_pulled", "answers")
    pulled[0], reader.lag_seconds = True, 40.0
    after = figure(vitals, "dsar_consumer_lag_seconds", "answers"), figure(vitals, "dsar_brake_pulled", "answers")
    assert (before, after) == ((0, 0), (40, 1))
