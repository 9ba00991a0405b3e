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


def check(password: str) -> None:
    """Refuse passwords that are too short or absurdly long.

    Raises:
        InvalidError: with the bounds; never with the password.
    """
    if len(password) < MIN_LENGTH:
        raise InvalidError(f"the password has {len(password)} characters; use at least {MIN_LENGTH}")
    if len(password.encode()) > MAX_BYTES:
        raise InvalidError(f"the password is longer than {MAX_BYTES} bytes")


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
    if len(password.encode()) > MAX_BYTES:
        password = ""
    try:
        matches = _HASHER.verify(stored if stored is not None else _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return matches and stored is not None


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with older parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


@cache
def _nobody() -> str:
    return _HASHER.hash(secrets.token_urlsafe(32))
