"""Messages: what they refuse to hold, so that no table and no page has to."""

import json
from datetime import date

import pytest
from pydantic import ValidationError

from contracts.answer import Answer, ClassAnswer, PartRef
from contracts.heartbeat import Heartbeat
from contracts.ids import DataClass
from contracts.manifest import Manifest
from contracts.results import Erased, Failed, Found, Level, NotFound, Retained
from tests.contracts.builders import a_heartbeat, an_answer


def reread(message: Answer | Heartbeat, **changes: object) -> Answer | Heartbeat:
    said = {**json.loads(message.to_bytes()), **changes}
    return type(message).model_validate_json(json.dumps(said), strict=True)


def part(n: int, data_class: str = "profile") -> PartRef:
    return PartRef(n=n, data_class=DataClass(data_class), digest="0" * 64, size=17)


def with_parts(*parts: PartRef) -> Answer:
    return Answer(**{**dict(an_answer()), "parts": parts})


@pytest.mark.parametrize("message", [an_answer(), a_heartbeat()])
def test_what_is_written_is_read_again(message: Answer | Heartbeat) -> None:
    assert reread(message) == message


@pytest.mark.parametrize(
    "changes",
    [
        {"checked": "a\u0000b"},
        {"checked": "a\nb"},
        {"worker": "crm\u0000"},
        {"manifest_hash": "a b"},
        {"custodian": "CRM"},
        {"custodian": "c\u0000"},
        {"issue_no": 0},
        {"issue_no": 2**31},
        {"duration_ms": 2**31},
        {"iat": 253402300800},
        {"found": ["not base64 !"]},
        {"found": ["a"] * 65},
        {"classes": [{"data_class": "p\u0000", "results": [{"kind": "not_found"}]}]},
        {"classes": [{"data_class": "profile", "results": [{"kind": "found", "count": 2**31}]}]},
        {"classes": [{"data_class": "profile", "results": [{"kind": "unaddressable", "kinds": []}]}]},
        {"classes": [{"data_class": "profile", "results": [{"kind": "waived"}]}]},
        {"classes": [{"data_class": "profile", "results": [{"kind": "erased", "count": 1}]}]},
        {"classes": [{"data_class": "profile", "results": []}]},
        {"classes": []},
        {"outcome": {"kind": "drifted"}},
        {"outcome": {"kind": "failed", "retryable": True, "error": "no such user: jane"}, "classes": []},
    ],
)
def test_an_answer_holds_nothing_that_a_table_would_refuse_or_nobody_may_say(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        reread(an_answer(), **changes)


@pytest.mark.parametrize("changes", [{"kids": ["x"]}, {"at": -1}, {"sdk": "\u0000"}, {"lag_seconds": 2**31}])
def test_a_heartbeat_holds_nothing_that_a_table_would_refuse(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        reread(a_heartbeat(), **changes)


def test_parts_are_numbered_without_a_gap_and_a_class_stands_together() -> None:
    assert len(with_parts(part(0), part(1), part(2, "orders")).parts) == 3
    for wrong in ([part(1)], [part(0), part(0)], [part(1), part(0)], [part(0), part(1, "orders"), part(2)]):
        with pytest.raises(ValidationError):
            with_parts(*wrong)


def test_a_class_is_answered_once_but_may_have_two_results() -> None:
    results = (Erased(count=5, level=Level.REWRITTEN), Retained(count=2, ground="A17LegallyRequired", until=date.max))
    both = ClassAnswer(data_class=DataClass("invoices"), results=results)
    assert Answer(**{**dict(an_answer()), "classes": (both,)}).classes[0].results == results
    with pytest.raises(ValidationError):
        Answer(**{**dict(an_answer()), "classes": (both, both)})


def test_an_answer_says_an_outcome_or_results_but_not_both() -> None:
    said = dict(an_answer())
    outcome = Failed(retryable=True, error="TryLater")
    assert Answer(**{**said, "classes": (), "outcome": outcome}).outcome == outcome
    with pytest.raises(ValidationError):
        Answer(**{**said, "outcome": outcome})


def test_a_refused_message_does_not_show_what_it_held() -> None:
    with pytest.raises(ValidationError) as refused:
        reread(an_answer(), checked="jane@example.org\n")
    assert "jane" not in str(refused.value)


def test_nothing_found_is_not_a_count_of_nothing() -> None:
    with pytest.raises(ValidationError):
        Found(count=0)
    assert NotFound().kind == "not_found"


@pytest.mark.parametrize("days", [-1, 36_501])
def test_a_lag_is_at_most_a_century(days: int) -> None:
    said = {"name": "profile", "label": "Profile", "physical_lag_days": days}
    manifest = {"id": "crm", "owner": "CRM team", "operations": [{"operation": "collect"}], "needs": ["email"]}
    with pytest.raises(ValidationError):
        Manifest.model_validate({**manifest, "classes": [said]})
