"""What can go wrong by rule, grouped by what the caller should do. No message holds personal data."""


class DsarError(Exception):
    """The root. *code* is stable: the API's problem type, the log's word and the CLI's exit code follow from it."""

    code = "error"


class RefusedByRule(DsarError):
    """Give up: a rule forbids it, and repeating it changes nothing."""

    code = "refused"


class InvalidInput(RefusedByRule):
    """What was sent cannot be right; the message says what is expected."""

    code = "invalid_input"


class Conflict(DsarError):
    """Look again: somebody else was faster, or the state does not allow it (any more)."""

    code = "conflict"


class NotFound(DsarError):
    """There is no such thing, or the caller may not know of it."""

    code = "not_found"


class IllegalTransition(Conflict):
    """The table has no such row for this state."""

    code = "wrong_state"


class StaleRequest(Conflict):
    """The row changed since it was read; nothing was written."""

    code = "stale"


class EffectWithoutEntry(DsarError):
    """A change without its log entry was about to be written: a defect of ours, never of a caller."""

    code = "effect_without_entry"


class Forbidden(RefusedByRule):
    """This person may not do this."""

    code = "forbidden"
