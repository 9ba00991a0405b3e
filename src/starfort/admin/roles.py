"""Roles and the principal: who asks, and with which right."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Role(StrEnum):
    """What somebody may do; each role may do all that the one before may."""

    VIEWER = "viewer"
    """Reads everything except accounts, the audit log and the configuration."""
    OPERATOR = "operator"
    """Also acknowledges alerts, mutes, and ends signals."""
    ADMIN = "admin"
    """Also manages accounts and everybody's tokens, and reads configuration and audit log."""

    def covers(self, needed: "Role") -> bool:
        """Whether this role may do what `needed` may."""
        return _RANK[self] >= _RANK[needed]


_RANK = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.ADMIN: 2}


def lower(left: Role, right: Role) -> Role:
    """The lesser of two roles: a token never outranks its owner."""
    # Roles are ordered, so one of the two always covers the other.
    return left if right.covers(left) else right


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller."""

    name: str
    """Account name."""
    role: Role
    """Effective role: the account's, or the lesser of account and token."""
    via: Literal["session", "token"]
    """How it authenticated; only sessions need CSRF protection."""
    csrf: str = ""
    """The session's CSRF token; empty for API tokens."""
    session_key: str = ""
    """Hash that identifies the session in the table; empty for API tokens."""
    theme: str = "auto"
    """`auto`, `light` or `dark`."""
    second_factor: bool = False
    """Whether the account has one; not told for API tokens."""
    must_enrol: bool = False
    """Whether the role needs a second factor that the account has not: until then nothing else is allowed."""
