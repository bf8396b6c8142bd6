"""Due dates, against reference vectors computed by other tools."""

from datetime import date

import pytest

from orchestrator.domain.deadline import Regime, add_months, deadline, regime, zone
from orchestrator.domain.errors import InvalidInput


def days(*texts: str) -> frozenset[date]:
    return frozenset(map(date.fromisoformat, texts))


UK = days(
    "2026-04-03", "2026-04-06", "2026-05-04", "2026-05-25", "2026-08-31", "2026-12-25", "2026-12-28",
    "2027-01-01", "2028-04-14", "2028-04-17", "2028-05-01", "2028-05-29",
)  # fmt: skip
BERLIN = days(
    "2026-04-03", "2026-04-06", "2026-05-01", "2026-05-14", "2026-05-25", "2026-10-03", "2026-12-25", "2026-12-26",
    "2027-01-01",
)  # fmt: skip
IRELAND = days(
    "2026-02-02", "2026-03-17", "2026-04-06", "2026-05-04", "2026-06-01", "2026-08-03", "2026-10-26", "2026-12-25",
    "2026-12-26", "2027-01-01",
)  # fmt: skip
VECTORS = """
2026-03-05 2026-04-07 2026-04-07 2026-04-07 2026-06-05
2026-03-03 2026-04-07 2026-04-07 2026-04-03 2026-06-03
2026-08-31 2026-09-30 2026-09-30 2026-09-30 2026-11-30
2026-01-31 2026-03-02 2026-03-02 2026-03-02 2026-04-30
2028-01-31 2028-02-29 2028-02-29 2028-02-29 2028-05-02
2026-11-25 2026-12-29 2026-12-28 2026-12-28 2027-02-25
"""
ROWS = [[date.fromisoformat(each) for each in line.split()] for line in VECTORS.strip().splitlines()]


def law(holidays: frozenset[date]) -> Regime:
    return Regime(regime="x", version="1", zone="Europe/Brussels", respond_months=1, extend_months=2, holidays=holidays)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_due_dates_agree_with_the_reference_vectors(row: list[date]) -> None:
    received, uk, berlin, ireland, _ = row
    assert deadline(law(UK), received).due == uk
    assert deadline(law(BERLIN), received).due == berlin
    assert deadline(law(IRELAND), received).due == ireland


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_an_extension_counts_all_its_months_once_from_the_start(row: list[date]) -> None:
    assert deadline(law(UK), row[0], extended=True).due == row[4]


def test_one_month_and_then_two_would_be_another_date() -> None:
    start = date(2026, 1, 31)
    assert add_months(add_months(start, 1), 2) == date(2026, 4, 28)
    assert add_months(start, 3) == date(2026, 4, 30)


def test_months_carry_over_the_end_of_a_year() -> None:
    assert add_months(date(2026, 12, 31), 2) == date(2027, 2, 28)
    assert add_months(date(2026, 11, 30), 1) == date(2026, 12, 30)


def test_a_date_comes_with_its_derivation_in_words() -> None:
    moved = deadline(law(BERLIN), date(2026, 3, 5))
    assert moved.trace == (
        "received 2026-03-05",
        "+ 1 month(s) = Sun 2026-04-05",
        "not a working day: moved to Tue 2026-04-07",
    )
    assert len(deadline(law(BERLIN), date(2026, 3, 9)).trace) == 2


def test_the_shipped_regime_is_one_month_and_two_more() -> None:
    gdpr = regime("eu_gdpr")
    assert (gdpr.respond_months, gdpr.extend_months, str(zone(gdpr))) == (1, 2, "Europe/Brussels")


def test_an_unknown_regime_names_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="eu_gdpr"):
        regime("atlantis")
