"""What exposes each planted bug to the crash harness: which processes have it, what befalls them, how many ask."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tests.crash.options import CUSTODIAN, Kind, Options

ENGINE: Final = "engine"
ACCESS, ERASURE = "dispatcher_access", "dispatcher_erasure"
BREAKS: Final = (Kind.DATABASE_KILL, Kind.BACKENDS_ENDED, Kind.DATABASE_RESET)


def _few(
    mutants: Mapping[str, tuple[str, ...]],
    *kinds: Kind,
    requests: int = 20,
    faults: int = 6,
    minutes: float | None = None,
    failpoints: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> Options:
    return Options(
        requests=requests,
        custodians=4,
        faults=faults,
        minutes=minutes,
        kinds=kinds,
        mutants=mutants,
        failpoints=failpoints,
    )


SCENARIOS: Final[Mapping[str, Options]] = {
    "ack_before_effect": _few(
        {CUSTODIAN: ("ack_before_effect",)}, Kind.TERM_CUSTODIAN, failpoints={CUSTODIAN: ("worker.after_page:2",)}
    ),
    "no_ledger": _few({CUSTODIAN: ("no_ledger",)}, Kind.TOPIC_REPLAYED, Kind.KILL_CUSTODIAN),
    "ledger_remembers_failures": _few(
        {CUSTODIAN: ("ledger_remembers_failures",)},
        Kind.TERM_CUSTODIAN,
        failpoints={CUSTODIAN: ("worker.after_upload:2",)},
    ),
    "no_inbox": _few({ENGINE: ("no_inbox",)}, Kind.TOPIC_REPLAYED),
    "tailing_the_outbox": _few(
        {
            **dict.fromkeys((ACCESS, ERASURE), ("tailing_the_outbox",)),
            **dict.fromkeys(("api", ENGINE), ("slow_commits",)),
        },
        Kind.TERM_CUSTODIAN,
    ),
    # the column `version` alone would find two writers out, too: the lock is missed where that is gone as well
    "no_request_lock": _few(
        dict.fromkeys(("api", ENGINE, ACCESS, ERASURE), ("no_request_lock", "no_version_check")),
        Kind.DATABASE_SLOW,
        requests=30,
        faults=8,
    ),
    "offset_auto_commit": _few({ENGINE: ("offset_auto_commit",)}, *BREAKS, faults=8),
    "no_lease": _few(
        {ENGINE: ("no_lease",)},
        Kind.TERM_CUSTODIAN,
        failpoints={ACCESS: ("outbox.after_claim:3",), ERASURE: ("outbox.after_claim:3",)},
    ),
    "swallowed_internal_client_error": _few({ENGINE: ("swallowed_internal_client_error",)}, *BREAKS, faults=8),
    "numbers_from_memory": _few({"notary": ("numbers_from_memory", "slow_notary")}, Kind.BACKENDS_ENDED, faults=10),
    "approval_not_bound_to_plan": _few({ERASURE: ("approval_not_bound_to_plan",)}, Kind.IDENTIFIER_SLIPPED_IN),
    "host_clock": _few({ENGINE: ("host_clock",)}, Kind.TERM_CUSTODIAN),
    "dead_letter_dropped": _few({ENGINE: ("dead_letter_dropped",)}, Kind.RECORDS_SPOILED),
    "answer_accepted_after_close": _few(
        {ENGINE: ("answer_accepted_after_close",)}, Kind.FREEZE_CUSTODIAN, requests=30, faults=8
    ),
    "timer_reissue": _few(
        {ENGINE: ("timer_reissue",), ACCESS: ("short_leases",), ERASURE: ("short_leases",)},
        Kind.FREEZE_CUSTODIAN,
        requests=20,
        faults=16,
    ),
}
