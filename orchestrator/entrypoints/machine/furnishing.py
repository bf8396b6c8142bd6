"""Furnishing a home: its keys and passwords, each made once, each readable by its owner only."""

import json
from base64 import b64encode
from collections.abc import Callable

import yaml

from contracts.command import Lane
from contracts.keys import SigningKey
from orchestrator.embedded.home import write_private
from orchestrator.entrypoints.machine.household import Household
from orchestrator.settings import Role, Settings
from orchestrator.vault.kms import FileKms

KEY_BYTES = 32
PASSWORD_BYTES = 24
TRUST_LIST = """\
# Whose signatures count under an erasure, two of them at a time. `dsar approver init` prints the lines to add here.
# [[approver]]
# staff = "st_…"
# public = "…"
"""


def furnish(household: Household, settings: Settings, secret: Callable[[int], bytes]) -> None:
    """Make what is missing; what is there stays as it is."""
    (household.root / "keys").mkdir(parents=True, exist_ok=True, mode=0o700)
    for kek in (settings.link_kek(), settings.reply_kek()):
        if not kek.exists():
            FileKms.create(kek, secret(KEY_BYTES))
    if not settings.blind_key().exists():
        settings.blind_key().touch(mode=0o600)
        settings.blind_key().write_bytes(secret(KEY_BYTES))
    for lane in Lane:
        if not settings.command_key(lane).exists():
            SigningKey.generate(secret(KEY_BYTES)).save(settings.command_key(lane))
    furnish_logins(household, secret)
    if not settings.approvers().exists():
        write_private(settings.approvers(), TRUST_LIST)
    _publish(household, settings)


def furnish_logins(household: Household, secret: Callable[[int], bytes]) -> None:
    """Make the passwords of the database logins, once."""
    household.logins.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not household.logins.exists():
        passwords = {role.login: secret(PASSWORD_BYTES).hex() for role in Role}
        write_private(household.logins, json.dumps(passwords))


def _publish(household: Household, settings: Settings) -> None:
    rows = [
        {"lane": lane.value, "public": b64encode(SigningKey.load(settings.command_key(lane)).public).decode()}
        for lane in Lane
    ]
    household.command_keys.write_text(yaml.safe_dump(rows), encoding="utf-8")
