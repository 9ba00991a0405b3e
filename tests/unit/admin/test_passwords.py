"""Which passwords are accepted."""

import pytest

from starfort.admin import passwords
from starfort.admin.errors import InvalidError


@pytest.mark.parametrize(
    "password",
    ["password1234", "Password123!", "qwertyuiop12", "123456789012", "trustno1trustno1", "aaaaaaaaaaaaaaaa",
     "iloveyou1234", "letmeinletmein", "PASSWORD2024!", "abcdefghijkl", "administrator", "starfortstarfort",
     "annabelleann", "short", "x" * 300, "q1w2e3r4t5y6"],
)  # fmt: skip
def test_common_passwords_are_refused(password: str) -> None:
    """Lists of leaked passwords, keyboard rows, repetitions, and the account's own name."""
    with pytest.raises(InvalidError) as caught:
        passwords.check(password, "annabelle")
    assert password not in str(caught.value)


@pytest.mark.parametrize(
    "password",
    ["correct horse battery", "another long password", "Trepanation-7-okapi", "vier grüne Wörter am Montag",
     "日本語のとても長いパスワード", "k9 tz 4fq 88 lmv", "moth lamp river tuesday", "z" + "aB3$" * 5 + "kwpq9"],
)  # fmt: skip
def test_good_passwords_are_accepted(password: str) -> None:
    """Unrelated words, any script, any characters: no rule of composition."""
    passwords.check(password, "annabelle")


def test_generated_passwords_are_accepted() -> None:
    """The first administrator's password passes the check of its own account."""
    for _ in range(50):
        passwords.check(passwords.generate(), "admin")


def test_what_is_no_unicode_is_wrong_and_no_failure() -> None:
    """A lone surrogate is no password; verifying one says no."""
    assert not passwords.verify("\ud800" * 12, passwords.hash_password("correct horse battery"))
