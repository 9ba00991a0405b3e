"""Cookie sessions: a signed random value in the browser, its hash and owner in the state database.

The signature lets forged cookies be refused without asking the database; the table lets a session be ended
from the server. Only the SHA-256 of the value is stored: a copy of the database opens no session.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from itsdangerous import BadSignature, Signer, TimestampSigner
from sqlalchemy import delete, func, select

from starfort.admin.errors import NotFoundError
from starfort.admin.keys import signing_key
from starfort.admin.roles import Principal, Role
from starfort.state.database import StateDatabase, now_ms, time_of
from starfort.state.tables import LoginSession, User

IDLE_MS = 30 * 60 * 1000
"""A session ends after half an hour without a request (OWASP ASVS 4.0.3, 3.3.2, level 2). An open page that
shows figures asks again by itself, so nobody who reads a screen is thrown out."""
ABSOLUTE_MS = 12 * 60 * 60 * 1000
"""A session ends after twelve hours in any case: one working day."""
MAX_PER_USER = 20
"""When an account has more sessions, those that were unused longest end."""
_TOUCH_MS = 30_000
_MAX_COOKIE = 512
_ID = 16
TICKET_S = 300
"""How long a right password waits for its code."""
Required = Callable[[], frozenset[Role]]


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session as its owner sees it."""

    id: str
    """The first characters of its key; no cookie follows from them."""
    created: datetime
    last_used: datetime
    address: str
    """Where the login came from."""


