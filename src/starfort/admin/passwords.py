"""Password hashing and what a password must look like."""

import secrets
from functools import cache

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from starfort.admin.errors import InvalidError

MIN_LENGTH = 12
"""NIST SP 800-63B-4 section 3.1.1.2 asks for 15 where a password stands alone and 8 with a second factor;
12 lies between, since the dashboard listens on loopback by default and logins are limited."""

MAX_BYTES = 256
"""Hashing a longer one would only cost memory; SP 800-63B asks that at least 64 characters are possible."""

_HASHER = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=4, type=Type.ID)
"""RFC 9106 section 4, the second recommended option: argon2id, 64 MiB, 3 passes, 4 lanes."""


GUESSABLE = 3
"""zxcvbn's score from which a password is accepted: 3 means more than 10^8 guesses. Below lie the 30,000
most common passwords and what people make of them: with years, digits, capitals, keyboard rows."""
_LOOKED_AT = 72
"""Characters that are looked at: zxcvbn's work grows with the square, and no common password is longer."""


def check(password: str, *about: str) -> None:
    """Refuse passwords that are too short, absurdly long, or common.

    Args:
        password: as typed.
        about: words that a guesser would try first: the account's name.

    Raises:
        InvalidError: with what is wrong; never with the password.
    """
    if len(password) < MIN_LENGTH:
        raise InvalidError(f"the password has {len(password)} characters; use at least {MIN_LENGTH}")
    if not _can_be_hashed(password):
        raise InvalidError(f"the password is longer than {MAX_BYTES} bytes, or no Unicode text")
    # Imported here: its word lists take 0.1 s and a few megabytes that no start needs.
    from zxcvbn import zxcvbn  # noqa: PLC0415

    found = zxcvbn(password[:_LOOKED_AT], user_inputs=[*about, "starfort"])
    if found["score"] < GUESSABLE:
        warning = found["feedback"]["warning"].rstrip(".") or "It is close to a common password"
        raise InvalidError(
            f"the password is easy to guess: {warning[0].lower()}{warning[1:]}; use several unrelated words,"
            " or let a password manager make one"
        )


def generate() -> str:
    """A random password of 144 bits in 24 characters that can be typed and pasted."""
    return secrets.token_urlsafe(18)


def hash_password(password: str) -> str:
    """The argon2id hash with its salt and parameters, as the PHC string."""
    return _HASHER.hash(password)


def verify(password: str, stored: str | None) -> bool:
    """Whether the password is the one hashed.

    Args:
        password: as typed.
        stored: the account's hash, `None` for an unknown account; then a hash of nobody's password is
            verified instead, so that the answer takes as long.

    Returns:
        True only for the right password of a known account.
    """
    # The empty password is hashed instead, which takes as long as any other and is nobody's.
    if not _can_be_hashed(password):
        password = ""
    try:
        matches = _HASHER.verify(stored if stored is not None else _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    # Tested after hashing, so that an unknown account takes as long as a wrong password.
    return matches and stored is not None


def _can_be_hashed(password: str) -> bool:
    try:
        return len(password.encode()) <= MAX_BYTES
    except UnicodeEncodeError:  # a lone surrogate
        return False


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with older parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


@cache
def _nobody() -> str:
    return _HASHER.hash(secrets.token_urlsafe(32))
