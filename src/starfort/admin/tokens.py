"""API tokens: 256 random bits, shown once, stored as SHA-256.

A plain hash is enough because nobody can guess 256 random bits; the lookup by hash leaks no useful timing.
The fixed prefix lets secret scanners recognise a leaked token.
"""

import builtins
import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from starfort.admin import audit
from starfort.admin.accounts import find_user
from starfort.admin.audit import Actor
from starfort.admin.errors import ConflictError, InvalidError, NotFoundError
from starfort.admin.roles import Principal, Role, lower
from starfort.state.database import StateDatabase, now_ms, time_of
from starfort.state.tables import ApiToken, User

PREFIX = "sft_"
MAX_PER_USER = 100
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}")
_LENGTH = len(PREFIX) + 43
_TOUCH_MS = 60_000


@dataclass(frozen=True, slots=True)
class Token:
    """A token as lists show it."""

    id: int
    name: str
    owner: str
    role: Role
    hint: str
    """The first characters, to recognise it by."""
    created: datetime
    expires: datetime | None
    last_used: datetime | None


class Tokens:
    """The API tokens of one installation."""

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def create(
        self, owner: str, name: str, role: Role, expires: datetime | None, actor: Actor
    ) -> tuple[Token, str]:
        """Make a token.

        Args:
            owner: account that it belongs to and dies with.
            name: what it is for, unique for its owner.
            role: at most what it may do; never more than its owner may at the time of use.
            expires: when it ends; `None` for never.
            actor: who makes it.

        Returns:
            The token's description and its text, which is not kept.

        Raises:
            NotFoundError: no such account.
            InvalidError: name or expiry cannot be accepted.
            ConflictError: the name is taken or there are too many.
        """
        now = now_ms()
        _check(name, expires, now)
        text = PREFIX + secrets.token_urlsafe(32)
        with self._database.begin() as session:
            user = find_user(session, owner)
            self._check_room(session, user, name)
            row = ApiToken(
                user_id=user.id, name=name, sha256=_digest(text), hint=text[: len(PREFIX) + 4],
                role=role.value, created_ms=now,
                expires_ms=int(expires.timestamp() * 1000) if expires is not None else None, used_ms=None,
            )  # fmt: skip
            session.add(row)
            session.flush()
            audit.record(session, actor, "token.create", f"{owner}/{name}", f"role {role.value}")
            return _token(row, owner), text

    @staticmethod
    def _check_room(session: Session, user: User, name: str) -> None:
        mine = select(ApiToken).where(ApiToken.user_id == user.id)
        if session.scalar(mine.where(ApiToken.name == name)) is not None:
            raise ConflictError(f"{user.name!r} has a token {name!r} already")
        if (session.scalar(select(func.count()).select_from(mine.subquery())) or 0) >= MAX_PER_USER:
            raise ConflictError(f"{user.name!r} has {MAX_PER_USER} tokens, the most there can be: revoke one")

    def list(self, owner: str | None = None) -> builtins.list[Token]:
        """Tokens by owner and name; of one owner when given."""
        statement = select(ApiToken, User.name).join(User, User.id == ApiToken.user_id)
        if owner is not None:
            statement = statement.where(User.name == owner)
        with self._database.begin() as session:
            rows = session.execute(statement.order_by(User.name, ApiToken.name)).all()
            return [_token(row, name) for row, name in rows]

    def revoke(self, token_id: int, actor: Actor, owner: str | None = None) -> None:
        """End a token at once.

        Args:
            token_id: its number.
            actor: who does it.
            owner: only when it belongs to this account; `None` for any.

        Raises:
            NotFoundError: no such token (or not this owner's, which is not told apart).
        """
        with self._database.begin() as session:
            row = session.get(ApiToken, token_id)
            name = session.get_one(User, row.user_id).name if row is not None else ""
            if row is None or (owner is not None and name != owner):
                raise NotFoundError(f"there is no token {token_id}")
            session.delete(row)
            audit.record(session, actor, "token.revoke", f"{name}/{row.name}")

    def find(self, text: str) -> Principal | None:
        """Who a token's text belongs to; `None` when it is unknown or expired."""
        # Most wrong tokens are ended here, before the database is asked.
        if len(text) != _LENGTH or not text.startswith(PREFIX):
            return None
        now = now_ms()
        with self._database.begin() as session:
            row = session.scalar(select(ApiToken).where(ApiToken.sha256 == _digest(text)))
            if row is None or (row.expires_ms is not None and row.expires_ms <= now):
                return None
            # At most once a minute, since programs call many times a second.
            if row.used_ms is None or now - row.used_ms > _TOUCH_MS:
                row.used_ms = now
            # The owner's role is read at each use: a token loses rights in the moment its owner does.
            user = session.get_one(User, row.user_id)
            return Principal(name=user.name, role=lower(Role(row.role), Role(user.role)), via="token")


def _digest(text: str) -> str:
    # Not slow on purpose, as for passwords: 256 random bits cannot be guessed, and each call of a program
    # pays it.
    return hashlib.sha256(text.encode()).hexdigest()


def _check(name: str, expires: datetime | None, now: int) -> None:
    """Refuse a name or an expiry that a token cannot have.

    Raises:
        InvalidError: the message says what is expected.
    """
    if not NAME.fullmatch(name):
        raise InvalidError(
            "a token's name is 1 to 64 letters, digits, spaces or any of '._@-', "
            "beginning with a letter or digit"
        )
    if expires is not None and expires.timestamp() * 1000 <= now:
        raise InvalidError(f"the token would have expired at {expires.isoformat()}: give a time to come")


def _token(row: ApiToken, owner: str) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        owner=owner,
        role=Role(row.role),
        hint=row.hint,
        created=time_of(row.created_ms),
        expires=time_of(row.expires_ms) if row.expires_ms is not None else None,
        last_used=time_of(row.used_ms) if row.used_ms is not None else None,
    )