class Sessions:
    """The sessions of one installation.

    Args:
        database: the state.
        data_dir: where the signing key is (made at first start, 32 random bytes, mode 0600).
        required: roles that must have a second factor, as the configuration in force says.
    """

    def __init__(self, database: StateDatabase, data_dir: Path, required: Required = frozenset) -> None:
        self._database = database
        self._required = required
        key = signing_key(data_dir)
        self._signer = Signer(key, salt="starfort.session", digest_method=hashlib.sha256)
        self._browsers = Signer(key, salt="starfort.browser", digest_method=hashlib.sha256)
        self._tickets = TimestampSigner(key, salt="starfort.ticket", digest_method=hashlib.sha256)

    def open(self, user_name: str, address: str) -> str:
        """Begin a session.

        Args:
            user_name: an existing account.
            address: of the browser, shown in the list of sessions.

        Returns:
            The cookie's value.
        """
        # The cookie's value and the CSRF token are independent: a page that shows the token (in a form) then
        # tells nothing of the cookie, which scripts cannot read.
        value = secrets.token_urlsafe(32)
        with self._database.begin() as session:
            user = session.scalars(select(User).where(User.name == user_name)).one()
            now = now_ms()
            user.last_login_ms = now
            # Sessions that ended by time are removed when somebody logs in: nothing else reads them.
            session.execute(delete(LoginSession).where(LoginSession.created_ms < now - ABSOLUTE_MS))
            session.execute(delete(LoginSession).where(LoginSession.seen_ms < now - IDLE_MS))
            # Those beyond the limit, oldest first to go; this one is not among them yet, hence one less.
            others = session.scalars(
                select(LoginSession)
                .where(LoginSession.user_id == user.id)
                .order_by(LoginSession.seen_ms.desc())
                .offset(MAX_PER_USER - 1)
            )
            for row in others:
                session.delete(row)
            session.add(
                LoginSession(
                    key=_key(value), user_id=user.id, csrf=secrets.token_urlsafe(32), created_ms=now,
                    seen_ms=now, address=address[:64],
                )
            )  # fmt: skip
        return self._signer.sign(value).decode()

    def find(self, cookie: str | None) -> Principal | None:
        """Who the cookie belongs to; `None` when it is forged, unknown or expired."""
        # The signature is tested first: a forged cookie never reaches the database.
        if not cookie or len(cookie) > _MAX_COOKIE:
            return None
        try:
            value = self._signer.unsign(cookie).decode()
        except (BadSignature, UnicodeError):
            return None
        return self.find_key(_key(value))

    def find_key(self, key: str) -> Principal | None:
        """The same by the session's key, for pages that outlive the request that opened them."""
        now = now_ms()
        with self._database.begin() as session:
            row = session.get(LoginSession, key)
            if row is None:
                return None
            if now - row.created_ms > ABSOLUTE_MS or now - row.seen_ms > IDLE_MS:
                session.delete(row)
                return None
            # Not at each request: a page that asks every second would write to the disk every second.
            if now - row.seen_ms > _TOUCH_MS:
                row.seen_ms = now
            user = session.get_one(User, row.user_id)
            role = Role(user.role)
            return Principal(
                name=user.name, role=role, via="session", csrf=row.csrf, session_key=key, theme=user.theme,
                second_factor=user.totp is not None,
                must_enrol=user.totp is None and role in self._required(),
            )  # fmt: skip

    def close(self, key: str) -> None:
        """End a session; ending one that is over is no error."""
        with self._database.begin() as session:
            session.execute(delete(LoginSession).where(LoginSession.key == key))

    def browser(self, name: str) -> str:
        """Value of the cookie that makes a browser known to an account; a new password ends it."""
        return self._browsers.sign(f"{self._mark(name)}.{secrets.token_urlsafe(12)}").decode()

    def known_browser(self, cookie: str | None, name: str) -> str:
        """Key of a browser in which an account logged in before; "" when it is not known to this account."""
        if not cookie or len(cookie) > _MAX_COOKIE:
            return ""
        try:
            value = self._browsers.unsign(cookie).decode()
        except (BadSignature, UnicodeError):
            return ""
        # The mark has the time of the last password change: a new password makes every browser unknown again.
        mark = self._mark(name)
        return value if mark and value.startswith(f"{mark}.") else ""

    def ticket(self, name: str) -> str:
        """Says for `TICKET_S` that an account's password was right."""
        return self._tickets.sign(f"{self._mark(name)}.{name}").decode()

    def ticket_owner(self, ticket: str) -> str | None:
        """Whose password a ticket says was right; `None` when it is forged, old, or the password changed."""
        if len(ticket) > _MAX_COOKIE:
            return None
        try:
            value = self._tickets.unsign(ticket, max_age=TICKET_S).decode()
        except (BadSignature, UnicodeError):
            return None
        name = value.partition(".")[2]
        return name if value == f"{self._mark(name)}.{name}" else None

    def _mark(self, name: str) -> str:
        """Stands for an account with its password; "" for an unknown one."""
        with self._database.begin() as session:
            row = session.execute(
                select(User.id, User.password_changed_ms).where(User.name == name)
            ).one_or_none()
            return f"{row[0]}-{row[1]}" if row is not None else ""

    def list(self, name: str) -> list[OpenSession]:
        """An account's sessions, last used first; at most `MAX_PER_USER`."""
        with self._database.begin() as session:
            rows = session.scalars(
                select(LoginSession)
                .join(User, User.id == LoginSession.user_id)
                .where(User.name == name, LoginSession.seen_ms > now_ms() - IDLE_MS)
                .order_by(LoginSession.seen_ms.desc())
            )
            return [
                OpenSession(row.key[:_ID], time_of(row.created_ms), time_of(row.seen_ms), row.address)
                for row in rows
            ]

    def end(self, name: str, session_id: str) -> None:
        """End one of an account's sessions.

        Args:
            name: the account.
            session_id: as `list` gives it.

        Raises:
            NotFoundError: it has no such session.
        """
        with self._database.begin() as session:
            mine = select(User.id).where(User.name == name).scalar_subquery()
            row = session.scalar(
                select(LoginSession).where(
                    # Only sessions of one's own: the id of another's must not be found out by trying.
                    LoginSession.user_id == mine,
                    LoginSession.key.startswith(session_id, autoescape=True),
                )
            )
            if row is None or len(session_id) != _ID:
                raise NotFoundError("there is no such session of yours")
            session.delete(row)

    def count(self) -> int:
        """How many sessions the table holds."""
        with self._database.begin() as session:
            return session.scalar(select(func.count()).select_from(LoginSession)) or 0


def _key(value: str) -> str:
    # A fast hash is enough for a random value; see `tokens`.
    return hashlib.sha256(value.encode()).hexdigest()
