"""The homes of one machine: under which login its database is asked."""

import pytest
from sqlalchemy import make_url

from orchestrator.entrypoints.machine.household import logged_in

OWNER = "postgresql://owner:s%40cret@db.example.com:5433/dsar?sslmode=require"


def test_another_login_asks_the_same_server_in_the_same_way() -> None:
    assert logged_in(OWNER, "dsar_api", "abc") == "postgresql://dsar_api:abc@db.example.com:5433/dsar?sslmode=require"


def test_a_store_of_its_own_is_another_database_of_the_server() -> None:
    found = make_url(logged_in(OWNER, "sample", "abc", database="sample"))
    assert (found.username, found.database, found.query) == ("sample", "sample", {"sslmode": "require"})


@pytest.mark.parametrize("password", ["p@ss/w:rd?#", "grüße %41"])
def test_a_password_may_hold_any_character(password: str) -> None:
    found = make_url(logged_in("postgresql://localhost/dsar", "a login", password))
    assert (found.username, found.password, found.host) == ("a login", password, "localhost")
