"""What catches each planted bug: the cheapest tests, named one by one, so that one that goes or weakens is missed."""

from collections.abc import Mapping
from typing import Final

_CUSTODIANS: Final = "tests/custodians"
_DOMAIN: Final = "tests/unit/domain"
_STORE: Final = "tests/integration/store"
_ROAD: Final = "tests/integration/road"

TESTS: Final[Mapping[str, str]] = {
    "ack_before_effect": (
        f"{_CUSTODIANS}/test_crashing.py::test_two_kills_anywhere_leave_one_effect_one_answer_and_its_counts"
    ),
    "no_ledger": (f"{_CUSTODIANS}/test_erasing.py::test_the_same_command_twice_is_one_effect_and_the_same_bytes"),
    "ledger_remembers_failures": (
        f"{_CUSTODIANS}/test_erasing.py::test_a_failure_is_not_remembered_as_the_answer_of_a_newer_issue"
    ),
    "no_inbox": (f"{_ROAD}/test_bad_answers.py::test_an_answer_that_comes_again_changes_nothing"),
    "tailing_the_outbox": (f"{_STORE}/test_concurrency.py::test_an_intent_that_commits_late_is_sent_all_the_same"),
    "no_request_lock": (
        f"{_STORE}/test_concurrency.py::test_the_last_two_answers_in_two_transactions_move_the_request_on_once"
    ),
    "offset_auto_commit": ("tests/integration/bus/test_reader.py::test_without_its_dead_letter_nothing_is_committed"),
    "no_lease": (
        f"{_DOMAIN}/test_ticking.py::test_a_sending_that_was_never_confirmed_gets_a_successor_after_five_seconds"
    ),
    "swallowed_internal_client_error": (
        f"{_ROAD}/test_broken_connections.py::"
        "test_a_batch_whose_connection_breaks_before_the_commit_is_taken_when_it_comes_again"
    ),
    "numbers_from_memory": (
        f"{_STORE}/test_notary.py::test_a_notary_whose_backend_is_killed_before_its_commit_has_numbered_nothing"
    ),
    "approval_not_bound_to_plan": (
        f"{_DOMAIN}/test_approval.py::test_signatures_fit_no_other_plan_than_the_one_that_is_sent"
    ),
    "host_clock": (f"{_STORE}/test_clock.py::test_a_transaction_goes_by_the_clock_of_the_database"),
    "dead_letter_dropped": (f"{_CUSTODIANS}/test_reading.py::test_one_bad_record_does_not_fail_its_batch"),
    "answer_accepted_after_close": (
        f"{_DOMAIN}/test_hearing.py::test_an_answer_after_the_close_is_logged_and_changes_nothing_else"
    ),
    "timer_reissue": (
        f"{_DOMAIN}/test_ticking.py::test_a_silent_custodian_is_never_asked_again_however_long_it_is_away"
    ),
}
