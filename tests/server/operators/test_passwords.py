"""What a password has to be, and that nothing but its hash is kept."""
from __future__ import annotations

import pytest

from server.errors import BadArgument
from server.operators import passwords

GOOD = "a window over the yard"


def test_a_hash_says_how_it_was_made_and_fits_its_password_alone() -> None:
    stored = passwords.hashed(GOOD)
    assert stored.startswith("$argon2id$v=19$m=8,t=1,p=1$") and GOOD not in stored
    assert passwords.matches(GOOD, stored) and not passwords.matches(GOOD.upper(), stored)
    assert passwords.hashed(GOOD) != stored


def test_without_a_hash_nothing_matches() -> None:
    assert not passwords.matches("", "") and not passwords.matches(GOOD, "")


@pytest.mark.parametrize("password, why", [
    ("short", "12 to 1000 characters"), ("x" * 1001, "12 to 1000 characters"),
    ("Margaret.2026", "little more than the user's name"), ("abababababab", "repeats a few characters")])
def test_a_password_that_is_easily_guessed_is_refused(password: str, why: str) -> None:
    with pytest.raises(BadArgument, match=why):
        passwords.check(password, "margaret")


def test_a_password_may_contain_anything() -> None:
    for password in (GOOD, "ein Fenster über dem Hof", "窓から庭が見える家に住む人たち"):
        passwords.check(password, "margaret")
        assert passwords.matches(password, passwords.hashed(password))
